"""Windows' own functions on the access lists of files and folders.

What is private is made with its access list in the same call: this user, the system and the
administrators may do everything, nobody else anything, and nothing is inherited from the folder
above. A folder passes this list on to what other programs make in it.

A place is opened without following a link. Errors are ``OSError`` with their ``winerror``.

Source: learn.microsoft.com/en-us/windows/win32/api/securitybaseapi (GetTokenInformation,
GetKernelObjectSecurity, SetKernelObjectSecurity), .../api/fileapi (CreateFileW, CreateDirectoryW,
GetVolumeInformationByHandleW),
.../api/sddl (ConvertStringSecurityDescriptorToSecurityDescriptorW),
.../win32/secauthz/security-descriptor-string-format
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from dlcore.disk import access_list
from dlcore.disk.access_list import Security

PRIVATE_FILE = "D:P(A;;FA;;;{user})(A;;FA;;;SY)(A;;FA;;;BA)"
PRIVATE_FOLDER = "D:P(A;OICI;FA;;;{user})(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
"""In Windows' language for security descriptors; ``P``: nothing is inherited."""

_OWNER, _LIST = 1, 4  # OWNER_SECURITY_INFORMATION, DACL_SECURITY_INFORMATION
_AUTO_INHERIT_REQ = 0x0100  # asks to keep the mark that a list was inherited
_CONTROL = 2  # offset of the 16 bits of a descriptor that hold it

_READ_CONTROL, _WRITE_LIST = 0x0002_0000, 0x0004_0000
_GENERIC_READ, _GENERIC_WRITE = 0x8000_0000, 0x4000_0000
_SHARE_READ_WRITE, _SHARE_ALL = 3, 7
_CREATE_NEW, _CREATE_ALWAYS, _OPEN_EXISTING, _OPEN_ALWAYS = 1, 2, 3, 4
_PLAIN, _FOLDER_TOO, _LINK_ITSELF = 0x80, 0x0200_0000, 0x0020_0000

_THIS_PROCESS = ctypes.c_void_p(-4)  # its token, as GetCurrentProcessToken returns it
_TOKEN_USER = 1
_MAX_TOKEN_USER_BYTES = 128  # a SID has 68 bytes at most, and a pointer and flags are before it
_INSUFFICIENT_BUFFER = 122
_PERSISTENT_ACLS = 8


