"""The demand: the blocks wanted of each package, in deadline order.

Packages that will be needed are served first, in order of their deadlines. Those that may be needed
are served only when nothing is left to verify of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from dlcore.schedule.block_map import BlockMap


class Demand:
    """All packages that are wanted."""

    def __init__(self) -> None:
        self._block_maps: dict[str, BlockMap] = {}
        self._needed: tuple[str, ...] = ()
        self._maybe_needed: tuple[str, ...] = ()
        self._to_serve: list[BlockMap] | None = None  # None after a change

    @property
    def block_maps(self) -> Mapping[str, BlockMap]:
        """Package -> its blocks, in the order in which the packages were added; a live view."""
        return MappingProxyType(self._block_maps)

    @property
    def left_bytes(self) -> int:
        """Length of the blocks to serve that no request fetches."""
        return sum(block_map.missing_bytes for block_map in self.to_serve())

    def add(self, block_map: BlockMap) -> None:
        """A package is wanted; it is served once an order names it."""
        self._block_maps[block_map.package] = block_map
        self.changed()

    def remove(self, package: str) -> None:
        """A package is not wanted any more."""
        del self._block_maps[package]
        self.changed()

    def order(self, needed: Sequence[str], maybe_needed: Sequence[str]) -> None:
        """Set the deadline order, the earliest first; packages in neither are not served."""
        self._needed, self._maybe_needed = tuple(needed), tuple(maybe_needed)
        self.changed()

    def changed(self) -> None:
        """A package became complete, or is not complete any more."""
        self._to_serve = None

    def to_serve(self) -> list[BlockMap]:
        """The packages to serve now, in deadline order."""
        if self._to_serve is None:
            needed = self._incomplete(self._needed)
            self._to_serve = needed or self._incomplete(self._maybe_needed)
        return self._to_serve

    def _incomplete(self, packages: Iterable[str]) -> list[BlockMap]:
        wanted = [self._block_maps[key] for key in packages if key in self._block_maps]
        return [block_map for block_map in wanted if not block_map.is_complete]
