"""Removes the packages that give way when the cache is larger than it may be.

Guarantees: a package leaves its place by one rename, so whenever the process dies it is there whole
or not at all. What a run needs, what was lent, what is pinned and what is under way stays. So do
the older versions that what is under way is made of, unless the disk has no room for both.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from pathlib import Path

from dlcore.store.cache.eviction import CacheLimit, Holding, Stay, evicted, total_bytes
from dlcore.store.cache.packages_on_disk import holdings
from dlcore.store.files import Files
from dlcore.store.keys import package_id_of
from dlcore.store.removal import Removal

_log = logging.getLogger(__name__)


class Evictor:
    """What may give way in one state directory, and what may not.

    Args:
        files: The disk.
        places: Where finished packages are, and where unfinished ones are.
        removal: Removes a package.
        forget: Told the key of each package that is removed.
        under_way: Keys of the packages that are being filled.

    Attributes:
        limit: How large all packages together may be.
    """

    def __init__(
        self,
        files: Files,
        places: tuple[Path, Path],
        removal: Removal,
        forget: Callable[[str], None],
        under_way: Callable[[], Collection[str]],
    ) -> None:
        self.limit = CacheLimit()
        self._files = files
        self._places = places
        self._removal = removal
        self._forget = forget
        self._under_way = under_way
        self._needed = frozenset[str]()
        self._wanted = frozenset[str]()
        self._lent: set[str] = set()
        self._lending = threading.Lock()  # held while a package is lent, and while one is removed

    def keep_below(self, limit: CacheLimit) -> None:
        """Change how large all packages together may be."""
        self.limit = limit

    def need(self, keys: Collection[str]) -> None:
        """Say which packages a run needs: they stay. Replaces what was said before."""
        self._needed = frozenset(keys)

    def want(self, keys: Collection[str]) -> None:
        """Say which packages an agent that does not run wants: they stay. Replaces as `need`."""
        self._wanted = frozenset(keys)

    def lend(self, key: str) -> None:
        """A package is about to be handed out: it stays until `release`, if it is there."""
        with self._lending:
            self._lent.add(key)

    def release(self, keys: Collection[str]) -> None:
        """These packages were handed out, and nobody uses them any more."""
        self._lent -= set(keys)

    def make_room(self, key: str, more_bytes: int, reserve_bytes: int) -> list[str]:
        """Make room for a package that is about to be filled, if there is a limit.

        Args:
            key: Its key: it stays itself.
            more_bytes: What is still to be written, of it and of those under way.
            reserve_bytes: Free space that is to be left on the disk.

        Returns:
            Keys of what was removed.

        Raises:
            OSError: The disk failed.
        """
        max_bytes = self.limit.of(self._files.disk_bytes(self._places[0]))
        if max_bytes is None:
            return []
        found = holdings(self._files, *self._places)
        free_bytes = self._files.free_bytes(self._places[0]) - reserve_bytes
        for_disk_bytes = total_bytes(found) - max(0, more_bytes - free_bytes)
        allowed_bytes = min(max_bytes - more_bytes, for_disk_bytes)
        keys = self._chosen(found, allowed_bytes, {key, *self._sources(found, key)})
        left = [each for each in found if each.key not in keys]
        if total_bytes(left) > for_disk_bytes:
            keys = self._chosen(found, for_disk_bytes, {key})
        return self._remove(keys)

    def _sources(self, found: list[Holding], key: str) -> set[str]:
        """The older versions of what is under way: blocks and patches are taken from them."""
        finished = {each.key for each in found if each.is_finished}
        filled = {package_id_of(each) for each in {key, *self._under_way()} - finished}
        return {each for each in finished if package_id_of(each) in filled}

    def prune(self, limit: CacheLimit, *, is_dry_run: bool = False) -> list[Holding]:
        """Remove packages until the rest is small enough, or nothing may give way.

        Args:
            limit: How large the rest may be.
            is_dry_run: Whether nothing is removed; the result says what would be.

        Returns:
            What was removed.

        Raises:
            OSError: The disk failed.
        """
        max_bytes = limit.of(self._files.disk_bytes(self._places[0]))
        if max_bytes is None:
            return []
        found = holdings(self._files, *self._places)
        keys = self._chosen(found, max_bytes)
        if not is_dry_run:
            keys = self._remove(keys)
        return [each for each in found if each.key in keys]

    def reason(self, holding: Holding) -> Stay:
        """Why `prune` did not remove a package."""
        if holding.is_pinned:
            return Stay.PINNED
        reasons: tuple[tuple[Collection[str], Stay], ...] = (
            (self._needed, Stay.RUN),
            (self._lent, Stay.HANDED_OUT),
            (self._under_way(), Stay.UNDER_WAY),
            (self._wanted, Stay.WANTED),
        )
        return next((why for keys, why in reasons if holding.key in keys), Stay.FITS)

    def _chosen(
        self, found: list[Holding], max_bytes: int, others: Collection[str] = ()
    ) -> list[str]:
        stays = self._needed.union(self._wanted, self._lent, self._under_way(), others)
        return evicted(found, stays, max_bytes)

    def _remove(self, keys: list[str]) -> list[str]:
        """Remove packages, but for those that were lent since they were chosen."""
        removed: list[str] = []
        for key in keys:
            self._forget(key)
            with self._lending:
                if key in self._lent:
                    continue
                _log.info("package %s gives way: the cache is full", key)
                for parent in self._places:
                    if self._files.status(parent / key):
                        self._removal.remove(parent / key)
                removed.append(key)
        return removed
