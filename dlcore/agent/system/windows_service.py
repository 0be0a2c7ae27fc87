"""This process as a service of Windows: what its service manager is told, and what it asks.

The service manager calls in threads of its own. The command goes on in the main thread, as it would
from a command line: a stop, or the end of Windows, reaches it as the signal ``SIGTERM``.

Source: learn.microsoft.com/en-us/windows/win32/services/service-control-handler-function,
.../win32/api/winsvc (StartServiceCtrlDispatcherW, RegisterServiceCtrlHandlerExW, SetServiceStatus,
SERVICE_STATUS)
"""

from __future__ import annotations

import _thread
import contextlib
import ctypes
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any, Final

from dlcore.errors import AgentError

START_WITHIN_MS: Final = 300_000  # as the unit of systemd: a large state directory is looked at
STOP_WITHIN_MS: Final = 30_000
ASKED_TO_END: Final = (0, 143)  # exit statuses: a client asked for it, or the service manager
END_S: Final = 10.0  # for the service manager's own threads to end

_OWN_PROCESS = 0x10
_ACCEPT_STOP_AND_SHUTDOWN = 0x1 | 0x4
_STOP, _INTERROGATE, _SHUTDOWN = 1, 4, 5  # controls
_DONE, _NOT_IMPLEMENTED = 0, 120
_NOT_A_SERVICE = 1063  # ERROR_FAILED_SERVICE_CONTROLLER_CONNECT
_SPECIFIC = 1066  # ERROR_SERVICE_SPECIFIC_ERROR: the status is in the next member
_log = logging.getLogger(__name__)


class ServiceState(IntEnum):
    """What a service does, in Windows' numbers."""

    STOPPED = 1
    STARTING = 2
    STOPPING = 3
    RUNNING = 4


class _Status(ctypes.Structure):
    """SERVICE_STATUS."""

    _fields_ = tuple(
        (name, ctypes.c_uint32)
        for name in ("kind", "state", "accepted", "exit", "specific_exit", "checkpoint", "hint_ms")
    )


class WindowsService:
    """The service that this process is. Implements `ServiceManager`. Thread-safe.

    Args:
        report: Tells Windows a state: it is given a `_Status`.
        ask_to_end: Asks the process to end. Called from any thread.
    """

    sign_every_s: float | None = None

    def __init__(self, report: Callable[[Any], None], ask_to_end: Callable[[], None]) -> None:
        self._report = report
        self._ask_to_end = ask_to_end
        self._state = ServiceState.STARTING
        self._lock = threading.Lock()  # guards the order of states

    def starting(self) -> None:
        """The process has begun."""
        self._tell(ServiceState.STARTING, hint_ms=START_WITHIN_MS)

    def ready(self) -> None:
        """The agent listens."""
        self._tell(ServiceState.RUNNING)

    def alive(self) -> None:
        """Nothing to do: Windows does not want signs of life."""

    def stopping(self) -> None:
        """The agent has begun to end."""
        self._tell(ServiceState.STOPPING, hint_ms=STOP_WITHIN_MS)

    def stopped(self, exit_status: int) -> None:
        """The agent has ended.

        Args:
            exit_status: Its exit status; after an end that nobody asked for, Windows restarts it.
        """
        failed = exit_status not in ASKED_TO_END
        specific = exit_status if failed else 0
        self._tell(ServiceState.STOPPED, exit=_SPECIFIC if failed else 0, specific_exit=specific)

    def control(self, code: int) -> int:
        """Do what Windows asks; returns a code of Windows."""
        if code in (_STOP, _SHUTDOWN):
            self.stopping()
            self._ask_to_end()
            return _DONE
        return _DONE if code == _INTERROGATE else _NOT_IMPLEMENTED

    def _tell(self, state: ServiceState, **members: int) -> None:
        with self._lock:
            if self._state in (ServiceState.STOPPING, ServiceState.STOPPED) and state in (
                ServiceState.STARTING,
                ServiceState.RUNNING,
            ):
                return  # asked to end before it was ready
            self._state = state
            accepted = _ACCEPT_STOP_AND_SHUTDOWN if state is ServiceState.RUNNING else 0
            self._report(_Status(kind=_OWN_PROCESS, state=state, accepted=accepted, **members))


