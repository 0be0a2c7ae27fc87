"""Where each of many items goes that are fetched in one call, and where it comes from.

Guarantees: no two items have the same place. An item that is not found, or that has no place, does
not stop the others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

from dlcore import manifest as documents
from dlcore.engine.access import NamedServers
from dlcore.engine.deliveries import Deliveries
from dlcore.engine.events import Event
from dlcore.engine.fetch_into import target_of
from dlcore.engine.one_file import OneFile
from dlcore.engine.site import Site
from dlcore.engine.sources import Access, Mirror, Source, open_mirrors
from dlcore.engine.target import Target
from dlcore.engine.wanted import Found, Wanted, find
from dlcore.errors import ConfigError, DlcoreError
from dlcore.schedule import Terms
from dlcore.transfer import redact


class FetchItem(NamedTuple):
    """One thing to fetch.

    Attributes:
        what: A package id, a URL, or the path of a manifest.
        sha256: SHA-256 of the file at a URL, hex; else empty.
    """

    what: str
    sha256: str = ""

    @property
    def shown(self) -> str:
        """What it is, without the secrets that a URL may have."""
        return redact(self.what) if Wanted(self.what).is_url else self.what


class Placed(NamedTuple):
    """What an item is, and where it goes.

    Attributes:
        found: What it is.
        goal: Where it goes.
        name: The name that it has below the folder of all.
    """

    found: Found
    goal: Target
    name: str


class Placing:
    """Finds out what the items are, and gives each a place of its own.

    Args:
        folder: Gets everything.
        site: Has the packages.
        access: What opens endpoints.
        servers: Which server is shown what.
        deliveries: What dlcore delivered before.
        tell: Hears of endpoints that ask for time.

    Attributes:
        placed: The items that have a place.
        errors: Why the others have none.
    """

    def __init__(
        self,
        folder: Path,
        site: Site,
        access: Access,
        servers: NamedServers,
        deliveries: Deliveries,
        tell: Callable[[Event], None],
    ) -> None:
        self.placed: dict[FetchItem, Placed] = {}
        self.errors: dict[FetchItem, DlcoreError] = {}
        self._folder = folder
        self._site = site
        self._access = access
        self._servers = servers
        self._deliveries = deliveries
        self._tell = tell

    async def place(self, item: FetchItem) -> None:
        """Find out what an item is; an error is noted."""
        try:
            wanted = Wanted(self._servers.bare(item.what), item.sha256)
            found = await find(wanted, self._site, self._servers.keyring, self._tell, self._folder)
            if found.urls is None:
                self._site.sources()  # one that cannot be used is this item's error
            goal = self._goal(item, found)
            self.placed[item] = Placed(found, goal, goal.path.name)
        except DlcoreError as error:
            self.errors[item] = error

    def _goal(self, item: FetchItem, found: Found) -> Target:
        manifest = found.manifest
        if found.urls is None:
            folder = self._folder / manifest.package_id
            return target_of(folder, manifest, self._deliveries, beside=False)
        goal = target_of(self._folder, manifest, self._deliveries, beside=True)
        if isinstance(goal, OneFile):
            return goal
        name = Path(item.what).stem
        documents.check_path(name)
        return target_of(self._folder / name, manifest, self._deliveries, beside=False)

    def settle(self, items: Sequence[FetchItem]) -> None:
        """Leave each place to the first item that goes there; the others fail."""
        taken: dict[str, FetchItem] = {}
        for item in items:
            if item not in self.placed:
                continue
            path = self.placed[item].goal.path
            first = taken.setdefault(os.path.normcase(path), item)
            if first != item:
                del self.placed[item]
                self.errors[item] = ConfigError(
                    f"{path.name} is the place of {first.shown} already",
                    remedy="Fetch one of them into another folder.",
                )

    def sources(self, items: Sequence[FetchItem], stack: AsyncExitStack) -> dict[str, list[Source]]:
        """For each name, the endpoints that may have it, in the order of the items.

        Args:
            items: All of them; those without a place are left out.
            stack: Closes the endpoints that are opened.
        """
        placed = [self.placed[item] for item in items if item in self.placed]
        urls: dict[str, list[str]] = {}
        for one in placed:
            urls_of_one = {} if one.found.spooled else one.found.urls
            for name, own in (urls_of_one or {}).items():
                urls.setdefault(name, []).extend(own)
        without_ranges = {url for one in placed for url in one.found.without_ranges}
        mirrors = open_mirrors(
            urls, self._access, stack, self._servers.keyring, without_ranges=without_ranges
        )
        return {one.name: self._sources_of(one.found, mirrors) for one in placed}

    def _sources_of(self, found: Found, mirrors: Sequence[Mirror]) -> list[Source]:
        if found.urls is None:
            return self._site.sources()
        if found.spooled:
            return [(found.spooled, Terms())]
        return [mirror.source for mirror in mirrors if _is_for(mirror, found.urls)]


def _is_for(mirror: Mirror, urls: dict[str, list[str]]) -> bool:
    """Whether a mirror has an object where the item says; another item may have its like."""
    return any(mirror.urls.get(name) in own for name, own in urls.items())
