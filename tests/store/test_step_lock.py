"""The locks of a step, and the programs that inherit them: real processes hold them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from dlcore.errors import LockedError
from dlcore.store import Store
from dlcore.store.lock import CONTENT_LOCK, RUN_LOCK, StateLock
from dlcore.store.step_lock import MARK_VARIABLE, StepLock

MARK = "0123456789abcdef"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory in which nobody holds anything."""
    Store.open(tmp_path / "state").close()
    return tmp_path / "state"


@contextmanager
def program(
    descriptors: tuple[int, ...] = (), environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A program of a step; it has ended when the ``with`` statement has."""
    with subprocess.Popen(
        ["/bin/cat"],
        stdin=subprocess.PIPE,
        pass_fds=descriptors,
        env={**os.environ, **(environment or {})},
    ) as process:
        yield process


def begun(state: Path, beside: str) -> tuple[StateLock, StepLock]:
    """What a run holds whose third step has begun."""
    return StateLock(state, 0.0, beside), StepLock(state, beside, 3, "Install it", MARK)


def killed(lock: StateLock, of_step: StepLock) -> None:
    """What the system does with the descriptors of a process that is killed."""
    of_step.leave()
    lock.release()


def take(state: Path, beside: str) -> None:
    """Take the lock of a run, and give it back."""
    StateLock(state, 0.0, beside).release()


@pytest.mark.posix_only(reason="no program outlives its run on Windows")
@pytest.mark.parametrize("beside", [RUN_LOCK, CONTENT_LOCK])
def test_a_lock_is_held_while_a_program_of_the_step_lives(state: Path, beside: str) -> None:
    """Fault: a run is killed while its step works. Nobody gets its locks before the step ends."""
    lock, of_step = begun(state, beside)
    with program(of_step.descriptors):
        killed(lock, of_step)
        for _ in range(2):  # looking changes nothing
            with pytest.raises(LockedError, match="step 3 'Install it'") as caught:
                take(state, beside)
            assert "fuser" in caught.value.remedy
            assert "Install it" in caught.value.holder
    take(state, beside)


@pytest.mark.posix_only(reason="no program outlives its run on Windows")
def test_what_a_step_leaves_running_on_purpose_holds_nothing(state: Path) -> None:
    """Fault: a step starts a daemon and ends. Its run, and the next one, go on beside that."""
    lock, of_step = begun(state, RUN_LOCK)
    with program(of_step.descriptors, {MARK_VARIABLE: MARK}):
        of_step.end()
        following = StepLock(state, RUN_LOCK, 4, "Next", "another mark")
        killed(lock, following)
        take(state, RUN_LOCK)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the environment of processes")
def test_a_program_that_has_closed_the_descriptor_is_found(state: Path) -> None:
    """Fault: a program closes descriptors that it does not know. It counts by its environment."""
    lock, of_step = begun(state, RUN_LOCK)
    with program((), {MARK_VARIABLE: MARK}) as process:
        killed(lock, of_step)
        with pytest.raises(LockedError, match=rf"\(process {process.pid}\)") as caught:
            take(state, RUN_LOCK)
        assert f"end it (process {process.pid})" in caught.value.remedy
    take(state, RUN_LOCK)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the environment of processes")
def test_the_error_names_some_of_many_processes(state: Path) -> None:
    lock, of_step = begun(state, RUN_LOCK)
    given = of_step.descriptors, {MARK_VARIABLE: MARK}
    with program(*given), program(*given), program(*given), program(*given):
        killed(lock, of_step)
        with pytest.raises(LockedError, match=r"\(process \d+, \d+, \d+ and 1 more\)"):
            take(state, RUN_LOCK)


def test_a_step_whose_programs_have_ended_keeps_nobody_out(state: Path) -> None:
    """Fault: the machine goes down while a step works. The next run begins."""
    killed(*begun(state, RUN_LOCK))
    take(state, RUN_LOCK)
    lock, of_step = begun(state, RUN_LOCK)
    of_step.end()
    lock.release()
    assert not (state / "run.lock.step.owner").exists()


@pytest.mark.parametrize(
    "document", [b"", b"\xff", b"[", b'{"mark":"' + b"x" * 5000 + b'"}', b'{"x":' + b"[" * 4000]
)
def test_what_a_step_says_of_itself_may_be_damaged(state: Path, document: bytes) -> None:
    lock, of_step = begun(state, RUN_LOCK)
    (state / "run.lock.step.owner").write_bytes(document)
    lock.release()
    with pytest.raises(LockedError, match="a step of a run still works"):
        take(state, RUN_LOCK)
    of_step.leave()
    take(state, RUN_LOCK)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the environment of processes")
def test_a_step_whose_mark_cannot_be_kept_does_not_begin(state: Path) -> None:
    """Fault: the disk takes no mark of a step. The step does not begin: nothing would find it."""
    lock = StateLock(state, 0.0, RUN_LOCK)
    (state / "run.lock.step.owner").mkdir()
    with pytest.raises(OSError, match="owner"):
        StepLock(state, RUN_LOCK, 3, "Install it", MARK)
    (state / "run.lock.step.owner").rmdir()
    StepLock(state, RUN_LOCK, 3, "Install it", MARK).end()
    lock.release()


def test_looking_makes_no_file(state: Path) -> None:
    before = sorted(state.iterdir())
    take(state, CONTENT_LOCK)
    assert sorted(state.iterdir()) == before
