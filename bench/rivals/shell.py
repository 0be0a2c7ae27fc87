"""Runs a command line as a user with an empty home folder would, and tells how it ended."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

BOUND_S = 20.0  # a command that has not ended by then hangs
_SIZE = (40, 120)  # rows and columns of a terminal
_LOOK_S = 0.005  # between two looks at whether a moment has come
_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR")


Moment = Callable[[], bool]
"""Whether the moment has come."""


class Ending(NamedTuple):
    """How a command ended.

    Attributes:
        status: Its exit status; None if it had to be killed.
        stdout: What it said.
        stderr: The same, of standard error.
        wall_s: From its start to its end.
    """

    status: int | None
    stdout: bytes = b""
    stderr: bytes = b""
    wall_s: float = 0.0


class Shell:
    """Runs command lines by ``/bin/sh``, each in a process group of its own."""

    def __init__(self, home: Path, programs: Path, environment: Mapping[str, str]) -> None:
        self._home = home
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        path = f"{programs}{os.pathsep}{kept.get('PATH', os.defpath)}"
        self._environment = {**kept, "PATH": path, "HOME": str(home), **environment}

    def run(
        self, line: str, interrupt_when: Moment | None = None, bound_s: float = BOUND_S
    ) -> Ending:
        """Run a command line to its end.

        Args:
            line: What a user would type.
            interrupt_when: When it gets the signal that Ctrl-C sends; None for never.
            bound_s: Time after which it is killed.
        """
        start_s = time.monotonic()
        with self._started(line, subprocess.PIPE) as process:
            if interrupt_when is not None:
                _until(interrupt_when, process, bound_s)
                _send(process, signal.SIGINT)
            try:
                stdout, stderr = process.communicate(timeout=bound_s)
            except subprocess.TimeoutExpired:
                _send(process, signal.SIGKILL)
                stdout, stderr = process.communicate()
                return Ending(None, stdout, stderr, time.monotonic() - start_s)
        return Ending(process.returncode, stdout, stderr, time.monotonic() - start_s)

    def run_and_kill(self, line: str, moment: Moment, bound_s: float = BOUND_S) -> float:
        """Run a command line, and kill it at a moment or when it ends; the seconds until then."""
        start_s = time.monotonic()
        with self._started(line, subprocess.DEVNULL) as process:
            _until(moment, process, bound_s)
        return time.monotonic() - start_s

    def on_terminal(self, line: str, bound_s: float = BOUND_S) -> Ending:
        """Run a command line on a terminal of its own; what it shows is ``stdout``."""
        mine, its = _terminal()
        shown: list[bytes] = []
        start_s = time.monotonic()
        reader = threading.Thread(target=_read_all, args=(mine, shown))
        reader.start()
        status: int | None = None
        try:
            timeout = contextlib.suppress(subprocess.TimeoutExpired)
            with self._started(line, its) as process, timeout:
                status = process.wait(bound_s)
        finally:
            os.close(its)
            reader.join()
            os.close(mine)
        return Ending(status, b"".join(shown), wall_s=time.monotonic() - start_s)

    @contextlib.contextmanager
    def _started(self, line: str, output: int) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen(
            ["/bin/sh", "-c", line],
            cwd=self._home,
            env={**self._environment, "TERM": "xterm"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            _send(process, signal.SIGKILL)
            process.wait()


def _terminal() -> tuple[int, int]:
    """Both sides of a new terminal: the user's, and the program's."""
    import fcntl  # Windows has none of them
    import pty
    import termios

    mine, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", *_SIZE, 0, 0))
    return mine, its


def _until(moment: Moment, process: subprocess.Popen[bytes], bound_s: float) -> None:
    end_s = time.monotonic() + bound_s
    while not moment() and process.poll() is None and time.monotonic() < end_s:
        time.sleep(_LOOK_S)


def _send(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _read_all(descriptor: int, into: list[bytes]) -> None:
    with contextlib.suppress(OSError):  # how Linux says that the other side was closed
        while data := os.read(descriptor, 1 << 16):
            into.append(data)
