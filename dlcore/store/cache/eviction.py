"""Which packages give way when the cache is larger than it may be. PURE.

The longest unused one first. What is pinned, needed by a run or under way never gives way. Files
that packages share count once, and are freed with the last package that has them.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec


class Holding(msgspec.Struct, frozen=True):
    """A package, finished or not, and what it takes on the disk.

    Attributes:
        key: Its key in the store.
        files: By inode: disk space of its files, in bytes.
        used_ns: When it was last handed out, or written to; nanoseconds since 1970.
        is_finished: Whether it is complete.
        is_pinned: Whether a person wants it to stay.
    """

    key: str
    files: Mapping[int, int]
    used_ns: int
    is_finished: bool = True
    is_pinned: bool = False

    @property
    def size_bytes(self) -> int:
        """Disk space of its files, those included that other packages share."""
        return sum(self.files.values())


class Stay(enum.StrEnum):
    """Why a package does not give way."""

    PINNED = "pinned"
    RUN = "needed by the run that is under way"
    WANTED = "wanted by the agent"
    HANDED_OUT = "handed out"
    UNDER_WAY = "being fetched"
    FITS = "within the limit"
    """Others were unused for longer, and what is left without them is small enough."""


class CacheLimit(msgspec.Struct, frozen=True):
    """How large the cache may be.

    Attributes:
        max_bytes: In bytes; None for no such limit.
        max_share: As a share of the disk, above 0 and at most 1; None for no such limit.
    """

    max_bytes: int | None = None
    max_share: float | None = None

    def of(self, disk_bytes: int) -> int | None:
        """The limit in bytes on a disk of this size; None if there is none."""
        limits = [] if self.max_bytes is None else [self.max_bytes]
        if self.max_share is not None:
            limits.append(int(self.max_share * disk_bytes))
        return min(limits, default=None)


def total_bytes(holdings: Sequence[Holding]) -> int:
    """Disk space of all packages; a file that they share counts once."""
    return sum({inode: size for each in holdings for inode, size in each.files.items()}.values())


def evicted(holdings: Sequence[Holding], needed: frozenset[str], max_bytes: int) -> list[str]:
    """Keys of the packages that give way, in this order, until the rest is small enough.

    Args:
        holdings: All packages.
        needed: Keys of those that a run needs, or that are under way.
        max_bytes: How large the rest may be. If it cannot be reached, all give way that may.
    """
    left_bytes = total_bytes(holdings)
    names = Counter(inode for each in holdings for inode in each.files)
    chosen: list[str] = []
    for each in sorted(holdings, key=lambda each: (each.used_ns, each.key)):
        if left_bytes <= max_bytes:
            break
        if each.is_pinned or each.key in needed:
            continue
        chosen.append(each.key)
        names.subtract(each.files.keys())
        left_bytes -= sum(size for inode, size in each.files.items() if not names[inode])
    return chosen
