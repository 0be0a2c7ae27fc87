"""Commands in forked processes of their own, killed at a moment that is given.

Forking an interpreter that has imported everything makes a trial cost tens of milliseconds.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from dlcore.cli import main

HANG_S = 60.0  # no command takes longer than a second or two when nothing disturbs it
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


def preload() -> None:
    """Import what commands import when they are used."""
    for name in ("fetch", "publish", "run", "verify"):
        importlib.import_module(f"dlcore.cli.{name}")


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
    began_s = time.monotonic()
    child = os.fork()
    if child == 0:
        _become(arguments, output, env)
    with contextlib.suppress(PermissionError, ProcessLookupError):
        os.setpgid(child, child)  # the child does so too: whoever comes first
    end_s = began_s + (HANG_S if kill_after_s is None else kill_after_s)
    status = _wait_until(child, end_s)
    if status is None:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    seconds = time.monotonic() - began_s
    text = output.read_text(errors="replace") if output.exists() else ""
    return Ended(status, status is None and kill_after_s is None, text, seconds)


def _wait_until(child: int, end_s: float) -> int | None:
    while time.monotonic() < end_s:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(POLL_S)
    return None


def _become(arguments: Sequence[object], output: Path, env: Mapping[str, str]) -> NoReturn:
    status = 70
    try:
        os.setpgid(0, 0)
        os.environ.update(env)
        with output.open("a", buffering=1) as printed:
            os.dup2(printed.fileno(), 1)
            os.dup2(printed.fileno(), 2)
        sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
    finally:
        os._exit(status)
