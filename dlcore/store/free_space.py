"""Whether a disk has space for a package, found out before a byte is reserved for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from dlcore.disk import system
from dlcore.errors import DiskFullError
from dlcore.long_path import rooted

GIB = 1 << 30


class Reserve(msgspec.Struct, frozen=True):
    """Free space that is left on a disk, for the journal, the state and other programs.

    Attributes:
        max_bytes: Never more than this. Programs that check for free space want about as much.
        share: Never more than this share of the disk, so that a small disk can be used.
    """

    max_bytes: int = GIB
    share: float = 0.02

    @classmethod
    def exactly(cls, count_bytes: int) -> Reserve:
        """This many bytes, or all of a smaller disk."""
        return cls(count_bytes, 1.0)

    def of(self, disk_bytes: int) -> int:
        """The reserve in bytes on a disk of this size."""
        return min(self.max_bytes, int(self.share * disk_bytes))


class Space(msgspec.Struct, frozen=True):
    """The disk that holds a folder.

    Attributes:
        free_bytes: Free space for this user.
        disk_bytes: Size of the disk.
    """

    free_bytes: int
    disk_bytes: int


def space_at(path: Path) -> Space:
    """The disk where a folder is, or will be made.

    Raises:
        OSError: The system does not tell.
    """
    path = rooted(path)
    found = next(p for p in (path, *path.parents) if p.exists())
    return Space(system.free_bytes(found), shutil.disk_usage(found).total)


def check_room(
    package_id: str, needed_bytes: int, space: Space, reserve: Reserve, at: Path
) -> None:
    """Refuse a package for which there is no room.

    Args:
        package_id: The package.
        needed_bytes: What it needs in addition to what it has; 0 or less if it has all of it.
        space: The disk.
        reserve: What is left free.
        at: Where it would be written.

    Raises:
        DiskFullError: There is no room. Nothing was written.
    """
    reserve_bytes = reserve.of(space.disk_bytes)
    if needed_bytes <= max(0, space.free_bytes - reserve_bytes):
        return
    raise DiskFullError(
        f"package {package_id} needs {needed_bytes} bytes more at {at}, where {space.free_bytes} "
        f"are free, and {reserve_bytes} of these are to stay free",
        path=at,
        remedy="Make room there, or set content.reserve to less, and run again.",
    )
