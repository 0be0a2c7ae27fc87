"""Registers the agent as a service of Windows; changes, starts, stops and removes it.

A service of that name that dlcore has not registered is never changed or removed.

Source: learn.microsoft.com/en-us/windows/win32/api/winsvc (CreateServiceW, ChangeServiceConfigW,
ChangeServiceConfig2W, QueryServiceConfigW, StartServiceW, ControlService, DeleteService),
.../win32/services/service-security-and-access-rights
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from dlcore.agent.system.windows_service import START_WITHIN_MS, STOP_WITHIN_MS, ServiceState
from dlcore.errors import AgentError

assert sys.platform == "win32"

MARK: Final = "dlcore.cli.windows_service"  # in the command line of each service of dlcore's
DISPLAY_NAME: Final = "dlcore agent"
DESCRIPTION: Final = (
    "Fetches the packages of task sequences to this machine before they are requested."
)
RESTART_AFTER_S: Final = (10, 60, 300)  # after a failure; the last one for all further ones
FORGET_FAILURES_S: Final = 86_400
REMOVED_WITHIN_S: Final = 10.0  # its process has to end first
POLL_S: Final = 0.1

_ALL_ACCESS_TO_MANAGER, _CONNECT = 0xF003F, 0x1
_ALL_ACCESS = 0xF01FF
_OWN_PROCESS, _AUTOMATIC, _NORMAL = 0x10, 2, 1
_DESCRIPTION, _FAILURE_ACTIONS, _ON_EVERY_FAILURE = 1, 2, 4
_RESTART = 1
_STOP = 1
_ACCESS_DENIED, _BUFFER_TOO_SMALL, _UNKNOWN_LEVEL = 5, 122, 124
_ALREADY_RUNNING, _NOT_THERE, _NOT_ACTIVE, _MARKED = 1056, 1060, 1062, 1072

_log = logging.getLogger(__name__)
_advapi = ctypes.WinDLL("advapi32", use_last_error=True)
_HANDLE: Final = ctypes.c_void_p
_TEXT: Final = ctypes.c_wchar_p
_NUMBER: Final = ctypes.c_uint32


def _declare(name: str, *arguments: Any, returns: Any = ctypes.c_int) -> None:
    """Say what a function of Windows takes: a handle would be cut to 32 bits."""
    function = getattr(_advapi, name)
    function.argtypes, function.restype = arguments, returns


_declare("OpenSCManagerW", _TEXT, _TEXT, _NUMBER, returns=_HANDLE)
_declare("OpenServiceW", _HANDLE, _TEXT, _NUMBER, returns=_HANDLE)
_declare(
    "CreateServiceW",
    _HANDLE,  # hSCManager
    _TEXT,  # lpServiceName
    _TEXT,  # lpDisplayName
    _NUMBER,  # dwDesiredAccess
    _NUMBER,  # dwServiceType
    _NUMBER,  # dwStartType
    _NUMBER,  # dwErrorControl
    _TEXT,  # lpBinaryPathName
    _TEXT,  # lpLoadOrderGroup
    _HANDLE,  # lpdwTagId
    _TEXT,  # lpDependencies
    _TEXT,  # lpServiceStartName
    _TEXT,  # lpPassword
    returns=_HANDLE,
)
_declare(
    "ChangeServiceConfigW",
    _HANDLE,  # hService
    _NUMBER,  # dwServiceType
    _NUMBER,  # dwStartType
    _NUMBER,  # dwErrorControl
    _TEXT,  # lpBinaryPathName
    _TEXT,  # lpLoadOrderGroup
    _HANDLE,  # lpdwTagId
    _TEXT,  # lpDependencies
    _TEXT,  # lpServiceStartName
    _TEXT,  # lpPassword
    _TEXT,  # lpDisplayName
)
_declare("ChangeServiceConfig2W", _HANDLE, _NUMBER, _HANDLE)
_declare("QueryServiceConfigW", _HANDLE, _HANDLE, _NUMBER, _HANDLE)
_declare("QueryServiceStatus", _HANDLE, _HANDLE)
_declare("StartServiceW", _HANDLE, _NUMBER, _HANDLE)
_declare("ControlService", _HANDLE, _NUMBER, _HANDLE)
_declare("DeleteService", _HANDLE)
_declare("CloseServiceHandle", _HANDLE)


class _Action(ctypes.Structure):
    """SC_ACTION."""

    _fields_ = (("kind", ctypes.c_int), ("after_ms", ctypes.c_uint32))


class _FailureActions(ctypes.Structure):
    """SERVICE_FAILURE_ACTIONSW."""

    _fields_ = (
        ("forget_s", ctypes.c_uint32),
        ("message", ctypes.c_wchar_p),
        ("command", ctypes.c_wchar_p),
        ("count", ctypes.c_uint32),
        ("actions", ctypes.POINTER(_Action)),
    )


class _Configuration(ctypes.Structure):
    """QUERY_SERVICE_CONFIGW."""

    _fields_ = (
        ("kind", ctypes.c_uint32),
        ("start", ctypes.c_uint32),
        ("error_control", ctypes.c_uint32),
        ("command_line", ctypes.c_wchar_p),
        ("group", ctypes.c_wchar_p),
        ("tag", ctypes.c_uint32),
        ("dependencies", ctypes.c_wchar_p),
        ("account", ctypes.c_wchar_p),
        ("display_name", ctypes.c_wchar_p),
    )


class ServiceEntry:
    """The entry of one service.

    Args:
        name: The service's name.
        sleep: Waits some seconds.
    """

    def __init__(self, name: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._name = name
        self._sleep = sleep

    def command_line(self) -> str | None:
        """What Windows starts; None if there is no such service.

        Raises:
            AgentError: Windows refused.
        """
        with self._opened(_CONNECT, 0x1) as service:  # SERVICE_QUERY_CONFIG
            return None if service is None else _command_line(service)

    def state(self) -> ServiceState | None:
        """What the service does; None if there is no such service. Raises as `command_line`."""
        with self._opened(_CONNECT, 0x4) as service:  # SERVICE_QUERY_STATUS
            return None if service is None else _state(service)

    def check(self) -> None:
        """Refuse to change or remove what dlcore has not registered.

        Raises:
            AgentError: It is such a service, or Windows refused. Nothing was changed.
        """
        found = self.command_line()
        if found is not None and MARK not in found:
            raise AgentError(
                f"the service {self._name} was not installed by dlcore: it starts {found}",
                remedy=f"Remove it ('sc delete {self._name}'), and run the command again.",
            )

    def install(self, command_line: str) -> Iterator[str]:
        """Register the service and start it; reports each change once it is made.

        What is there is changed, and a service that runs is restarted.

        Args:
            command_line: What Windows starts, as the system, whenever it starts itself.

        Raises:
            AgentError: The service is not dlcore's, or Windows refused. What was reported is done.
        """
        self.check()
        before = self.command_line()
        with _manager(_ALL_ACCESS_TO_MANAGER) as manager:
            service = self._open(manager, _ALL_ACCESS)
            if service is None:
                service = self._create(manager, command_line)
        try:
            if before is not None:  # dlcore itself may be another one now
                self._stop(service)
                self._change(service, command_line)
            _configure(service)
            if before == command_line:
                yield f"left the service {self._name} as it was"
            else:
                yield f"{'changed' if before else 'installed'} the service {self._name}"
            if not _advapi.StartServiceW(service, 0, None):
                _check("start the service", besides=_ALREADY_RUNNING)
            self._wait_for_start(service)
            yield "started it"
        finally:
            _advapi.CloseServiceHandle(service)

    def uninstall(self) -> Iterator[str]:
        """Stop the service and remove it; reports each change once it is made. Idempotent.

        Raises:
            AgentError: The service is not dlcore's, or Windows refused. What was reported is done.
        """
        self.check()
        with self._opened(_ALL_ACCESS_TO_MANAGER, _ALL_ACCESS) as service:
            if service is None:
                return
            self._stop(service)
            yield f"the service {self._name} is stopped"
            if not _advapi.DeleteService(service):
                _check("remove the service", besides=_MARKED)
        for _ in range(int(REMOVED_WITHIN_S / POLL_S)):
            if self.command_line() is None:
                yield f"removed the service {self._name}"
                return
            self._sleep(POLL_S)
        yield f"the service {self._name} is removed when no program has it open any more"

    def _create(self, manager: int, command_line: str) -> int:
        service: int | None = _advapi.CreateServiceW(
            manager,
            self._name,
            DISPLAY_NAME,
            _ALL_ACCESS,
            _OWN_PROCESS,
            _AUTOMATIC,
            _NORMAL,
            command_line,
            None,  # no load order group
            None,  # no tag in it
            None,  # no dependencies
            None,  # it runs as the system,
            None,  # which has no password
        )
        if not service:
            raise _refused("install the service")
        return service

    def _change(self, service: int, command_line: str) -> None:
        if not _advapi.ChangeServiceConfigW(
            service,
            _OWN_PROCESS,
            _AUTOMATIC,
            _NORMAL,
            command_line,
            None,  # the load order group stays,
            None,  # the tag in it,
            None,  # the dependencies,
            None,  # the account that it runs as,
            None,  # and its password
            DISPLAY_NAME,
        ):
            raise _refused("change the service")

    def _stop(self, service: int) -> None:
        status = (ctypes.c_uint32 * 7)()
        if not _advapi.ControlService(service, _STOP, status):
            _check("stop the service", besides=_NOT_ACTIVE)
            return
        if (
            self._state_after(service, ServiceState.STOPPING, STOP_WITHIN_MS)
            is ServiceState.STOPPING
        ):
            raise AgentError(
                f"the service {self._name} does not stop",
                remedy="Wait until 'sc query' shows that it has, and run the command again.",
            )

    def _wait_for_start(self, service: int) -> None:
        state = self._state_after(service, ServiceState.STARTING, START_WITHIN_MS)
        if state is not ServiceState.RUNNING:
            raise AgentError(
                f"the service {self._name} was started and does not run ({state.name.lower()})",
                remedy="The log of the agent says why; correct that, and run the command again.",
            )

    def _state_after(self, service: int, passing: ServiceState, within_ms: int) -> ServiceState:
        """Wait until a passing state ends; returns the next one, or the same if it lasts."""
        state = _state(service)
        for _ in range(int(within_ms / 1000 / POLL_S)):
            if state is not passing:
                break
            self._sleep(POLL_S)
            state = _state(service)
        return state

    @contextlib.contextmanager
    def _opened(self, manager_access: int, access: int) -> Iterator[int | None]:
        with _manager(manager_access) as manager:
            service = self._open(manager, access)
        try:
            yield service
        finally:
            if service is not None:
                _advapi.CloseServiceHandle(service)

    def _open(self, manager: int, access: int) -> int | None:
        service: int | None = _advapi.OpenServiceW(manager, self._name, access)
        if not service:
            _check("open the service", besides=_NOT_THERE)
            return None
        return service


@contextlib.contextmanager
def _manager(access: int) -> Iterator[int]:
    manager: int | None = _advapi.OpenSCManagerW(None, None, access)
    if not manager:
        raise _refused("ask the service manager")
    try:
        yield manager
    finally:
        _advapi.CloseServiceHandle(manager)


def _command_line(service: int) -> str:
    needed = ctypes.c_uint32()
    _advapi.QueryServiceConfigW(service, None, 0, ctypes.byref(needed))
    if ctypes.get_last_error() != _BUFFER_TOO_SMALL:
        raise _refused("read the service")
    buffer = ctypes.create_string_buffer(needed.value)
    if not _advapi.QueryServiceConfigW(service, buffer, needed, ctypes.byref(needed)):
        raise _refused("read the service")
    return str(_Configuration.from_buffer(buffer).command_line)


def _state(service: int) -> ServiceState:
    status = (ctypes.c_uint32 * 7)()
    if not _advapi.QueryServiceStatus(service, status):
        raise _refused("ask for the state of the service")
    return ServiceState(status[1])


def _configure(service: int) -> None:
    """What Windows does when the service fails, and what it shows to people."""
    actions = [_Action(_RESTART, after_s * 1000) for after_s in RESTART_AFTER_S]
    array = (_Action * len(actions))(*actions)
    failures = _FailureActions(FORGET_FAILURES_S, None, None, len(actions), array)
    text = ctypes.c_wchar_p(DESCRIPTION)
    always = ctypes.c_int(True)  # also if it ends with an error, and not by a crash
    told: tuple[tuple[int, Any], ...] = (
        (_DESCRIPTION, text),
        (_FAILURE_ACTIONS, failures),
        (_ON_EVERY_FAILURE, always),
    )
    for level, value in told:
        if not _advapi.ChangeServiceConfig2W(service, level, ctypes.byref(value)):
            _check("configure the service", besides=_UNKNOWN_LEVEL)
            _log.warning("this version of Windows does not know setting %d of a service", level)


def _check(doing: str, *, besides: int) -> None:
    """Raise, unless the last call failed with the code that does not count as a failure here."""
    if ctypes.get_last_error() != besides:
        raise _refused(doing)


def _refused(doing: str) -> AgentError:
    code = ctypes.get_last_error()
    remedy = ""
    if code == _ACCESS_DENIED:
        remedy = "Run the command as an administrator (elevated)."
    elif code == _MARKED:
        remedy = "Close the list of services, which still has it open, and run the command again."
    return AgentError(
        f"Windows refused to {doing}: {ctypes.FormatError(code)} ({code})", remedy=remedy
    )
