"""Calls that must not wait for the writer of a pipe that lies in the place of a file."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
_MAX_S = 10.0  # of a call that waits for ever


def without_waiting(pipe: Path, call: Callable[[], object]) -> BaseException | None:
    """Make a pipe and a call; what the call raised, if it did.

    A call that waits is let go, and fails the test.
    """
    pipe.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(pipe, 0o600)
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:  # the test looks at it
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(_MAX_S)
    has_waited = thread.is_alive()
    os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))  # what waits goes on
    assert not has_waited
    return raised[0] if raised else None
