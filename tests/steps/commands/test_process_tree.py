"""Ending a command ends all that it has started."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from dlcore.steps.commands.windows_tree import CREATE_SUSPENDED, WindowsTree

if sys.platform != "win32":
    from dlcore.steps.commands.posix_tree import PosixTree

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only /proc tells descendants")

# Each starts a process that would go on for ten minutes, and prints its id.
_SLEEPER = f'{sys.executable} -c "import os,time; print(os.getpid(),flush=True); time.sleep(600)"'
ESCAPES = {
    "a child in the background": f"{_SLEEPER} & wait",
    "a session of its own": f"setsid {_SLEEPER} & wait",
    "a daemon": f"(setsid {_SLEEPER} &); sleep 600",
    "a child without the environment": f"env -i setsid {_SLEEPER} & wait",
}


@on_linux
@pytest.mark.parametrize("kind", ESCAPES)
def test_nothing_of_the_command_is_left(kind: str) -> None:
    """Fault P3: a step's command leaves its group and is ended. dlcore ends all of it."""
    mark = f"mark-{os.getpid()}-{id(kind)}"
    tree = PosixTree(mark)
    command = subprocess.Popen(
        ["/bin/sh", "-c", ESCAPES[kind]],
        stdout=subprocess.PIPE,
        env={**os.environ, "MARK": mark},
        start_new_session=True,
    )
    tree.adopt(command)
    assert command.stdout
    pid = int(command.stdout.readline())
    watched = os.pidfd_open(pid)
    tree.end()
    tree.end()  # nothing is left to end
    command.wait()
    command.stdout.close()
    assert has_ended(watched)


@on_linux
def test_other_processes_go_on() -> None:
    tree = PosixTree("mark-of-this-test-only")
    other = subprocess.Popen(["sleep", "600"])
    command = subprocess.Popen(
        ["sleep", "600"], env={"MARK": "mark-of-this-test-only"}, start_new_session=True
    )
    tree.adopt(command)
    tree.end()
    command.wait()
    assert other.poll() is None
    other.kill()
    other.wait()


def has_ended(pidfd: int) -> bool:
    ready, _, _ = select.select([pidfd], [], [], 10)
    if not ready:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    os.close(pidfd)
    return bool(ready)


class Jobs:
    """A job object that writes down what is asked of it. Implements `WindowsJobs`."""

    def __init__(self, refuses: str = "") -> None:
        self.calls: list[str] = []
        self._refuses = refuses

    def _note(self, call: str) -> None:
        self.calls.append(call)
        if call == self._refuses:
            raise OSError(call)

    def assign(self, pid: int) -> None:
        self._note("assign")

    def resume(self, pid: int) -> None:
        self._note("resume")

    def terminate(self) -> None:
        self._note("terminate")

    def release(self) -> None:
        self._note("release")


@pytest.fixture
def command() -> Iterator[subprocess.Popen[bytes]]:
    waits = [sys.executable, "-c", "input()"]
    with subprocess.Popen(waits, stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_on_windows_a_command_is_in_the_job_before_it_runs(
    command: subprocess.Popen[bytes],
) -> None:
    jobs = Jobs()
    tree = WindowsTree(jobs)
    assert tree.creation_flags == CREATE_SUSPENDED
    tree.end()  # nothing was started
    tree.adopt(command)
    assert jobs.calls == ["assign", "resume"]
    tree.end()
    assert jobs.calls == ["assign", "resume", "terminate"]
    assert command.wait() != 0


@pytest.mark.parametrize("refuses", ["assign", "resume"])
def test_on_windows_a_command_without_a_job_does_not_run(
    command: subprocess.Popen[bytes], refuses: str
) -> None:
    """Fault: Windows refuses a job for a command. dlcore ends the command and says so."""
    with pytest.raises(OSError, match=refuses):
        WindowsTree(Jobs(refuses)).adopt(command)
    assert command.wait() != 0


def test_on_windows_the_command_is_ended_even_if_the_job_is_not(
    command: subprocess.Popen[bytes],
) -> None:
    tree = WindowsTree(Jobs("terminate"))
    tree.adopt(command)
    tree.end()
    assert command.wait() != 0


@pytest.mark.parametrize("refuses", ["", "release"])
def test_on_windows_what_a_command_leaves_behind_is_released(
    command: subprocess.Popen[bytes], refuses: str
) -> None:
    jobs = Jobs(refuses)
    tree = WindowsTree(jobs)
    tree.adopt(command)
    command.kill()
    command.wait()
    tree.release()
    assert jobs.calls == ["assign", "resume", "release"]
