"""What a fetch is about: what is wanted, where it is, and where it goes.

Guarantees: nothing is fetched but documents, and nothing on disk is changed, unless short files are
to be fetched at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, NamedTuple

from dlcore import manifest as documents
from dlcore.engine.delivery.target import Target, place_of_delivery
from dlcore.engine.download.retry import Retry
from dlcore.engine.fetching.access import Access, NamedServers
from dlcore.engine.fetching.by_content_hash import HashedCall, find_by_content_hash
from dlcore.engine.fetching.by_deployment import check_is_package
from dlcore.engine.fetching.call import Call, FetchItem
from dlcore.engine.fetching.checksums import with_checksums
from dlcore.engine.fetching.early_bytes import EarlyBytes
from dlcore.engine.fetching.fetch_into import target_of
from dlcore.engine.fetching.finding import FoundContent, content_named, find
from dlcore.engine.fetching.placing import Placing
from dlcore.engine.fetching.plain_urls import PlainUrls
from dlcore.engine.fetching.selecting import name_of_selection, selected, selection_of, sources_of
from dlcore.engine.fetching.short_files import MAX_HELD, ShortFiles
from dlcore.engine.fetching.site import OpenedSite
from dlcore.engine.fetching.sources import Source, open_mirrors
from dlcore.engine.fetching.truth import Origin
from dlcore.engine.fetching.wanted import Wanted, check_is_readable, check_sha256
from dlcore.engine.listeners.bus import EventBus
from dlcore.errors import ConfigError, ManifestError
from dlcore.manifest import Selection
from dlcore.printable import quoted
from dlcore.schedule import Terms
from dlcore.store import Package
from dlcore.transfer import ConnectionPool, Keyring
from dlcore.waiting import side_by_side

MAX_AT_ONCE: Final = 16
"""Things. Enough to hide the start and the end of small files; each holds some open files."""


class Prepared(NamedTuple):
    """What one fetch is about.

    Attributes:
        goal: Where it goes.
        package: What it is.
        name: What it is called.
        sources: Where it comes from.
        selection: Which of its files are fetched; None for all.
        patch_digests: The only patch lists that may be used, if these are signed.
        origin: What vouches for it.
    """

    goal: Target
    package: Package
    name: str
    sources: Sequence[Source]
    selection: Selection | None
    patch_digests: dict[str, str] | None
    origin: Origin = Origin()


async def prepare(item: FetchItem, call: Call, bus: EventBus, stack: AsyncExitStack) -> Prepared:
    """Find out what one thing is, where it is, and where it goes.

    Args:
        item: The thing. Endpoints of the call are mirrors of it, if it is a file at a URL.
        call: The other arguments of `dlcore.fetch`.
        bus: Hears what happens.
        stack: Closes what is opened.

    Raises:
        DlcoreError: As `dlcore.fetch`.
    """
    place_of_delivery(call.to)  # refused before anything is asked for
    servers = NamedServers(call.access, (item.what, *call.site.endpoints))
    mirrors = [servers.bare(e) if isinstance(e, str) else e for e in call.site.endpoints]
    mirrors = [] if call.rules else mirrors
    wanted = Wanted(servers.bare(item.what), item.sha256, mirrors, item.checksum, item.place)
    _check_name(wanted)
    check_sha256("catalog's SHA-256", call.site.catalog_sha256)
    check_is_package(call.rules, wanted.shown, is_package=not wanted.is_url)
    if not call.rules:
        _check_root(wanted, call.site.trust_root)
    pool = _pool(call.access, stack)
    site = await _site(call, servers, pool, bus, stack)
    urls = _plain_urls(call, servers, site, pool)
    sources: Sequence[Source]
    if site.has_only_hash and (named := content_named(wanted)):
        hashed = HashedCall(
            to=call.to,
            named_hash=call.site.content_hash,
            retry=call.retry or Retry(),
            cap_bytes_per_s=call.cap_bytes_per_s,
            wait_s=call.wait_s,
            is_dry_run=call.is_dry_run,
            early=call.early or EarlyBytes(),
        )
        found, sources = await find_by_content_hash(named, site, hashed, bus.emit)
    else:
        found = await find(wanted, site, urls, bus.emit, call.to)
        check_is_package(call.rules, wanted.shown, is_package=found.urls is None)
        sources = (
            site.sources()
            if found.urls is None
            else _mirrors(found, call.access, stack, servers.keyring, pool)
        )
    selection = selection_of(found, call.patterns, item.shown)
    if selection:
        found, sources = selected(found, selection), sources_of(sources, selection)
    package = Package(found.manifest, found.document)
    beside, is_part = found.beside, selection is not None
    goal = target_of(
        call.to,
        found.manifest,
        call.records,
        beside=beside,
        keeps_all=is_part,
        modified_ns=call.modified_ns(found),
    )
    name = found.label if found.urls is None else goal.path.name
    name = name_of_selection(name) if selection else name
    return Prepared(goal, package, name, sources, selection, site.patch_digests, found.origin)


def _check_name(wanted: Wanted) -> None:
    """Refuse a name from the user that is not usable, or that is not for a file at a URL."""
    if not wanted.name:
        return
    if not wanted.is_url:
        check_is_readable(wanted)
        raise ConfigError(
            f"a name was given for a file at a URL, but {quoted(wanted.shown)} is not a URL",
            remedy="Leave --name out: a package has the names of its manifest.",
        )
    try:
        documents.check_path(wanted.name)
        if "/" in wanted.name:
            raise ManifestError("it has a slash")
    except ManifestError as error:
        raise ConfigError(
            f"{quoted(wanted.name)} is not the name of a file: {error.message}",
            remedy="Give the last part only; -o names the folder.",
        ) from None


def _check_root(wanted: Wanted, trust_root: Path | None) -> None:
    if trust_root and not wanted.is_package:
        raise ConfigError(
            f"a root vouches for packages of a catalog, but {wanted.shown} is not a package id",
            remedy="Leave --trust-root out, or fetch the package by its id.",
        )


def _mirrors(
    found: FoundContent,
    access: Access,
    stack: AsyncExitStack,
    keyring: Keyring,
    pool: ConnectionPool,
) -> list[Source]:
    if found.spooled:
        return [(found.spooled, Terms())]
    mirrors = open_mirrors(
        found.urls or {},
        access,
        stack,
        keyring,
        without_ranges=found.without_ranges,
        led_to=found.led_to,
        pool=pool,
    )
    return [mirror.source for mirror in mirrors]


async def prepare_many(
    items: Iterable[FetchItem],
    checksums: str,
    call: Call,
    bus: EventBus,
    stack: AsyncExitStack,
    short: ShortFiles | None = None,
) -> tuple[list[FetchItem], Placing]:
    """Find out what the items are, and give each a place.

    Args:
        items: What to fetch.
        checksums: As of `dlcore.fetch_many`.
        call: The other arguments of it.
        bus: Hears what happens.
        stack: Closes what is opened.
        short: Fetches short files at once; None if nothing is to be fetched yet.

    Returns:
        The items, without repetitions, and their places.

    Raises:
        DlcoreError: As `dlcore.fetch_many`.
    """
    wanted = list(dict.fromkeys(items))
    if not (wanted or checksums):
        raise ConfigError("nothing to fetch is named", remedy="Name a package or a URL.")
    check_sha256("catalog's SHA-256", call.site.catalog_sha256)
    place_of_delivery(call.to)  # refused before anything is asked for
    named = (*(item.what for item in wanted), checksums, *call.site.endpoints)
    servers = NamedServers(call.access, named)
    pool = _pool(call.access, stack)
    site = await _site(call, servers, pool, bus, stack)
    urls = _plain_urls(call, servers, site, pool)
    if checksums:
        check_is_package(call.rules, "a list of checksums", is_package=False)
        wanted = await with_checksums(wanted, servers.bare(checksums), urls)
    placing = Placing(call, site, servers, urls, pool, bus.emit, short)
    await side_by_side(placing.place, wanted, MAX_HELD if short else MAX_AT_ONCE)
    placing.refuse_taken_places(wanted)
    if call.site.endpoints and not (site.is_open or placing.errors):
        raise ConfigError(
            "endpoints are named, but no package is to be fetched from them",
            remedy="Leave --from out: each URL says where its file is.",
        )
    return wanted, placing


async def _site(
    call: Call, servers: NamedServers, pool: ConnectionPool, bus: EventBus, stack: AsyncExitStack
) -> OpenedSite:
    """The site of a call, by the rules of its deployment."""
    allowed = None
    if call.rules:
        await call.rules.begin()
        allowed = call.rules.allowed
    return OpenedSite(
        call.site,
        call.access,
        stack,
        bus.emit,
        servers=servers,
        policy=call.inquiry_policy,
        pool=pool,
        allowed=allowed,
    )


def _plain_urls(
    call: Call, servers: NamedServers, site: OpenedSite, pool: ConnectionPool
) -> PlainUrls:
    return PlainUrls(
        servers.keyring,
        site.asking,
        pool=pool,
        max_file_bytes=call.access.max_file_bytes,
        early=call.early,
        only_asks=call.is_dry_run,
    )


def _pool(access: Access, stack: AsyncExitStack) -> ConnectionPool:
    """Those of all servers of the call; they stay open from the first question to the last byte.

    There is one pool, because it remembers which passwords were refused.
    """
    pool = ConnectionPool(access.transfer_policy)
    pool.join(stack)
    stack.push_async_callback(pool.leave, stack)
    return pool
