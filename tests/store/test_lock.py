"""One process at a time on a state directory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dlcore.disk import lock
from dlcore.errors import LockedError
from dlcore.store import Store
from dlcore.store.lock import RUN_LOCK, StateLock, check_no_run_goes_on

OPEN = """
import sys, pathlib
from dlcore.errors import LockedError
from dlcore.store import Store
from dlcore.store.lock import RUN_LOCK, StateLock, check_no_run_goes_on
try:
    with Store.open(pathlib.Path(sys.argv[1]), wait_s=float(sys.argv[2])):
        print("opened", flush=True)
        sys.stdin.read()
except LockedError as error:
    print(error.message)
    sys.exit(error.exit_status)
"""


def other_process(state: Path, wait_s: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OPEN, str(state), str(wait_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_second_process_is_told_who_holds_the_state_directory(tmp_path: Path) -> None:
    """Fault G1: two processes use one state directory. dlcore tells the second who holds it."""
    with Store.open(tmp_path):
        process = other_process(tmp_path, 0)
        output, _ = process.communicate()
    assert process.returncode == 10
    assert f"process {os.getpid()} on " in output
    assert str(tmp_path) in output


def test_a_second_process_that_may_wait_gets_its_turn(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    with other_process(tmp_path, 60) as process:
        assert process.stdout
        assert process.poll() is None
        store.close()
        assert process.stdout.readline() == "opened\n"
        process.communicate()
    assert process.returncode == 0


def test_a_killed_holder_leaves_no_lock_behind(tmp_path: Path) -> None:
    """Fault G1: the holder of a lock is killed. dlcore's lock ends with its process."""
    with other_process(tmp_path, 0) as process:
        assert process.stdout
        assert process.stdout.readline() == "opened\n"
        with pytest.raises(LockedError, match=f"process {process.pid}"):
            Store.open(tmp_path)
        process.kill()
        process.wait()
    Store.open(tmp_path).close()


def test_one_process_cannot_open_it_twice_either(tmp_path: Path) -> None:
    with Store.open(tmp_path), pytest.raises(LockedError):
        Store.open(tmp_path)


def test_a_store_may_be_closed_by_another_thread_and_twice(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    thread = threading.Thread(target=store.close)
    thread.start()
    thread.join()
    with Store.open(tmp_path):
        store.close()
        with pytest.raises(LockedError):  # the second close did not release the lock of others
            Store.open(tmp_path)


def test_a_lock_that_cannot_be_closed_is_no_fault(tmp_path: Path) -> None:
    """Fault: closing the lock file fails. dlcore goes on: nothing was written to it."""
    held = lock.FileLock(tmp_path / "lock", 0.0)
    assert held._fd is not None
    os.close(held._fd)  # as a share does that has gone
    held.release()
    with lock.FileLock(tmp_path / "lock", 0.0):
        pass


@pytest.mark.posix_only(reason="a file that is open cannot be deleted on Windows")
def test_a_lock_whose_file_was_deleted_while_waiting_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try_lock = lock._try_lock

    def after_its_holder_deleted_all(fd: int, *, to_look: bool) -> bool:
        monkeypatch.setattr(lock, "_try_lock", try_lock)
        (tmp_path / "lock").unlink()
        return try_lock(fd, to_look=to_look)

    monkeypatch.setattr(lock, "_try_lock", after_its_holder_deleted_all)
    with Store.open(tmp_path, wait_s=60), pytest.raises(LockedError):
        Store.open(tmp_path)


def test_the_arguments_of_the_holder_are_not_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/dlcore", "--token", "canary"])
    with Store.open(tmp_path):
        owner = (tmp_path / "lock.owner").read_text()
    assert '"command":"dlcore"' in owner
    assert "canary" not in owner


@pytest.mark.parametrize("kind", ["of another process", "link", "garbage"])
def test_the_holder_is_told_whatever_lay_in_the_place_of_its_name(
    tmp_path: Path, kind: str
) -> None:
    """Fault: something else is in the place of lock.owner. dlcore replaces it by the true one."""
    place, victim = tmp_path / "state" / "lock.owner", tmp_path / "victim"
    place.parent.mkdir(mode=0o700)
    victim.write_text("precious")
    match kind:
        case "link":
            place.symlink_to(victim)
        case "garbage":
            place.write_bytes(b"\0" * 100_000)
        case _:
            place.write_text('{"pid":1,"host":"h","command":"init","since":"then"}')
    with (
        Store.open(place.parent),
        pytest.raises(LockedError, match=f"process {os.getpid()} on "),
    ):
        Store.open(place.parent)
    assert not place.exists()
    assert victim.read_text() == "precious"


def test_those_who_look_do_not_take_each_other_for_a_run(tmp_path: Path) -> None:
    """Fault: an agent looks twice at once whether a run goes on. Neither look sees one."""
    Store.open(tmp_path).close()
    StateLock(tmp_path, 0.0, RUN_LOCK).release()
    looking = StateLock(tmp_path, 0.0, RUN_LOCK, to_look=True)
    check_no_run_goes_on(tmp_path)
    with pytest.raises(LockedError):
        StateLock(tmp_path, 0.0, RUN_LOCK)
    looking.release()
    run = StateLock(tmp_path, 0.0, RUN_LOCK)
    with pytest.raises(LockedError, match="a task sequence is run"):
        check_no_run_goes_on(tmp_path)
    run.release()
