r"""Windows' own functions on named pipes, with the rights that the agent's pipe has.

The pipe admits its owner, the system and the administrators, from this machine only. The first
server of a name makes it, and only users whom its access list admits can be servers beside it. A
client lets the server know who it is, and lends it none of its rights.

Source: learn.microsoft.com/en-us/windows/win32/api/namedpipeapi/nf-namedpipeapi-createnamedpipew,
.../win32/ipc/named-pipe-security-and-access-rights, .../win32/api/fileapi/nf-fileapi-createfilew
(SECURITY_SQOS_PRESENT, SECURITY_IDENTIFICATION)
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

from dlcore.disk import windows_security
from dlcore.disk.access_list import Security

assert sys.platform == "win32"

PRIVATE_PIPE: Final = f"O:{{user}}{windows_security.PRIVATE_FILE}"
"""Its owner is named: by default it would be what the process's token says, such as a group."""

PIPE_BUSY: Final = 231
BUFFER_BYTES: Final = 65_536

_READ_WRITE_OVERLAPPED = 0x4000_0003  # PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED
_FIRST_INSTANCE = 0x0008_0000
_BYTES_OF_THIS_MACHINE = 0x0008  # PIPE_TYPE_BYTE | PIPE_REJECT_REMOTE_CLIENTS
_UNLIMITED = 255
_GENERIC_READ_WRITE, _OPEN_EXISTING = 0xC000_0000, 3
_OVERLAPPED = 0x4000_0000
_IDENTIFICATION = 0x0011_0000  # SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION
_INVALID = ctypes.c_void_p(-1).value

_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.CreateNamedPipeW.restype = ctypes.c_void_p
_kernel.CreateFileW.restype = ctypes.c_void_p


def make_instance(name: str, *, is_first: bool) -> int:
    """An end of the pipe that waits for a client.

    Args:
        name: The pipe.
        is_first: Whether this has to be its first server; another one is an error then.

    Returns:
        A handle that child processes do not inherit.

    Raises:
        OSError: The system refused; with ``ERROR_ACCESS_DENIED`` another process has made the pipe.
    """
    mode = _READ_WRITE_OVERLAPPED | (_FIRST_INSTANCE if is_first else 0)
    attributes = windows_security.private_attributes(PRIVATE_PIPE)
    pipe = _kernel.CreateNamedPipeW(
        name,
        mode,
        _BYTES_OF_THIS_MACHINE,
        _UNLIMITED,
        BUFFER_BYTES,  # out
        BUFFER_BYTES,  # in
        0,  # the usual time limit
        attributes,
    )
    return _checked(pipe, name)


def open_client(name: str) -> int:
    """An end of the pipe that a server waits at; a handle that child processes do not inherit.

    Raises:
        FileNotFoundError: There is no server.
        PermissionError: The pipe does not admit this user.
        OSError: The system refused; with the `winerror` `PIPE_BUSY` other clients are before.
    """
    access, flags = ctypes.c_uint32(_GENERIC_READ_WRITE), _OVERLAPPED | _IDENTIFICATION
    return _checked(_kernel.CreateFileW(name, access, 0, None, _OPEN_EXISTING, flags, None), name)


def security_of(handle: int) -> Security:
    """Owner and access list of the pipe that a handle is an end of.

    The owner is who made the pipe. Nobody can give it to another user, so it cannot lie, as the
    process id of a server can: that may be another process's by now.

    Raises:
        OSError: The system refused.
        ValueError: They cannot be understood.
    """
    return windows_security.security_of_handle(handle)


def _checked(handle: int | None, name: str) -> int:
    if handle is None or handle == _INVALID:
        code = ctypes.get_last_error()
        raise OSError(None, ctypes.FormatError(code), name, code)
    return handle
