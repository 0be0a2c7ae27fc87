"""Notices on Windows that the console is being closed, or that the user logs off.

Windows ends the process when the handler returns, and after 5 s in any case. Elsewhere a closed
terminal is not the process's end unless somebody sends it a signal.

Source: Microsoft Learn, "HandlerRoutine callback function".
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT = 2, 5, 6
_ENDS = frozenset({CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT})
MARGIN_S = 0.5


@contextlib.contextmanager
def on_console_close(closes: Callable[[], float]) -> Iterator[None]:
    """Call ``closes`` inside when the console is being closed; does nothing but on Windows.

    Args:
        closes: Asks the process to end. Returns how many seconds it takes at most.
    """
    if sys.platform != "win32":
        yield
        return
    import ctypes
    from ctypes import wintypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    routine = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)
    with registered(kernel, routine(handler_of(closes, time.sleep))):
        yield


def handler_of(
    closes: Callable[[], float], sleep: Callable[[float], None]
) -> Callable[[int], bool]:
    """The handler that Windows calls, in a thread of its own, for each event of the console."""

    def handle(event: int) -> bool:
        if event not in _ENDS:
            return False  # Ctrl+C and Ctrl+Break are signals
        sleep(closes() + MARGIN_S)
        return True

    return handle


@contextlib.contextmanager
def registered(kernel: Any, handler: object) -> Iterator[None]:
    """Register a handler with Windows while inside."""
    kernel.SetConsoleCtrlHandler(handler, True)
    try:
        yield
    finally:
        kernel.SetConsoleCtrlHandler(handler, False)
