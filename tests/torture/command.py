"""Commands in processes of their own, killed at a moment that is given.

Forking an interpreter that has imported everything makes a trial cost tens of milliseconds. Where
there is no fork, a new interpreter imports everything (`waiting`) before the time begins to run.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, Protocol

from dlcore.cli import main

HANG_S = 60.0 if hasattr(os, "fork") else 240.0
"""No command takes longer than a second or two when nothing disturbs it; under Wine, each step does
so by itself."""

READY = "ready\n"
POLL_S = 0.002


class Ended(NamedTuple):
    """How a command ended.

    Attributes:
        status: Its exit status; None if it was killed.
        is_hanging: Whether it was killed because it did not end.
        output: Everything that it printed.
        seconds: How long it ran.
    """

    status: int | None
    is_hanging: bool
    output: str
    seconds: float

    def report(self) -> dict[str, Any]:
        """What it printed because of ``--json``."""
        at = self.output.index("{\n")  # behind warnings
        found: dict[str, Any] = json.JSONDecoder().raw_decode(self.output, at)[0]
        return found


def preload() -> None:
    """Import what commands import when they are used."""
    for name in ("fetch", "publish", "run", "verify"):
        importlib.import_module(f"dlcore.cli.{name}")


class Process(Protocol):
    """A command that has been started."""

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        ...

    def kill(self) -> None:
        """End it at once, and wait until it has ended."""
        ...


def run(
    arguments: Sequence[object],
    output: Path,
    *,
    kill_after_s: float | None = None,
    env: Mapping[str, str],
) -> Ended:
    """Run ``dlcore`` with some arguments.

    Args:
        arguments: The arguments.
        output: File that receives what it prints.
        kill_after_s: When to kill it; None not to.
        env: Added to the environment.
    """
    start = Forked if hasattr(os, "fork") else Spawned
    child: Process = start([str(argument) for argument in arguments], output, env)
    began_s = time.monotonic()
    end_s = began_s + (HANG_S if kill_after_s is None else kill_after_s)
    status = _wait_until(child, end_s)
    if status is None:
        child.kill()
    seconds = time.monotonic() - began_s
    text = output.read_text(errors="replace") if output.exists() else ""
    return Ended(status, status is None and kill_after_s is None, text, seconds)


def _wait_until(child: Process, end_s: float) -> int | None:
    while time.monotonic() < end_s:
        if (status := child.poll()) is not None:
            return status
        time.sleep(POLL_S)
    return None


class Forked:
    """A fork of this process that becomes the command. Implements `Process`."""

    def __init__(self, arguments: Sequence[str], output: Path, env: Mapping[str, str]) -> None:
        self._pid = os.fork()
        if self._pid == 0:
            with contextlib.suppress(OSError):
                os.setpgid(0, 0)
            become(arguments, output, env)
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(self._pid, self._pid)  # the child does so too, and either may be first

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        found, status = os.waitpid(self._pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if found else None

    def kill(self) -> None:
        """Kill its process group."""
        os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


class Spawned:
    """A new interpreter that becomes the command when it has imported all. Implements `Process`."""

    def __init__(self, arguments: Sequence[str], output: Path, env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.waiting"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert self._process.stdin
        assert self._process.stdout
        assert self._process.stdout.readline() == READY
        job = {"arguments": arguments, "output": str(output), "env": dict(env)}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.close()

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        status = self._process.poll()
        if status is not None:
            self._close()
        return status

    def kill(self) -> None:
        """End it as the Task Manager does."""
        self._process.kill()
        self._process.wait()
        self._close()

    def _close(self) -> None:
        assert self._process.stdout
        self._process.stdout.close()


def become(arguments: Sequence[str], output: Path, env: Mapping[str, str]) -> NoReturn:
    """Be the command from now on."""
    status = 70
    try:
        os.environ.update(env)
        with output.open("w", buffering=1) as printed:
            os.dup2(printed.fileno(), 1)
            os.dup2(printed.fileno(), 2)
        sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
        try:
            main(list(arguments))
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
    finally:
        os._exit(status)
