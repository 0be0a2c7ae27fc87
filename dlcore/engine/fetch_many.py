"""Fetches many packages and files in one call: `dlcore.fetch_many`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from dlcore.engine.access import Access, NamedServers
from dlcore.engine.checksums import with_checksums
from dlcore.engine.deliveries import Deliveries, users_deliveries
from dlcore.engine.delivering import Package
from dlcore.engine.download.inquiry import InquiryPolicy
from dlcore.engine.download.packages import Retry
from dlcore.engine.event_log import LoggedBus
from dlcore.engine.events import Event
from dlcore.engine.fetch_into import Fetched, fetch_into
from dlcore.engine.joint_download import JointDownload
from dlcore.engine.placing import FetchItem, Placing
from dlcore.engine.site import NamedSite, Site
from dlcore.engine.wanted import check_sha256
from dlcore.errors import ConfigError, DlcoreError
from dlcore.model import EndpointSettings
from dlcore.waiting import cancel_and_wait

MAX_AT_ONCE = 16  # enough to hide the start and the end of small files; each holds some open files

T = TypeVar("T")


class FetchResult(NamedTuple):
    """What became of it.

    Attributes:
        item: What was to be fetched.
        fetched: What it came to; None if it failed.
        error: Why it failed; None if it did not.
    """

    item: FetchItem
    fetched: Fetched | None = None
    error: DlcoreError | None = None


async def fetch_many(
    items: Iterable[FetchItem],
    *,
    to: Path,
    checksums: str = "",
    endpoints: Sequence[str | EndpointSettings] = (),
    catalog: Path | None = None,
    catalog_sha256: str = "",
    trust_root: Path | None = None,
    access: Access | None = None,
    retry: Retry | None = None,
    cap_bytes_per_s: float = 0.0,
    wait_s: float = 0.0,
    deliveries: Path | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> list[FetchResult]:
    """Fetch packages, files at URLs, and what manifests describe, side by side.

    Everything is as in `dlcore.fetch`, with these differences. Each package becomes a folder below
    ``to``, named by its id; what a foreign manifest of several files describes becomes one named as
    the manifest, without its extension; single files are put into ``to`` itself. One item that
    fails does not stop the others, unless the local disk fails. Limits hold for all together.

    Args:
        items: What to fetch, the most urgent first. What is named twice is fetched once.
        to: Folder that gets everything.
        checksums: URL or path of a list as ``sha256sum`` writes it: it gives the digests of the
            files at URLs. If there is no item, all files that it names are fetched from beside it.
        endpoints: Where packages come from; not used for files at URLs.
        catalog: Trusted catalog; by default that of the first endpoint, read over TLS.
        catalog_sha256: SHA-256 that the catalog must have, hex.
        trust_root: Root document that must vouch for the catalog; None if it need not be signed.
        access: What opens endpoints that are named by a text.
        retry: What to do when no endpoint is left that serves an item.
        cap_bytes_per_s: Read at most this much from all endpoints together, 1024 or more; 0.0 for
            no cap.
        wait_s: How long to wait while another process fetches to the same place.
        deliveries: Folder of the records of what was delivered where; by default the user's own.
        on_event: Called with each event, in the event loop; must not block.

    Returns:
        What became of each item, in their order. ``bytes_wasted`` and ``sources`` are those of the
        whole call.

    Raises:
        ConfigError: There is no item, the catalog's digest is none, or the list of checksums could
            have been altered on the way.
        DlcoreError: The list of checksums cannot be read.
    """
    items = list(items)
    access = access or Access()
    named_urls = (*(item.what for item in items), checksums, *endpoints)
    servers = NamedServers(access, named_urls)
    wanted = list(dict.fromkeys(items))
    if not (wanted or checksums):
        raise ConfigError("nothing is named to be fetched", remedy="Name a package or a URL.")
    check_sha256("catalog's SHA-256", catalog_sha256)
    bus = LoggedBus(on_event)
    async with AsyncExitStack() as stack:
        stack.enter_context(contextlib.closing(bus))
        policy = InquiryPolicy.lasting(retry.total_s if retry else None)
        named = NamedSite(endpoints, catalog, catalog_sha256, trust_root)
        site = Site(named, access, stack, bus.emit, servers, policy)
        if checksums:
            checksums = servers.bare(checksums)
            wanted = await with_checksums(wanted, checksums, servers.keyring, site.asking)
        records = Deliveries(deliveries or users_deliveries())
        placing = Placing(to, site, access, servers, records, bus.emit)
        await _side_by_side([placing.place(item) for item in wanted])
        placing.settle(wanted)
        if endpoints and not (site.is_open or placing.errors):
            raise ConfigError(
                "endpoints are named, but no package is to be fetched from them",
                remedy="Leave --from (endpoints) out: each URL says where its file is.",
            )
        joint = JointDownload(placing.sources(wanted, stack), bus, retry, cap_bytes_per_s)
        stack.push_async_callback(joint.aclose)
        return await _side_by_side([_fetched(placing, item, joint, wait_s) for item in wanted])


async def _fetched(
    placing: Placing, item: FetchItem, joint: JointDownload, wait_s: float
) -> FetchResult:
    if error := placing.errors.get(item):
        return FetchResult(item, error=error)
    found, goal, name = placing.placed[item]
    package = Package(found.manifest, found.document)
    try:
        return FetchResult(item, await fetch_into(goal, package, joint, name, wait_s=wait_s))
    except DlcoreError as error:
        return FetchResult(item, error=error)


async def _side_by_side(jobs: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Run jobs, a few at once; none runs any more when this ends."""
    turns = asyncio.Semaphore(MAX_AT_ONCE)

    async def in_turn(job: Coroutine[Any, Any, T]) -> T:
        async with turns:
            return await job

    tasks = [asyncio.ensure_future(in_turn(job)) for job in jobs]
    try:
        return await asyncio.gather(*tasks)
    finally:
        await cancel_and_wait(tasks)
        for job in jobs:
            job.close()
