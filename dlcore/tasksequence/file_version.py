"""The version number in the resources of a file, as Windows itself reads it.

It is asked of the version API: PowerShell would take a second to start, and may be forbidden.

Sources: Microsoft Learn, "GetFileVersionInfoW function" (the number is that of the file itself, not
of its translation), "VerQueryValueW function" and "VS_FIXEDFILEINFO structure".
"""

from __future__ import annotations

import struct
import sys
from typing import Final

_SIGNATURE: Final = 0xFEEF04BD
_HEAD: Final = struct.Struct("<4L")  # signature, version of the structure, number: high, low
_NO_RESOURCES: Final = frozenset({1812, 1813, 1814, 1815})
"""ERROR_RESOURCE_DATA_NOT_FOUND, ..._TYPE_..., ..._NAME_... and ..._LANG_NOT_FOUND."""


def version_in(fixed: bytes) -> str:
    """The number of the file in a VS_FIXEDFILEINFO, such as ``10.0.19041.1``.

    Raises:
        OSError: It is too short, or another structure.
    """
    if len(fixed) < _HEAD.size:
        raise OSError(f"the version of the file has {len(fixed)} bytes only")
    signature, _, high, low = _HEAD.unpack_from(fixed)
    if signature != _SIGNATURE:
        raise OSError(f"the version of the file begins with {signature:#x}")
    return f"{high >> 16}.{high & 0xFFFF}.{low >> 16}.{low & 0xFFFF}"


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _api = ctypes.WinDLL("version", use_last_error=True)
    _api.VerQueryValueW.argtypes = (
        ctypes.c_void_p,
        ctypes.c_wchar_p,
        ctypes.POINTER(ctypes.c_void_p),
        ctypes.POINTER(wintypes.UINT),
    )

    def file_version(path: str) -> str:
        """The version of a file; empty if its resources have none, or it has no resources.

        Raises:
            OSError: It is not there, may not be read, or is damaged.
        """
        length = _api.GetFileVersionInfoSizeW(path, None)
        if not length:
            error = ctypes.WinError(ctypes.get_last_error())
            if error.winerror in _NO_RESOURCES:
                return ""
            raise error
        data = ctypes.create_string_buffer(length)
        fixed, fixed_bytes = ctypes.c_void_p(), wintypes.UINT()
        if not _api.GetFileVersionInfoW(path, 0, length, data):
            raise ctypes.WinError(ctypes.get_last_error())
        found = _api.VerQueryValueW(data, "\\", ctypes.byref(fixed), ctypes.byref(fixed_bytes))
        if not found or not fixed.value:
            return ""
        return version_in(ctypes.string_at(fixed.value, fixed_bytes.value))

else:

    def file_version(path: str) -> str:
        """Other systems have no such resources; their files are not those that are meant."""
        raise OSError(f"{path}: this system has no version API")
