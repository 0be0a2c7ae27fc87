"""Fetches many packages and files in one call: `dlcore.fetch_many`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from msgspec.structs import replace

from dlcore.deployment import Deployment
from dlcore.engine.download.figures import added
from dlcore.engine.download.retry import Retry
from dlcore.engine.events import Event
from dlcore.engine.fetching.access import Access
from dlcore.engine.fetching.call import FetchItem
from dlcore.engine.fetching.early_bytes import EarlyBytes
from dlcore.engine.fetching.ending import ending_told, failures
from dlcore.engine.fetching.fetch_into import Fetched, fetch_into
from dlcore.engine.fetching.joint_download import JointDownload
from dlcore.engine.fetching.new_folders import removed_if_empty
from dlcore.engine.fetching.options import FetchOptions
from dlcore.engine.fetching.placing import Placing
from dlcore.engine.fetching.preparing import MAX_AT_ONCE, prepare_many
from dlcore.engine.fetching.selecting import with_origin
from dlcore.engine.fetching.short_files import ShortFiles
from dlcore.engine.fetching.site import NamedSite
from dlcore.engine.listeners.log import LoggedBus
from dlcore.errors import DlcoreError, without_frames
from dlcore.long_path import rooted
from dlcore.model import EndpointSettings
from dlcore.store import Package
from dlcore.waiting import side_by_side

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
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    remote_time: bool = False,
    seeds: Sequence[Path] = (),
    deployment: Deployment | None = None,
) -> list[FetchResult]:
    """Fetch packages, files at URLs, and what manifests describe, side by side.

    Everything is as in `dlcore.fetch`, with these differences. Each package becomes a folder below
    ``to``, named by its id; what a foreign manifest of several files describes becomes one named as
    the manifest, without its extension; single files are put into ``to`` itself. One item that
    fails does not stop the others, unless the local disk fails. Limits hold for all together.

    Args:
        items: What to fetch, the most urgent first. What is named twice is fetched once.
        to: Folder that gets everything.
        checksums: URL or path of a list as ``sha256sum``, ``sha512sum`` or ``b2sum`` writes it: it
            gives the digests of the files at URLs. If there is no item, all files that it names are
            fetched from beside it, into the folders that it names.
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
        on_event: Called with each event, in the event loop; must not block. What it raises is
            logged, and the fetch goes on.
        include: Patterns of the only files of packages to fetch; none for all.
        exclude: Patterns of files of packages that are not fetched, although they are included.
        remote_time: Whether each file at a URL gets the time that its server says.
        seeds: Folders whose files are taken over in place of fetching them, if they are right.
        deployment: The settings of a deployment, as of `dlcore.fetch`; then every item is a
            package.

    Returns:
        What became of each item, in their order. ``bytes_wasted`` and ``sources`` are those of the
        whole call.

    Raises:
        ConfigError: There is no item, the catalog's digest is not a SHA-256, or the list of
            checksums could have been altered on the way.
        DlcoreError: The list of checksums cannot be read.
    """
    options = FetchOptions(
        to=to,
        site=NamedSite(endpoints, catalog, catalog_sha256, trust_root),
        access=access or Access(),
        retry=retry,
        cap_bytes_per_s=cap_bytes_per_s,
        wait_s=wait_s,
        deliveries=deliveries,
        include=include,
        exclude=exclude,
        remote_time=remote_time,
        seeds=seeds,
        deployment=deployment,
    )
    return await fetch_items(items, checksums, options, on_event)


async def fetch_items(
    items: Iterable[FetchItem],
    checksums: str,
    options: FetchOptions,
    on_event: Callable[[Event], None] | None = None,
) -> list[FetchResult]:
    """Fetch several things.

    Args:
        items: What to fetch.
        checksums: As of `fetch_many`.
        options: How, as the user says it.
        on_event: As of `fetch_many`.

    Raises:
        DlcoreError: As `fetch_many`.
    """
    bus = LoggedBus(on_event)
    early = EarlyBytes()
    call = options.call(bus.emit, early)
    async with AsyncExitStack() as stack:
        stack.enter_context(contextlib.closing(bus))
        count = stack.enter_context(ending_told(bus, early))
        short = None if call.cap_bytes_per_s or call.rules else ShortFiles(call, bus.emit)
        if short:
            count.include(short)
            stack.push_async_callback(short.aclose)
        with removed_if_empty([rooted(call.to)]):
            wanted, placing = await prepare_many(items, checksums, call, bus, stack, short)
        if short:
            short.end()
        for placed in placing.placed.values():
            for event in placed.found.origin.events(placed.name):
                bus.emit(event)
        named_sources = placing.sources(wanted, stack)
        joint = JointDownload.of_call(call, named_sources, bus, placing.patch_digests)
        count.include(joint)
        stack.push_async_callback(joint.aclose)
        fetch_placed = partial(_fetch_placed, placing, joint, call.wait_s)
        with removed_if_empty({each.goal.path.parent for each in placing.placed.values()}):
            results = await side_by_side(fetch_placed, wanted, MAX_AT_ONCE)
        sources = added(short.figures() if short else {}, joint.figures())
        results = [_with(each, bytes_wasted=count.totals[2], sources=sources) for each in results]
        if call.rules:
            results = [_with(each, boundary=call.rules.groups) for each in results]
        for item, error in failures((each.item, each.fetched, each.error) for each in results):
            count.failed(f"{item.shown}: {error.message}")
        return results


def _with(result: FetchResult, **figures: Any) -> FetchResult:
    """A result with figures of the whole call."""
    if result.fetched is None:
        return result
    return result._replace(fetched=replace(result.fetched, **figures))


async def _fetch_placed(
    placing: Placing, joint: JointDownload, wait_s: float, item: FetchItem
) -> FetchResult:
    if done := placing.done.get(item):
        return FetchResult(item, done)
    if error := placing.errors.get(item):
        return FetchResult(item, error=error)
    found, goal, name, selection = placing.placed[item]
    package = Package(found.manifest, found.document)
    try:
        fetched = await fetch_into(goal, package, joint, name, wait_s=wait_s)
        return FetchResult(item, with_origin(fetched, selection, found.origin))
    except DlcoreError as error:
        return FetchResult(item, error=without_frames(error))
