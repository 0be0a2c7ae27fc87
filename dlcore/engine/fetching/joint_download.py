"""The download of all that one call fetches: over one scheduler, each package in its own store.

Guarantees: the limits hold for all packages together. A package fails alone, unless the local disk
fails. When `JointDownload.fill` ends, no thread writes to the store any more.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from dlcore.engine.download.downloads import Downloads
from dlcore.engine.download.figures import EndpointFigures
from dlcore.engine.download.package_index import PackageIndex
from dlcore.engine.download.packages import Retry, TellPlacement
from dlcore.engine.download.patch_names import package_of
from dlcore.engine.fetching.call import Call
from dlcore.engine.fetching.sources import Source
from dlcore.engine.listeners.bus import EventBus
from dlcore.engine.time_limit import max_stalls
from dlcore.errors import DlcoreError
from dlcore.model import Catalog, Manifest
from dlcore.patches import PatchList
from dlcore.store import Package, Seeds, Store

if TYPE_CHECKING:
    from dlcore.engine.fetching.rules import FetchRules


class Received(msgspec.Struct, frozen=True):
    """What has been received of one package.

    Attributes:
        bytes_fetched: Payload bytes received.
        bytes_reused: Verified bytes that were on disk before, or were made of such ones by patches.
        bytes_patched: Of `bytes_reused`, those that patches made.
        verified_bytes: Bytes that are on disk now, verified.
        endpoints: Payload bytes by endpoint.
        bytes_wasted: Of all that the call fetched, the bytes that came twice, or were not used.
        sources: What each endpoint did for the call.
    """

    bytes_fetched: int
    bytes_reused: int
    bytes_patched: int
    verified_bytes: int
    endpoints: dict[str, int]
    bytes_wasted: int
    sources: dict[str, EndpointFigures]


class JointDownload:
    """Downloads packages side by side. For one event loop.

    Args:
        wanted: For each package, by what it is called here, the endpoints that may have it; the
            package to fetch first comes first.
        bus: Hears what happens.
        retry: What to do when no endpoint is left for a package.
        cap_bytes_per_s: Read at most this much from all endpoints together; 0.0 for no cap.
        timeout_s: How long an endpoint may bring nothing; None for the usual time.
        seeds: Folders whose files are taken over, if they are right.
        patch_digests: The only patch lists that may be used; None: any, because nothing is signed.
        rules: What a deployment allows, its cap included; None without one.
    """

    def __init__(
        self,
        wanted: Mapping[str, Sequence[Source]],
        bus: EventBus,
        retry: Retry | None = None,
        cap_bytes_per_s: float = 0.0,
        timeout_s: float | None = None,
        seeds: Sequence[Path] = (),
        patch_digests: Mapping[str, str] | None = None,
        rules: FetchRules | None = None,
    ) -> None:
        self._rules = rules
        self._allowed = rules.allowed if rules else None
        self._seeds = Seeds(seeds) if seeds else None
        self._libraries = {
            name: PackageIndex(
                Catalog(1, {}),
                [endpoint for endpoint, _ in own],
                None,
                tell=bus.emit,
                patch_digests=patch_digests,
                allowed=self._allowed,
            )
            for name, own in wanted.items()
        }
        self._names = {name: {endpoint.name for endpoint, _ in own} for name, own in wanted.items()}
        self._terms = {endpoint.name: terms for own in wanted.values() for endpoint, terms in own}
        self._bus = bus
        self._retry = retry or Retry()
        self._cap_bytes_per_s = cap_bytes_per_s
        self._max_stalls = max_stalls(timeout_s)
        self._downloads: Downloads | None = None
        self._is_closed = False

    @classmethod
    def of_call(
        cls,
        call: Call,
        wanted: Mapping[str, Sequence[Source]],
        bus: EventBus,
        patch_digests: Mapping[str, str] | None,
    ) -> Self:
        """The download of a call, within the call's limits.

        Args:
            call: What all things have in common.
            wanted: As of the class.
            bus: Hears what happens.
            patch_digests: As of the class.
        """
        return cls(
            wanted,
            bus,
            retry=call.retry,
            cap_bytes_per_s=call.cap_bytes_per_s,
            timeout_s=call.access.timeout_s,
            seeds=call.seeds,
            patch_digests=patch_digests,
            rules=call.rules,
        )

    async def fill(
        self, name: str, package: Package, store: Store, older: Sequence[Path] = ()
    ) -> None:
        """Complete a package in a store.

        Args:
            name: What the package is called here.
            package: The package.
            store: Where it is filled.
            older: Folders that have older versions of it.

        Raises:
            ExhaustedError: No endpoint is left to serve some of its blocks.
            IntegrityError: Every endpoint served some block wrong.
            StorageError: The local disk failed, or is full.
        """
        downloads = self._open()
        if self._seeds:
            store.use_seeds(self._seeds)
        try:
            await downloads.begin(name, *package, store, older)
            await downloads.path(name)
        except BaseException as error:
            if downloads.has_failed or not isinstance(error, DlcoreError):
                await downloads.aclose()  # something of the package may still be in flight
            raise

    async def locate(self, name: str, manifest: Manifest, tell: TellPlacement) -> None:
        """Ask every endpoint that may have a package which objects it holds.

        Args:
            name: What the package is called here.
            manifest: The package's.
            tell: Told each endpoint's name and answer.
        """
        await self._libraries[name].locate(name, manifest, tell)

    def received(self, name: str, package: Package) -> Received:
        """What has been received of a package that was to be filled."""
        downloads = self._open()
        return Received(
            downloads.meter.received_bytes[name],
            downloads.reused_bytes_of(name),
            downloads.patched_bytes[name],
            downloads.verified_bytes(name, package.manifest.content_bytes),
            dict(downloads.meter.by_package[name]),
            downloads.wasted_bytes,
            downloads.figures(),
        )

    @property
    def totals(self) -> tuple[int, int, int]:
        """Bytes received, found on disk, and wasted, of all packages."""
        downloads = self._downloads
        if downloads is None:
            return 0, 0, 0
        fetched_bytes = downloads.meter.received_bytes.total()
        return fetched_bytes, downloads.reused_bytes, downloads.wasted_bytes

    def figures(self) -> dict[str, EndpointFigures]:
        """What each endpoint has done for the call."""
        return self._downloads.figures() if self._downloads else {}

    async def aclose(self) -> None:
        """Stop, and tell the last figures; what is verified is kept.

        Idempotent; a cancellation waits for it.
        """
        if self._downloads and not self._is_closed:
            self._is_closed = True
            try:
                if self._rules:
                    await self._rules.aclose()
                await self._downloads.aclose()
            finally:
                self._bus.emit(self._downloads.progress())

    def _open(self) -> Downloads:
        """Nothing is begun for content that is right already."""
        if self._downloads is None:
            names = tuple(self._libraries)
            self._downloads = Downloads(
                self._terms,
                self._locate,
                self._bus,
                random.Random(),  # noqa: S311  # spreads waits
                max_stalls=self._max_stalls,
                find_patches=self._find_patches,
                allowed=self._allowed,
            )
            self._downloads.set_retry(self._retry)
            if self._rules:
                self._rules.attach(self._downloads)
            else:
                self._downloads.set_cap(self._cap_bytes_per_s)
            self._downloads.order(names, (), frozenset(names))
        return self._downloads

    async def _find_patches(self, name: str, manifest: Manifest, digest: str) -> PatchList | None:
        return await self._libraries[name].patch_list(name, manifest, digest)

    async def _locate(self, called: str, manifest: Manifest, tell: TellPlacement) -> None:
        name = package_of(called)
        for endpoint in self._terms:
            if endpoint not in self._names[name]:
                tell(endpoint, None)
        await self._libraries[name].locate(called, manifest, tell)