class Attributes(ctypes.Structure):
    """SECURITY_ATTRIBUTES."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("descriptor", ctypes.c_void_p),
        ("is_inherited", ctypes.c_int),
    )


if sys.platform == "win32":
    import msvcrt

    _kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel.CreateFileW.restype = ctypes.c_void_p
    _advapi = ctypes.WinDLL("advapi32", use_last_error=True)

    def _fault(path: Path | str | None = None) -> OSError:
        code = ctypes.get_last_error()
        return OSError(None, ctypes.FormatError(code), None if path is None else str(path), code)

    @functools.cache
    def current_user() -> str:
        """SID of the user that this process acts as."""
        buffer = ctypes.create_string_buffer(_MAX_TOKEN_USER_BYTES)
        size, needed = ctypes.c_uint32(len(buffer)), ctypes.c_uint32()
        if not _advapi.GetTokenInformation(
            _THIS_PROCESS, _TOKEN_USER, buffer, size, ctypes.byref(needed)
        ):
            raise _fault()
        place = ctypes.c_void_p.from_buffer(buffer).value or 0
        return access_list.sid_at(buffer.raw, place - ctypes.addressof(buffer))

    # What is there

    def security_of(path: Path | str) -> Security:
        """Owner and access list of a file or folder, or of a link itself.

        Raises:
            OSError: It is not there, or this user may not read them.
            ValueError: They cannot be understood.
        """
        with _opened(path, _READ_CONTROL) as handle:
            return access_list.parse(_descriptor(handle, _OWNER | _LIST))

    def security_of_open(fd: int) -> Security:
        """Owner and access list of an open file; raises as `security_of`."""
        return security_of_handle(msvcrt.get_osfhandle(fd))

    def security_of_handle(handle: int) -> Security:
        """Owner and access list of what a handle of Windows refers to; raises as `security_of`."""
        return access_list.parse(_descriptor(ctypes.c_void_p(handle), _OWNER | _LIST))

    def keeps_access_lists(path: Path | str) -> bool:
        """Whether the disk of a file or folder keeps owners and access lists: FAT does not."""
        flags = ctypes.c_uint32()
        with _opened(path, _READ_CONTROL) as handle:
            is_told = _kernel.GetVolumeInformationByHandleW(
                handle,
                None,  # not the name of the volume,
                0,
                None,  # its number,
                None,  # nor how long names may be
                ctypes.byref(flags),
                None,  # nor the kind of the file system
                0,
            )
            if not is_told:
                raise _fault(path)
        return bool(flags.value & _PERSISTENT_ACLS)

    def access_list_of(path: Path) -> bytes:
        """The access list of a file or folder, to be given to others by `give_access_list`."""
        with _opened(path, _READ_CONTROL) as handle:
            descriptor = bytearray(_descriptor(handle, _LIST))
        descriptor[_CONTROL + 1] |= _AUTO_INHERIT_REQ >> 8
        return bytes(descriptor)

    def give_access_list(path: Path, descriptor: bytes) -> None:
        """Replace the access list of a file or folder, and of nothing in it."""
        with _opened(path, _WRITE_LIST) as handle:
            if not _advapi.SetKernelObjectSecurity(handle, _LIST, descriptor):
                raise _fault(path)

    @contextlib.contextmanager
    def _opened(path: Path | str, access: int) -> Iterator[ctypes.c_void_p]:
        handle = _create(path, access, _SHARE_ALL, None, _OPEN_EXISTING, _FOLDER_TOO | _LINK_ITSELF)
        try:
            yield ctypes.c_void_p(handle)
        finally:
            _kernel.CloseHandle(ctypes.c_void_p(handle))

    def _descriptor(handle: ctypes.c_void_p, parts: int) -> bytes:
        needed = ctypes.c_uint32(512)
        while True:
            buffer = ctypes.create_string_buffer(needed.value)
            size = ctypes.c_uint32(len(buffer))
            if _advapi.GetKernelObjectSecurity(handle, parts, buffer, size, ctypes.byref(needed)):
                return buffer.raw
            if ctypes.get_last_error() != _INSUFFICIENT_BUFFER:
                raise _fault()

    # What is made

    def make_private_folder(path: str) -> None:
        """Make a folder that is private from the first moment; its parent exists."""
        if not _kernel.CreateDirectoryW(path, private_attributes(PRIVATE_FOLDER)):
            raise _fault(path)

    def open_private(path: str, flags: int) -> int:
        """Open a file; make it, private from the first moment, if it is not there.

        Args:
            path: The file.
            flags: As ``os.open`` takes them: how to open it, ``O_EXCL`` and ``O_TRUNC``.

        Returns:
            A descriptor that child processes do not inherit.
        """
        access = _GENERIC_READ if not flags & os.O_WRONLY else 0
        access |= _GENERIC_WRITE if flags & (os.O_WRONLY | os.O_RDWR) else 0
        how = _CREATE_ALWAYS if flags & os.O_TRUNC else _OPEN_ALWAYS
        how = _CREATE_NEW if flags & os.O_EXCL else how
        handle = _create(
            path, access, _SHARE_READ_WRITE, private_attributes(PRIVATE_FILE), how, _PLAIN
        )
        return msvcrt.open_osfhandle(handle, flags & (os.O_WRONLY | os.O_RDWR) | os.O_BINARY)

    def close_to_others(path: Path | str) -> None:
        """Give a file that is there the access list of one that is made private."""
        with _opened(path, _WRITE_LIST) as handle:
            if not _advapi.SetKernelObjectSecurity(handle, _LIST, _private_list(PRIVATE_FILE)):
                raise _fault(path)

    def _create(
        path: Path | str,
        access: int,
        sharing: int,
        attributes: ctypes._Pointer[Attributes] | None,
        how: int,
        flags: int,
    ) -> int:
        handle: int | None = _kernel.CreateFileW(
            str(path), ctypes.c_uint32(access), sharing, attributes, how, flags, None
        )
        if handle is None or handle == ctypes.c_void_p(-1).value:
            raise _fault(path)
        return handle

    def private_attributes(form: str) -> ctypes._Pointer[Attributes]:
        """What a call that makes something is given, so that nobody else may use it.

        Args:
            form: Its owner and access list, such as `PRIVATE_FILE`; ``{user}`` is this user.

        Raises:
            OSError: It cannot be understood.
        """
        return ctypes.pointer(
            Attributes(ctypes.sizeof(Attributes), _private_list(form).value, False)
        )

    @functools.cache  # made twice in a process, and never freed
    def _private_list(form: str) -> ctypes.c_void_p:
        descriptor = ctypes.c_void_p()
        text, revision = form.format(user=current_user()), 1
        if not _advapi.ConvertStringSecurityDescriptorToSecurityDescriptorW(
            text, revision, ctypes.byref(descriptor), None
        ):
            raise _fault()
        return descriptor
