"""Fetches one package whose manifest is at hand, outside any task sequence, into a folder.

Guarantees: the content appears in one step, complete and verified; until then everything is in a
state folder close by, from which a later call goes on. Content that is right already is read once,
and no byte is fetched. Of content that is damaged or of another version, what matches is kept.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from dlcore.engine.deliveries import Deliveries
from dlcore.engine.delivering import Package, deliver
from dlcore.engine.download.downloads import Downloads
from dlcore.engine.download.figures import EndpointFigures
from dlcore.engine.download.library import Library
from dlcore.engine.download.packages import Retry
from dlcore.engine.events import EventBus
from dlcore.engine.one_file import OneFile
from dlcore.engine.own_folder import OwnFolder
from dlcore.engine.sources import Source
from dlcore.engine.target import Look, Standing, Target, told
from dlcore.errors import IntegrityError
from dlcore.long_path import plain_path
from dlcore.model import Catalog, Manifest
from dlcore.store import Store
from dlcore.store.seeding import seed
from dlcore.waiting import in_thread

_log = logging.getLogger(__name__)


class Fetched(msgspec.Struct, frozen=True):
    """What a fetch came to.

    Attributes:
        package: Id of the package.
        path: Where its files are, or its one file is.
        content_bytes: Length of all files.
        bytes_fetched: Payload bytes received.
        bytes_reused: Verified bytes that were on disk before.
        endpoints: Payload bytes by endpoint.
        bytes_wasted: Of those fetched, the ones that turned out not to be needed.
        sources: What each endpoint did.
        repaired: Paths of what was there and differed from the manifest, and was put right; also of
            what only an earlier version had, and was removed.
    """

    package: str
    path: str
    content_bytes: int
    bytes_fetched: int
    bytes_reused: int
    endpoints: dict[str, int]
    bytes_wasted: int = 0
    sources: dict[str, EndpointFigures] = {}
    repaired: tuple[str, ...] = ()


async def fetch_into(
    folder: Path,
    manifest: Manifest,
    document: bytes,
    sources: Sequence[Source],
    bus: EventBus,
    deliveries: Deliveries,
    *,
    beside: bool = False,
    retry: Retry | None = None,
    cap_bytes_per_s: float = 0.0,
    wait_s: float = 0.0,
) -> Fetched:
    """Fetch a package's files into a folder.

    Args:
        folder: Is made; or is empty, or holds this package, right, damaged or of another version.
        manifest: What to fetch; the caller vouches for it.
        document: The manifest's bytes, to be kept.
        sources: The endpoints to ask, and how they may be used; they stay open.
        bus: Hears what happens.
        deliveries: Knows what dlcore has delivered before.
        beside: Whether a single file may be put beside what else is in the folder.
        retry: What to do when no endpoint is left to serve it.
        cap_bytes_per_s: Read at most this much from all endpoints together; 0.0 for no cap.
        wait_s: How long to wait while another process fetches into the same folder.

    Raises:
        ConfigError: The folder holds something that is not dlcore's; it stays as it is.
        ExhaustedError: No endpoint is left to serve some blocks; what was verified is kept.
        IntegrityError: Every endpoint served some block wrong.
        LockedError: Another process fetches into the same folder.
        StorageError: The local disk failed, or is full; what was verified is kept.
    """
    goal = _target(folder, manifest, deliveries, beside=beside)
    package = Package(manifest, document)
    fetching = _Fetching(goal.source, package, sources, bus, retry or Retry(), cap_bytes_per_s)
    look = await deliver(goal, package, fetching, wait_s)
    if look.standing is Standing.RIGHT:
        _log.info("%s is at %s already", manifest.package_id, goal.path)
    repaired = tuple(dict.fromkeys(item.path for item in look.bad))
    if repaired:
        _log.warning("%s was repaired: %s", goal.path, told(repaired))
    return msgspec.structs.replace(
        fetching.fetched, path=str(plain_path(goal.path)), repaired=repaired
    )


def _target(folder: Path, manifest: Manifest, deliveries: Deliveries, *, beside: bool) -> Target:
    """A single file may be put beside others; everything else is a folder of its own."""
    names = [file.path for file in manifest.files]
    if beside and len(names) == 1 and not manifest.folders and "/" not in names[0]:
        return OneFile(folder, names[0], deliveries)
    return OwnFolder(folder, deliveries)


class _Fetching:
    """Completes the package from endpoints, and from what is at the target.

    Attributes:
        fetched: What it has come to; the path is the target's to tell.
        kept_bytes: How many verified bytes are in the store; None before that is known.
    """

    def __init__(
        self,
        source: Path,
        package: Package,
        sources: Sequence[Source],
        bus: EventBus,
        retry: Retry,
        cap_bytes_per_s: float,
    ) -> None:
        manifest = package.manifest
        size_bytes = manifest.content_bytes
        self.fetched = Fetched(manifest.package_id, "", size_bytes, 0, size_bytes, {})
        self.kept_bytes: int | None = None
        self._source = source
        self._package = package
        self._endpoints = [endpoint for endpoint, _ in sources]
        self._terms = {endpoint.name: own for endpoint, own in sources}
        self._bus = bus
        self._retry = retry
        self._cap_bytes_per_s = cap_bytes_per_s
        self._is_wrong = False  # every endpoint served something that does not match

    async def fill(self, store: Store, look: Look) -> None:
        """Complete the package; what is there is taken over first."""
        if look.standing is Standing.REPAIRABLE:
            await in_thread(_take_over, store, self._package, self._source)
        package_id = self._package.manifest.package_id
        library = Library(Catalog(1, {}), self._endpoints, store, tell=self._bus.emit)
        async with AsyncExitStack() as stack:
            downloads = Downloads(self._terms, library.locate, self._bus, random.Random())  # noqa: S311  # spreads waits
            stack.push_async_callback(downloads.aclose)
            downloads.set_retry(self._retry)
            downloads.set_cap(self._cap_bytes_per_s)
            downloads.order((package_id,), (), (package_id,))
            await downloads.begin(package_id, *self._package, store)
            try:
                await downloads.path(package_id)
            except IntegrityError:
                self._is_wrong = True
                raise
            finally:
                self._note(downloads)

    def _note(self, downloads: Downloads) -> None:
        manifest = self._package.manifest
        size_bytes = manifest.content_bytes
        self.kept_bytes = downloads.verified_bytes(manifest.package_id, size_bytes)
        if self._is_wrong and [item.digests for item in manifest.objects] == [b""]:
            self.kept_bytes = 0  # of an object with one digest, which was wrong: unverified
        self.fetched = Fetched(
            manifest.package_id,
            "",
            size_bytes,
            downloads.meter.received_bytes.total(),
            downloads.reused_bytes,
            dict(downloads.meter.by_endpoint),
            downloads.wasted_bytes,
            downloads.figures(),
        )


def _take_over(store: Store, package: Package, source: Path) -> None:
    """Keep the blocks that a folder has."""
    partial = store.begin(*package)
    try:
        seed(partial, source)
        partial.sync()
    finally:
        partial.close()
