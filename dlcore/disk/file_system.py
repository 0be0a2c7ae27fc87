"""The file system that a folder lies on, by the system's name for it, and where others begin.

Source: man 5 proc_pid_mountinfo; learn.microsoft.com/en-us/windows/win32/api/fileapi
(GetVolumePathNameW, GetVolumeInformationW).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

IN_MEMORY = ("tmpfs", "ramfs")
"""Linux' file systems without a disk. They do not tell which pages of a file are dirty."""

OVERLAY = "overlay"
"""A file system of Linux that lies on others, and does not tell what they are."""

_MOUNTS = Path("/proc/self/mountinfo")
_ESCAPED = re.compile(r"\\([0-7]{3})")
_MAX_CHARACTERS = 1024

if sys.platform == "win32":
    import ctypes

    def kind_of(path: Path) -> str:
        """``NTFS``, ``ReFS``, ``FAT32``; empty if the system does not tell."""
        kernel = ctypes.WinDLL("kernel32")
        volume = ctypes.create_unicode_buffer(_MAX_CHARACTERS)
        kind = ctypes.create_unicode_buffer(_MAX_CHARACTERS)
        if not kernel.GetVolumePathNameW(str(path), volume, _MAX_CHARACTERS):
            return ""
        is_told = kernel.GetVolumeInformationW(
            volume,
            None,  # not its name,
            0,
            None,  # its number,
            None,  # how long names may be,
            None,  # nor what it can do
            kind,
            _MAX_CHARACTERS,
        )
        return kind.value if is_told else ""

else:

    def kind_of(path: Path) -> str:
        """``ext4``, ``xfs``, ``nfs4``; empty if the system does not tell."""
        try:
            return kind_in(_MOUNTS.read_text(encoding="utf-8", errors="surrogateescape"), path)
        except OSError:
            return ""


def is_mount_point(path: Path, mounts: Path = _MOUNTS) -> bool:
    """Whether something is mounted at a path, which can be neither renamed nor replaced then.

    Python tells only other file systems. On Linux a folder can be mounted at a second place of its
    own one (``mount --bind``), as containers get theirs.

    Args:
        path: Any path.
        mounts: Linux' list of what is mounted; elsewhere there is none.
    """
    if os.path.ismount(path):  # Path.is_mount fails on Windows before Python 3.12
        return True
    try:
        listed = mounts.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return False
    place = os.path.realpath(path)
    return any(point == place for point, _ in _mounted(listed))


def kind_in(mounts: str, path: Path) -> str:
    """The file system of a path, by Linux' list of what is mounted.

    Args:
        mounts: The text of ``mountinfo``.
        path: Absolute, without links.
    """
    found, longest = "", 0
    for point, source in _mounted(mounts):
        # Of two mounts at one place the later one is seen.
        if path.is_relative_to(point) and len(point) >= longest:
            found, longest = source.split(" ")[0], len(point)
    return found


def _mounted(mounts: str) -> Iterator[tuple[str, str]]:
    """Where something is mounted, and what follows about it."""
    for line in mounts.splitlines():
        place, _, source = line.partition(" - ")
        yield _ESCAPED.sub(lambda code: chr(int(code[1], 8)), place.split(" ")[4]), source