_of_this_process: WindowsService | None = None  # there is one at most, as there is one environment


def of_this_process() -> WindowsService | None:
    """The service that this process is, while `served` is entered; None if it is not a service."""
    return _of_this_process


def interrupt_main() -> None:
    """Ask the main thread to end, as ``SIGTERM`` does elsewhere."""
    _thread.interrupt_main(signal.SIGTERM)


if sys.platform == "win32":
    _advapi = ctypes.WinDLL("advapi32", use_last_error=True)
    _MAIN = ctypes.WINFUNCTYPE(None, ctypes.c_uint32, ctypes.c_void_p)
    _HANDLER = ctypes.WINFUNCTYPE(
        ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p
    )

    class _ServiceTableEntry(ctypes.Structure):
        """SERVICE_TABLE_ENTRYW."""

        _fields_ = (("name", ctypes.c_wchar_p), ("main", _MAIN))

    _advapi.RegisterServiceCtrlHandlerExW.restype = ctypes.c_void_p
    _advapi.RegisterServiceCtrlHandlerExW.argtypes = [ctypes.c_wchar_p, _HANDLER, ctypes.c_void_p]
    _advapi.SetServiceStatus.argtypes = [ctypes.c_void_p, ctypes.c_void_p]

    class _Dispatcher:
        """The threads in which Windows calls.

        Args:
            name: The service's name.
            ask_to_end: Asks the process to end.
        """

        def __init__(self, name: str, ask_to_end: Callable[[], None]) -> None:
            self._name = name
            self._ask_to_end = ask_to_end
            self._began = threading.Event()
            self._ended = threading.Event()
            self._code = 0
            self._main_routine = _MAIN(self._main)
            self._handler = _HANDLER(lambda code, *_: self._control(code))
            self._thread = threading.Thread(target=self._dispatch, daemon=True, name=name)
            self.service: WindowsService | None = None

        def begin(self) -> WindowsService:
            """Connect to the service manager; raises as `served`."""
            self._thread.start()
            self._began.wait()
            if self.service is None:
                started = self._code != _NOT_A_SERVICE
                raise AgentError(
                    f"this process cannot be the service {self._name}: "
                    f"{ctypes.FormatError(self._code)}",
                    remedy=""
                    if started
                    else "Run 'dlcore agent run': only Windows starts services.",
                )
            return self.service

        def end(self) -> None:
            """Let the threads end: the service has stopped."""
            self._ended.set()
            self._thread.join(END_S)

        def _dispatch(self) -> None:
            table = (_ServiceTableEntry * 2)(
                _ServiceTableEntry(self._name, self._main_routine),
                _ServiceTableEntry(None, _MAIN()),
            )
            if not _advapi.StartServiceCtrlDispatcherW(table):  # returns when the service stopped
                self._code = ctypes.get_last_error()
            self._began.set()

        def _main(self, _: int, __: int | None) -> None:
            handle = _advapi.RegisterServiceCtrlHandlerExW(self._name, self._handler, None)
            if not handle:
                self._code = ctypes.get_last_error()
                self._began.set()
                return

            def report(status: Any) -> None:
                if not _advapi.SetServiceStatus(handle, ctypes.byref(status)):
                    _log.warning("Windows could not be told a state: %d", ctypes.get_last_error())

            self.service = WindowsService(report, self._ask_to_end)
            self.service.starting()
            self._began.set()
            self._ended.wait()  # the service ends when this function returns

        def _control(self, code: int) -> int:
            return self.service.control(code) if self.service else _NOT_IMPLEMENTED

    @contextlib.contextmanager
    def served(
        name: str, ask_to_end: Callable[[], None] = interrupt_main
    ) -> Iterator[WindowsService]:
        """Be a service while the body runs; it calls `WindowsService.stopped` at its end.

        Args:
            name: The service's name.
            ask_to_end: Asks the process to end. Called from any thread.

        Raises:
            AgentError: Windows did not start this process as a service.
        """
        global _of_this_process
        dispatcher = _Dispatcher(name, ask_to_end)
        service = dispatcher.begin()
        _of_this_process = service
        try:
            yield service
        finally:
            _of_this_process = None
            dispatcher.end()
