"""Events of the console of Windows: Ctrl+C, Ctrl+Break, its closing, a log-off.

Windows calls a handler in a thread of its own, so it is told even while the main thread hangs. It
ends the process when the handler of a close returns, and after 5 s in any case. Elsewhere a closed
terminal is not the process's end unless somebody sends it a signal.

Services, and what they start, are told of the log-off of any user: it does not concern them. They
run in a session of their own, number 0.

Source: Microsoft Learn, "HandlerRoutine callback function", "SetConsoleCtrlHandler function".
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

CTRL_C_EVENT: Final = 0
CTRL_BREAK_EVENT: Final = 1
CTRL_CLOSE_EVENT: Final = 2
CTRL_LOGOFF_EVENT: Final = 5
CTRL_SHUTDOWN_EVENT: Final = 6
_SIGNALS: Final = {
    CTRL_C_EVENT: signal.SIGINT,
    CTRL_BREAK_EVENT: getattr(signal, "SIGBREAK", signal.SIGINT),
}
_ENDS: Final = frozenset({CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT})
MARGIN_S: Final = 0.5


@contextlib.contextmanager
def on_console_events(
    closes: Callable[[], float], signalled: Callable[[int], None]
) -> Iterator[None]:
    """Tell of the console's events inside; does nothing except on Windows.

    Args:
        closes: Asks the process to end. Returns how many seconds it takes at most.
        signalled: Is given the number of a signal that the main thread is about to get.
    """
    if sys.platform != "win32":
        yield
        return
    import ctypes
    from ctypes import wintypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    routine = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)
    kernel.SetConsoleCtrlHandler.argtypes = [routine, wintypes.BOOL]
    ends = _ENDS - {CTRL_LOGOFF_EVENT} if _is_in_session_of_services(kernel) else _ENDS
    with registered(kernel, routine(handler_of(closes, signalled, time.sleep, ends))):
        yield


def _is_in_session_of_services(kernel: Any) -> bool:
    import ctypes

    session = ctypes.c_uint32(1)
    kernel.ProcessIdToSessionId(kernel.GetCurrentProcessId(), ctypes.byref(session))
    return session.value == 0


def handler_of(
    closes: Callable[[], float],
    signalled: Callable[[int], None],
    sleep: Callable[[float], None],
    ends: frozenset[int] = _ENDS,
) -> Callable[[int], bool]:
    """The handler that Windows calls, in a thread of its own, for each event of the console."""

    def handle(event: int) -> bool:
        if event in _SIGNALS:
            signalled(_SIGNALS[event])
            return False  # the interpreter's own handler makes it a signal
        if event not in ends:
            return False
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
