"""Where each of many items goes that are fetched in one call, and where it comes from.

Guarantees: no two items have the same place. An item that is not found, or that has no place, does
not stop the others.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, NamedTuple

from dlcore import manifest as documents
from dlcore.engine.delivery.one_file import OneFile
from dlcore.engine.delivery.target import Target
from dlcore.engine.events import Event
from dlcore.engine.fetching.access import NamedServers
from dlcore.engine.fetching.by_deployment import check_is_package
from dlcore.engine.fetching.call import Call, FetchItem
from dlcore.engine.fetching.fetch_into import Fetched, target_of
from dlcore.engine.fetching.finding import FoundContent, find
from dlcore.engine.fetching.plain_urls import PlainUrls
from dlcore.engine.fetching.selecting import name_of_selection, selected, selection_of, sources_of
from dlcore.engine.fetching.short_files import NO_TRY, ShortFiles
from dlcore.engine.fetching.site import OpenedSite
from dlcore.engine.fetching.sources import Mirror, Source, open_mirrors
from dlcore.engine.fetching.wanted import Wanted
from dlcore.errors import ConfigError, DlcoreError, without_frames
from dlcore.manifest import Selection
from dlcore.schedule import Terms
from dlcore.transfer import ConnectionPool, Probed

MAX_ASKED_AT_ONCE: Final = 16
"""Things. Enough to hide the round trips of questions."""


class PlacedItem(NamedTuple):
    """What an item is, and where it goes.

    Attributes:
        found: What it is.
        goal: Where it goes.
        name: The name that it has below the folder of all.
        selection: Which of its files are fetched; None for all.
    """

    found: FoundContent
    goal: Target
    name: str
    selection: Selection | None = None


class Placing:
    """Finds out what the items are, and gives each a place of its own.

    Args:
        call: What all items have in common.
        site: Has the packages.
        servers: Which server is shown what.
        urls: Asks what is at URLs.
        pool: The connections to their servers.
        tell: Hears which digest a server says.
        short: Fetches short files at once; None if nothing is to be fetched yet.

    Attributes:
        placed: The items that have a place.
        done: Those that were fetched already: short files.
        errors: Why the others have none.
    """

    def __init__(
        self,
        call: Call,
        site: OpenedSite,
        servers: NamedServers,
        urls: PlainUrls,
        pool: ConnectionPool,
        tell: Callable[[Event], None],
        short: ShortFiles | None = None,
    ) -> None:
        self.placed: dict[FetchItem, PlacedItem] = {}
        self.done: dict[FetchItem, Fetched] = {}
        self.errors: dict[FetchItem, DlcoreError] = {}
        self._call = call
        self._site = site
        self._servers = servers
        self._urls = urls
        self._pool = pool
        self._tell = tell
        self._short = short
        self._places: dict[FetchItem, Path] = {}
        self._turns = asyncio.Semaphore(MAX_ASKED_AT_ONCE)

    @property
    def patch_digests(self) -> dict[str, str] | None:
        """The only patch lists that may be used, if the catalog is signed."""
        return self._site.patch_digests

    async def place(self, item: FetchItem) -> None:
        """Find out what an item is, or fetch it if it is short; an error is noted."""
        try:
            name = item.place.rpartition("/")[2]
            bare = self._servers.bare(item.what)
            wanted = Wanted(bare, item.sha256, checksum=item.checksum, name=name)
            attempt = await self._short.fetch(item, wanted, self._urls) if self._short else NO_TRY
            if attempt.fetched and attempt.place:
                self.done[item], self._places[item] = attempt.fetched, attempt.place
                return
            async with self._turns:
                self.placed[item] = await self._find_place(item, wanted, attempt.probed)
        except DlcoreError as error:
            self.errors[item] = without_frames(error)

    async def _find_place(
        self, item: FetchItem, wanted: Wanted, probed: Probed | None
    ) -> PlacedItem:
        to, rules = self._call.to / item.place.rpartition("/")[0], self._call.rules
        check_is_package(rules, wanted.shown, is_package=not wanted.is_url)
        found = await find(wanted, self._site, self._urls, self._tell, to, probed)
        check_is_package(rules, wanted.shown, is_package=found.urls is None)
        if found.urls is None:
            self._site.sources()  # one that cannot be used is this item's error
        selection = selection_of(found, self._call.patterns, item.shown)
        if selection:
            found = selected(found, selection)
        goal = self._goal(item, found, keeps_all=selection is not None)
        label = item.place or goal.path.name
        label = name_of_selection(label) if selection else label
        return PlacedItem(found, goal, label, selection)

    def _goal(self, item: FetchItem, found: FoundContent, *, keeps_all: bool) -> Target:
        manifest, records = found.manifest, self._call.records
        if found.urls is None:
            folder = self._call.to / found.label
            return target_of(folder, manifest, records, beside=False, keeps_all=keeps_all)
        folder = self._call.to / item.place.rpartition("/")[0]
        modified_ns = self._call.modified_ns(found)
        goal = target_of(folder, manifest, records, beside=True, modified_ns=modified_ns)
        if isinstance(goal, OneFile):
            return goal
        name = Path(item.what).stem
        documents.check_path(name)
        return target_of(self._call.to / name, manifest, records, beside=False, keeps_all=keeps_all)

    def refuse_taken_places(self, items: Sequence[FetchItem]) -> None:
        """Leave each place to the first item that goes there; the others fail."""
        taken = {os.path.normcase(self._places[item]): item for item in self.done}
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
        led_to = _led_to([one.found for one in placed])
        mirrors = open_mirrors(
            urls,
            self._call.access,
            stack,
            self._servers.keyring,
            without_ranges=without_ranges,
            led_to=led_to,
            pool=self._pool,
        )
        return {one.name: self._sources(one, mirrors) for one in placed}

    def _sources(self, one: PlacedItem, mirrors: Sequence[Mirror]) -> list[Source]:
        if one.found.spooled:
            return [(one.found.spooled, Terms())]
        if one.found.urls is None:
            sources = self._site.sources()
        else:
            sources = [mirror.source for mirror in mirrors if _is_for(mirror, one.found.urls)]
        return sources_of(sources, one.selection) if one.selection else sources


def _led_to(found: Sequence[FoundContent]) -> dict[str, str]:
    """The URLs that only servers named; none that the user named for another item."""
    by_user = {
        url
        for one in found
        for own in (one.urls or {}).values()
        for url in own
        if url not in one.led_to
    }
    named = (each for one in found for each in one.led_to.items())
    return {url: by for url, by in named if url not in by_user}


def _is_for(mirror: Mirror, urls: dict[str, list[str]]) -> bool:
    """Whether a mirror has an object where the item says; another item may have an equal one."""
    return any(mirror.urls.get(name) in own for name, own in urls.items())
