"""The demand: the blocks wanted of each package, in deadline order.

Packages that will be needed are served first, in order of their deadlines. Those that may be needed
are served only when nothing is left to verify of the others.

What is asked before each request is kept up to date by what changes, so that a request costs the
same however many packages are wanted, and whatever has become of the earlier ones.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from dlcore.schedule.block_map import BlockMap, BlockMapListener


class Demand(BlockMapListener):
    """All packages that are wanted."""

    def __init__(self) -> None:
        self._block_maps: dict[str, BlockMap] = {}
        self._split: dict[str, BlockMap] = {}
        self._needed, self._maybe_needed = _Queue(()), _Queue(())

    @property
    def block_maps(self) -> Mapping[str, BlockMap]:
        """Package -> its blocks, in the order in which the packages were added; a live view."""
        return MappingProxyType(self._block_maps)

    @property
    def with_split_blocks(self) -> Collection[BlockMap]:
        """The packages that have a block that is fetched in parts."""
        return self._split.values()

    @property
    def to_serve(self) -> Sequence[BlockMap]:
        """The packages to serve now, in deadline order; none is complete."""
        return self._serving.block_maps

    @property
    def left_bytes(self) -> int:
        """Length of the blocks to serve that no request fetches."""
        return self._serving.left_bytes

    def rank(self, package: str) -> float:
        """Place of a package in the deadline order; infinite if no order names it."""
        rank = self._needed.rank(package)
        if rank is None:
            rank = self._maybe_needed.rank(package)
            return float("inf") if rank is None else self._needed.length + rank
        return rank

    def add(self, block_map: BlockMap) -> None:
        """A package is wanted; it is served once an order names it."""
        self.remove(block_map.package)
        self._block_maps[block_map.package] = block_map
        self.review(block_map)

    def remove(self, package: str) -> None:
        """A package is not wanted any more; nothing changes if it was not."""
        block_map = self._block_maps.pop(package, None)
        if block_map:
            self._split.pop(package, None)
            for queue in (self._needed, self._maybe_needed):
                queue.remove(block_map)

    def order(self, needed: Sequence[str], maybe_needed: Sequence[str]) -> None:
        """Set the deadline order, the earliest first; packages in neither are not served."""
        self._needed, self._maybe_needed = _Queue(needed), _Queue(maybe_needed)
        for block_map in self._block_maps.values():
            self.review(block_map)

    def review(self, block_map: BlockMap) -> None:
        """A package became complete, or is not complete any more: serve it accordingly."""
        if not self._is_wanted(block_map):
            return
        for queue in (self._needed, self._maybe_needed):
            if block_map.is_complete:
                queue.remove(block_map)
            else:
                queue.add(block_map)

    def missing_changed(self, block_map: BlockMap, more_bytes: int) -> None:
        """More of a package is missing, or less."""
        if self._is_wanted(block_map):
            self._needed.missing_changed(block_map, more_bytes)
            self._maybe_needed.missing_changed(block_map, more_bytes)

    def split_changed(self, block_map: BlockMap) -> None:
        """A block of a package is fetched in parts from now on, or not any more."""
        if not self._is_wanted(block_map):
            return
        if block_map.split_blocks:
            self._split[block_map.package] = block_map
        else:
            self._split.pop(block_map.package, None)

    def _is_wanted(self, block_map: BlockMap) -> bool:
        """False for a package that was removed, even if it was added again since."""
        return self._block_maps.get(block_map.package) is block_map

    @property
    def _serving(self) -> _Queue:
        return self._needed if self._needed.block_maps else self._maybe_needed


class _Queue:
    """The packages of one list that are not complete.

    Args:
        packages: The list, the earliest first; also of packages that are not wanted yet.
    """

    def __init__(self, packages: Sequence[str]) -> None:
        self._rank = {package: rank for rank, package in reversed([*enumerate(packages)])}
        self._ranks: list[int] = []  # of the packages below
        self._block_maps: list[BlockMap] = []
        self._left_bytes = 0

    @property
    def block_maps(self) -> Sequence[BlockMap]:
        """The packages, the earliest first."""
        return self._block_maps

    @property
    def left_bytes(self) -> int:
        """Length of their blocks that no request fetches."""
        return self._left_bytes

    @property
    def length(self) -> int:
        """How many packages the list names."""
        return len(self._rank)

    def rank(self, package: str) -> int | None:
        """Place of a package in the list; None if it is not named."""
        return self._rank.get(package)

    def add(self, block_map: BlockMap) -> None:
        """A package is not complete; nothing changes if it is here, or not in the list."""
        rank = self._rank.get(block_map.package)
        if rank is not None and self._find(block_map) is None:
            at = bisect_left(self._ranks, rank)
            self._ranks.insert(at, rank)
            self._block_maps.insert(at, block_map)
            self._left_bytes += block_map.missing_bytes

    def remove(self, block_map: BlockMap) -> None:
        """A package is complete or not wanted; nothing changes if it is not here."""
        at = self._find(block_map)
        if at is not None:
            del self._ranks[at], self._block_maps[at]
            self._left_bytes -= block_map.missing_bytes

    def missing_changed(self, block_map: BlockMap, more_bytes: int) -> None:
        """More of a package is missing, or less."""
        if self._find(block_map) is not None:
            self._left_bytes += more_bytes

    def _find(self, block_map: BlockMap) -> int | None:
        rank = self._rank.get(block_map.package)
        if rank is None:
            return None
        at = bisect_left(self._ranks, rank)
        return at if at < len(self._ranks) and self._ranks[at] == rank else None
