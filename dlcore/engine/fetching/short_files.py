"""Fetches short files whose digests are known: one request for each, and few syncs for many.

A file at a URL is usually asked about first, because only its length tells how it is cut into
blocks, and then fetched by the scheduler into a store of its own. Of a short file the answer to the
first question can be all of it.

Guarantees: content counts only if it has the digest that the user gives. A file is called fetched
when it is on the disk with its name (`delivery.together`). Whatever is not as expected (a longer
file, another digest, another name, something in its place) is left to the usual way, which decides
about it and says what is wrong.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from dlcore.digests import Digest
from dlcore.engine.delivery.groups import Groups
from dlcore.engine.delivery.state_folder import state_folder
from dlcore.engine.delivery.together import ShortFile, Together
from dlcore.engine.download.downloads import PROGRESS_EVERY_S
from dlcore.engine.download.figures import EndpointFigures, figures_of
from dlcore.engine.download.ledger import OpenBytes
from dlcore.engine.download.meter import Meter
from dlcore.engine.events import Event, PackageReady, PackageStarted, Progress
from dlcore.engine.fetching.call import Call, FetchItem
from dlcore.engine.fetching.fetch_into import Fetched
from dlcore.engine.fetching.file_at_url import name_of
from dlcore.engine.fetching.plain_urls import PlainUrls
from dlcore.engine.fetching.right_already import MAX_SHORT_BYTES, names_in, right_already
from dlcore.engine.fetching.truth import Truth
from dlcore.engine.fetching.wanted import Wanted, digest_of_user
from dlcore.errors import Fault, ManifestError, TransferError
from dlcore.long_path import plain_path
from dlcore.manifest import Patterns
from dlcore.package_ids import LOCAL_ID
from dlcore.transfer import Beginning, Probed, last_component
from dlcore.waiting import cancel_and_wait, in_thread

MAX_HELD: Final = 256
"""Files that are asked for, received or being delivered: four times as many as are in flight."""
MAX_IN_FLIGHT: Final = 64
"""Requests, as other programs are told to send for long lists; fewer if the user says so."""
MAX_LONG_AHEAD: Final = 8
"""How many more files may turn out to be long than short before lengths are asked for first."""

_ALL: Final = "short files"  # what the meter calls all of them

_log = logging.getLogger(__name__)


class Attempt(NamedTuple):
    """What became of a file.

    Attributes:
        fetched: What it came to; None if it is to be fetched in the usual way.
        place: Where it is; None if it was not fetched.
        probed: What its server says; None if it was not asked, or did not say enough.
    """

    fetched: Fetched | None = None
    place: Path | None = None
    probed: Probed | None = None


NO_TRY: Final = Attempt()
"""The usual way, from the beginning."""


class ShortFiles:
    """The short files of one call. For one event loop.

    Args:
        call: What all items have in common.
        tell: Hears what happens.

    Attributes:
        bytes_reused: Bytes of files that were there already.
    """

    def __init__(self, call: Call, tell: Callable[[Event], None]) -> None:
        self._call = call
        self._tell = tell
        self._meter = Meter()
        self._now_s = asyncio.get_running_loop().time
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._telling: asyncio.Task[None] | None = None
        self._group = Groups(Together(call.to, call.records))
        self._taken: dict[str, FetchItem] = {}
        self._names: dict[Path, asyncio.Future[frozenset[str]]] = {}
        self._long = self._short = 0
        self.bytes_reused = 0

    async def fetch(self, item: FetchItem, wanted: Wanted, urls: PlainUrls) -> Attempt:
        """Fetch a file, if it is a short one at a URL and its digest is known.

        Args:
            item: What the user names.
            wanted: What the user names, without a user in its URL.
            urls: Asks its server.

        Raises:
            NotFoundError: Nothing is there.
            TransferError: Its server cannot be asked.
            StorageError: The local disk failed.
        """
        digest = digest_of_user(wanted)
        is_web = wanted.what.lower().startswith(("http://", "https://"))
        if digest is None or not is_web or self._call.patterns != Patterns():
            return NO_TRY
        folder = self._call.to / item.place.rpartition("/")[0]
        name = wanted.name or _name_in(wanted.what)
        path = folder / name
        is_first = self._taken.setdefault(os.path.normcase(path), item) is item
        if not (name and is_first):
            return NO_TRY
        names = await self._names_in(folder)
        if os.path.normcase(state_folder(path).name) in names:  # an earlier call has begun with it
            return NO_TRY
        if os.path.normcase(name) in names:
            return await self._as_it_is(path, digest, urls) if wanted.name else NO_TRY
        open_bytes = self._meter.ledger.open()
        try:
            begun = await self._begin(wanted.what, urls, open_bytes)
            return await self._take(begun, item, wanted, path, digest, urls, open_bytes)
        finally:
            open_bytes.close()

    async def _begin(self, url: str, urls: PlainUrls, open_bytes: OpenBytes) -> Beginning:
        def received(count: int) -> None:
            self._meter.received(_ALL, host, count, self._now_s())
            open_bytes.received(count)

        host, limit = _host_of(url), min(MAX_IN_FLIGHT, self._call.access.connections)
        if self._telling is None:
            self._telling = asyncio.ensure_future(self._tell_progress())
        async with self._turns.setdefault(host, asyncio.Semaphore(limit)):
            if self._long > self._short + MAX_LONG_AHEAD:
                return Beginning(None)
            self._meter.request_began(host, self._now_s())
            try:
                begun = await urls.begin(url, MAX_SHORT_BYTES, received)
            except TransferError as error:
                self._meter.failed(host, error.fault)
                if error.fault not in {Fault.REFUSED, Fault.RANGE}:
                    raise
                return Beginning(None)  # the server may answer a question of another form
            finally:
                self._meter.request_ended(host, self._now_s())
        if begun.content is None:
            self._long += 1
        else:
            self._short += 1
        return begun

    async def _take(
        self,
        begun: Beginning,
        item: FetchItem,
        wanted: Wanted,
        path: Path,
        digest: Digest,
        urls: PlainUrls,
        open_bytes: OpenBytes,
    ) -> Attempt:
        """Deliver what has arrived, if it is all as expected."""
        probed, content = begun.probed, begun.content
        if probed is None or content is None:
            return Attempt(probed=probed)
        hashed = digest.hash()
        hashed.update(content)
        is_named = bool(wanted.name) or name_of(probed) == path.name
        if hashed.digest() != digest.value or not is_named:
            return self._wasted(wanted, probed, content)
        urls.check_length(path.name, len(content))
        modified_ns = probed.modified_ns if self._call.remote_time else None
        if self._call.remote_time and modified_ns is None:
            _log.warning("%s: its server does not say when it was modified", path.name)
        place = await self._group.deliver(ShortFile(path.parent, path.name, content, modified_ns))
        if place is None:
            return self._wasted(wanted, probed, content)
        label, count_bytes = item.place or path.name, len(content)
        open_bytes.settle(count_bytes, count_bytes)
        self._tell(PackageStarted(label, count_bytes, 0))
        self._tell(PackageReady(label, str(plain_path(place))))
        endpoints = {_host_of(wanted.what): count_bytes}
        return Attempt(_fetched(place, digest, count_bytes, endpoints), place)

    def _wasted(self, wanted: Wanted, probed: Probed, content: bytes) -> Attempt:
        """What has arrived is not used: the usual way fetches it again."""
        self._meter.rejected(_host_of(wanted.what), len(content))
        return Attempt(probed=probed)

    async def _as_it_is(self, path: Path, digest: Digest, urls: PlainUrls) -> Attempt:
        """What is there already, if it has the digest: then its server need not be asked."""
        place = await in_thread(right_already, path, digest)
        if place is None:
            return NO_TRY
        goal, length_bytes = place
        urls.check_length(path.name, length_bytes)
        _log.info("%s is at %s already", path.name, goal)
        self.bytes_reused += length_bytes
        return Attempt(_fetched(goal, digest, length_bytes, {}), goal)

    async def _names_in(self, folder: Path) -> frozenset[str]:
        """What a folder held when it was first asked about."""
        if folder not in self._names:
            self._names[folder] = asyncio.ensure_future(in_thread(names_in, folder))
        return await asyncio.shield(self._names[folder])

    @property
    def bytes_fetched(self) -> int:
        """Bytes that were received; of longer files, those that came with the first answer."""
        return self._meter.received_bytes[_ALL]

    @property
    def bytes_wasted(self) -> int:
        """Of these, the ones that were not used: the usual way fetches them again."""
        return self._meter.ledger.wasted_bytes

    def figures(self) -> dict[str, EndpointFigures]:
        """What each server has done."""
        return figures_of(tuple(self._meter.connections), self._meter, (), self._now_s())

    def end(self) -> None:
        """Nothing more is asked for: tell the last figures. Idempotent."""
        if self._telling:
            self._telling.cancel()
            self._telling = None
            self._tell(self._progress())

    async def _tell_progress(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_EVERY_S)
            self._tell(self._progress())

    def _progress(self) -> Progress:
        now_s, meter = self._now_s(), self._meter
        return Progress(
            meter.ledger.used_bytes,
            self.bytes_fetched - self.bytes_wasted,
            meter.recent_bytes_per_s(now_s),
            self.bytes_wasted,
            {host: meter.progress_of(host, now_s) for host in tuple(meter.connections)},
        )

    async def aclose(self) -> None:
        """Deliver nothing more. Idempotent; a cancellation waits for it."""
        self.end()
        await cancel_and_wait(list(self._names.values()))
        await self._group.aclose()


def _host_of(url: str) -> str:
    """What a server is called in figures: by its name without a port."""
    return urlsplit(url).hostname or ""


def _fetched(place: Path, digest: Digest, length_bytes: int, endpoints: dict[str, int]) -> Fetched:
    """The result for a file.

    Args:
        place: Where it is.
        digest: What verified it.
        length_bytes: Its length.
        endpoints: Bytes by server; empty if it was there.
    """
    came_bytes, shown = sum(endpoints.values()), str(plain_path(place))
    return Fetched(
        LOCAL_ID,
        shown,
        length_bytes,
        came_bytes,
        length_bytes - came_bytes,
        endpoints,
        verified_by=digest.algorithm,
        truth=Truth.DIGEST,
    )


def _name_in(url: str) -> str:
    """The name that a URL's last part gives a file, if its server suggests no other; or nothing."""
    try:
        return name_of(Probed(None, accepts_ranges=False, name=last_component(url)))
    except ManifestError:
        return ""
