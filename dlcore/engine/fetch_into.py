"""Fetches one package whose manifest is at hand, outside any task sequence, into a folder.

Guarantees: the content appears by one rename, complete and verified; until then everything is in
a state folder close by, from which a later call goes on. Content that is right already is
read once, and no byte is fetched.
"""

from __future__ import annotations

import logging
import random
import shutil
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from dlcore.engine.disk import guarded
from dlcore.engine.download.downloads import Downloads
from dlcore.engine.download.figures import EndpointFigures
from dlcore.engine.download.library import Library
from dlcore.engine.download.packages import Retry
from dlcore.engine.events import EventBus
from dlcore.engine.holding import hold
from dlcore.engine.policy import EnginePolicy
from dlcore.engine.sources import Source
from dlcore.engine.target import Target, target
from dlcore.manifest import digest_of
from dlcore.model import Catalog, Manifest
from dlcore.store import Store
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
    """

    package: str
    path: str
    content_bytes: int
    bytes_fetched: int
    bytes_reused: int
    endpoints: dict[str, int]
    bytes_wasted: int = 0
    sources: dict[str, EndpointFigures] = {}


async def fetch_into(
    folder: Path,
    manifest: Manifest,
    document: bytes,
    sources: Sequence[Source],
    bus: EventBus,
    *,
    beside: bool = False,
    retry: Retry | None = None,
    cap_bytes_per_s: float = 0.0,
    wait_s: float = 0.0,
) -> Fetched:
    """Fetch a package's files into a folder.

    Args:
        folder: Is made; or is empty, or holds exactly these files already.
        manifest: What to fetch; the caller vouches for it.
        document: The manifest's bytes, to be kept.
        sources: The endpoints to ask, and how they may be used; they stay open.
        bus: Hears what happens.
        beside: Whether a single file may be put beside what else is in the folder.
        retry: What to do when no endpoint is left to serve it.
        cap_bytes_per_s: Read at most this much from all endpoints together; 0.0 for no cap.
        wait_s: How long to wait while another process fetches into the same folder.

    Raises:
        ConfigError: The folder holds something else.
        ExhaustedError: No endpoint is left to serve some blocks; what was verified is kept.
        IntegrityError: Every endpoint served some block wrong.
        LockedError: Another process fetches into the same folder.
        StorageError: The local disk failed, or is full; what was verified is kept.
    """
    goal = target(folder, manifest, beside=beside)
    if await in_thread(goal.is_there, manifest):
        return _found(goal, manifest)
    with guarded(f"make a folder for {goal.path}", goal.path):
        goal.state.parent.mkdir(parents=True, exist_ok=True)
    store = await hold(goal.state, wait_s, EnginePolicy().lock_retry_s)
    try:
        if await in_thread(goal.is_there, manifest):  # another process may have put it there
            fetched = _found(goal, manifest)
        else:
            described = (manifest, document)
            fetched = await _fetch(
                goal,
                described,
                sources,
                store,
                bus,
                retry or Retry(),
                cap_bytes_per_s,
            )
        await in_thread(shutil.rmtree, goal.state, ignore_errors=True)
    finally:
        store.close()
    return fetched


def _found(goal: Target, manifest: Manifest) -> Fetched:
    _log.info("%s is at %s already", manifest.package_id, goal.path)
    size = manifest.content_bytes
    return Fetched(manifest.package_id, str(goal.path), size, 0, size, {})


def _forget_delivered(store: Store, manifest: Manifest, digest: str) -> None:
    """Forget content that an earlier call delivered before it was broken off.

    It is not in the store any more, and since then it was taken away from where it was put.
    """
    content = store.find(digest, manifest)
    if content is None:
        return
    is_there = content.is_dir() and all((content / file.path).exists() for file in manifest.files)
    if not is_there:
        store.remove(manifest.package_id, digest, manifest.version)


async def _fetch(
    goal: Target,
    described: tuple[Manifest, bytes],
    sources: Sequence[Source],
    store: Store,
    bus: EventBus,
    retry: Retry,
    cap_bytes_per_s: float,
) -> Fetched:
    manifest, document = described
    await in_thread(_forget_delivered, store, manifest, digest_of(document))
    named = [endpoint for endpoint, _ in sources]
    library = Library(Catalog(1, {}), named, store, tell=bus.emit)
    terms = {endpoint.name: own for endpoint, own in sources}
    async with AsyncExitStack() as stack:
        downloads = Downloads(store, terms, library.locate, bus, random.Random())  # noqa: S311  # spreads waits
        stack.push_async_callback(downloads.aclose)
        downloads.set_retry(retry)
        downloads.set_cap(cap_bytes_per_s)
        downloads.order((manifest.package_id,), (), (manifest.package_id,))
        await downloads.begin(manifest.package_id, manifest, document)
        content = await downloads.path(manifest.package_id)
        await in_thread(goal.deliver, content)
        return Fetched(
            manifest.package_id,
            str(goal.path),
            manifest.content_bytes,
            downloads.meter.received_bytes.total(),
            downloads.reused_bytes,
            dict(downloads.meter.by_endpoint),
            downloads.wasted_bytes,
            downloads.figures(),
        )
