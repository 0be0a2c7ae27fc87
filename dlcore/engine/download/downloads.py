"""Downloads packages over all endpoints: puts together what the room consists of.

Guarantees: those of `packages`, and: nothing verified is fetched again. After `aclose` no thread
is writing, and everything verified is synced.

Not here: which package is needed when (`lookahead`), what an endpoint is (``transfer``).
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from dlcore.engine.download.allowed import AllEndpoints, AllowedEndpoints
from dlcore.engine.download.background import BackgroundMode, Bounds, EndpointReceiveWindows
from dlcore.engine.download.buffers import BufferPool
from dlcore.engine.download.caps import BandwidthCaps
from dlcore.engine.download.culprits import Culprits
from dlcore.engine.download.decisions import Decisions
from dlcore.engine.download.endpoint_log import EndpointLog
from dlcore.engine.download.fetcher import RequestFetcher
from dlcore.engine.download.figures import EndpointFigures, figures_of
from dlcore.engine.download.meter import Meter
from dlcore.engine.download.packages import Locate, Packages, Retry
from dlcore.engine.download.patch_names import WithPatches, with_patches
from dlcore.engine.download.reporter import Reporter
from dlcore.engine.download.request_starter import RequestStarter
from dlcore.engine.download.split_block_buffer import SplitBlockBuffers
from dlcore.engine.download.tasks import Tasks
from dlcore.engine.download.verifier import Verifier
from dlcore.engine.download.without_fetching import FindPatches, no_patches
from dlcore.engine.events import PackageProgress, Progress
from dlcore.engine.listeners.bus import EventBus
from dlcore.model import Manifest
from dlcore.schedule import DeadlineScheduler, Policy, Scheduler, Terms
from dlcore.store import Reserve, Store
from dlcore.transfer import ReceiveWindows
from dlcore.waiting import enduring, wait_for_all

SYNC_EVERY_S = 1.0  # a power loss costs up to this much work
PROGRESS_EVERY_S = 0.5

MakeScheduler: TypeAlias = Callable[[Mapping[str, Terms], Policy], Scheduler]


class Downloads:
    """All packages being downloaded.

    Args:
        endpoints: Name -> how the endpoint may be used.
        locate: Asks every endpoint for a package's objects.
        bus: Hears what happens.
        rng: Spreads the back-offs after failures.
        reserve: Free space that is left on the disk of each store.
        memory_bytes: Length of all buffers together.
        max_stalls: How often in a row an endpoint may stall before it is dropped.
        make_scheduler: Makes what decides which bytes each connection fetches.
        windows: The receive windows of the endpoints, for background mode.
        find_patches: Asks endpoints for the patch list of a package.
        allowed: Says which endpoints may be used.

    Attributes:
        meter: Counts the bytes.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Terms],
        locate: Locate,
        bus: EventBus,
        rng: random.Random,
        *,
        reserve: Reserve | None = None,
        memory_bytes: int = Policy().memory_bytes,
        max_stalls: int = Policy().max_stalls,
        make_scheduler: MakeScheduler = DeadlineScheduler,
        windows: EndpointReceiveWindows | None = None,
        find_patches: FindPatches = no_patches,
        allowed: AllowedEndpoints | None = None,
    ) -> None:
        self._allowed = allowed or AllEndpoints()
        self.meter = Meter()
        self._endpoints = tuple(endpoints)
        self._bus = bus
        self._now_s = asyncio.get_running_loop().time
        self._caps = BandwidthCaps()
        self._terms = dict(endpoints)
        self._bounds: dict[str, Bounds | None] = {}  # in background mode
        self._background = BackgroundMode(
            self._endpoints,
            windows or ReceiveWindows(),
            self._caps,
            self.meter.by_endpoint,
            self._set_bounds,
        )
        self._verifier = Verifier()
        policy = Policy(memory_bytes=memory_bytes, max_stalls=max_stalls)
        self._scheduler = make_scheduler(endpoints, policy)
        self._endpoint_log = EndpointLog(self.meter, bus)
        self._tasks = Tasks(self._failed)
        self._packages = Packages(
            scheduler=self._scheduler,
            locate=locate,
            endpoints=self._endpoint_log,
            bus=bus,
            tasks=self._tasks,
            reserve=reserve or Reserve(),
            random=rng.random,
            find_patches=find_patches,
            allowed=self._allowed,
        )
        begun = self._packages.begun
        self._pool = pool = BufferPool(memory_bytes)
        self._split_blocks = SplitBlockBuffers(pool, self.meter.ledger)
        self._decisions = Decisions(
            packages=begun,
            endpoints=self._endpoint_log,
            listener=self._packages,
            split_blocks=self._split_blocks,
            bus=bus,
        )
        culprits = Culprits(policy.max_mixed_blocks)
        reporter = Reporter(self._scheduler, self._decisions, self._endpoint_log, culprits, rng)
        fetcher = RequestFetcher(
            meter=self.meter,
            reporter=reporter,
            pool=pool,
            split_blocks=self._split_blocks,
            verifier=self._verifier,
            caps=self._caps,
            answered=self._background.answered,
        )
        self._starter = RequestStarter(
            endpoints=endpoints,
            scheduler=self._scheduler,
            decisions=self._decisions,
            fetcher=fetcher,
            pool=pool,
            packages=begun,
            tasks=self._tasks,
            failed=self._failed,
        )
        pool.on_free(self._starter.memory_freed)
        self._packages.connect(
            self._decisions.apply, self._split_blocks.forget, self._starter.refill
        )
        for endpoint, terms in endpoints.items():
            self.set_terms(endpoint, terms)
        self._stopping: asyncio.Future[None] | None = None
        self._tasks.spawn(self._sync_regularly())
        self._tasks.spawn(self._tell_progress())

    # What is wanted

    async def begin(
        self,
        package_id: str,
        manifest: Manifest,
        document: bytes,
        store: Store,
        older: Sequence[Path] = (),
    ) -> None:
        """Start a package's download, or go on with what an earlier run left. Idempotent.

        Args:
            package_id: What it is called here; the manifest may call it otherwise.
            manifest: What it consists of.
            document: The manifest's bytes.
            store: Where it is written.
            older: Folders with older versions of it, the best first, besides those in the store.
                The caller has taken over their blocks; patches are applied to their files.

        Raises:
            StorageError: The store cannot be used, or there is no room.
        """
        await self._packages.begin(package_id, manifest, document, store, older)

    def order(
        self, needed: Sequence[str], maybe_needed: Sequence[str], awaited: Container[str] = ()
    ) -> None:
        """Set the deadline order (`Scheduler.order`); takes effect with the next request."""
        if not self._packages.failure:
            events = self._scheduler.order(
                needed=[*with_patches(needed)],
                maybe_needed=[*with_patches(maybe_needed)],
                awaited=WithPatches(awaited),
            )
            self._decisions.apply(events)
            self._starter.refill()

    def set_cap(self, cap_bytes_per_s: float) -> None:
        """Cap the bytes per second from all endpoints together, at once; 0.0: no cap."""
        self._caps.set_total(cap_bytes_per_s)
        self._decisions.apply(self._scheduler.set_cap(cap_bytes_per_s))
        self._starter.refill()

    def set_terms(self, endpoint: str, terms: Terms) -> None:
        """Change how an endpoint may be used, at once.

        Raises:
            KeyError: There is no such endpoint.
        """
        self._terms[endpoint] = terms
        self._pass_on_terms(endpoint)
        self._caps.set_endpoint(endpoint, terms.cap_bytes_per_s)
        self._starter.refill()

    def allow(self, *, is_new_network: bool) -> None:
        """Other endpoints may be used (`AllowedEndpoints.ranks_of`), at once.

        What is in flight to one that may not be used any more is stopped; what came of it is kept.

        Args:
            is_new_network: Whether the machine has moved. Then endpoints that failed are asked
                again: they failed elsewhere.
        """
        ranks = self._allowed.ranks_of(self._endpoints)
        for endpoint, rank in ranks.items():
            self._decisions.apply(self._scheduler.allow(endpoint, rank))
        self._packages.search_again(is_new_network=is_new_network)
        for endpoint in self._endpoints:  # last, or a package could be exhausted in between
            if endpoint not in ranks:
                self._decisions.cancel_at(endpoint)
                self._decisions.apply(self._scheduler.allow(endpoint, None))
        self._starter.refill()

    def set_background(self, *, is_on: bool) -> None:
        """Leave the link to other traffic, or use all of it, from now on. Idempotent."""
        if is_on:
            self._background.switch_on()
        else:
            self._background.switch_off()

    def pause(self) -> None:
        """Ask for nothing until `resume`, and stop what is in flight; what came of it is kept."""
        self._starter.pause()

    def resume(self) -> None:
        """Go on after `pause`. Idempotent."""
        self._starter.resume()

    def set_retry(self, retry: Retry) -> None:
        """Change what happens when no endpoint is left for a package."""
        self._packages.set_retry(retry)

    # Answers

    async def path(self, package_id: str) -> Path:
        """Wait until a package that was begun is complete.

        Returns:
            The folder with its files.

        Raises:
            ExhaustedError: No endpoint is left to serve some of its blocks.
            IntegrityError: Every endpoint served some block wrong.
            StorageError: The local disk failed.
        """
        return await self._packages.path(package_id)

    async def prove(self, package_id: str, *, to_write: bool) -> Path | None:
        """Prove a complete package right before its folder is handed out.

        Args:
            package_id: The package.
            to_write: Whether it is handed out to be written into, as to a step.

        Returns:
            The folder; None if the package is not complete, or not any more: begin it again.

        Raises:
            UnexpectedContentError: There is something in it that is not the package's.
            StorageError: The local disk failed.
        """
        return await self._packages.prove(package_id, to_write=to_write)

    def is_begun(self, package_id: str) -> bool:
        """Whether a package was begun, and has not given way to another since."""
        return self._packages.is_begun(package_id)

    def is_finished(self, package_id: str) -> bool:
        """Whether `path` would answer at once."""
        return self._packages.is_finished(package_id)

    def verified_bytes(self, package_id: str, content_bytes: int) -> int:
        """How much of a package of that length is known to be on disk; 0 before it was begun."""
        if self._packages.is_finished(package_id):
            return content_bytes
        package = self._packages.begun.get(package_id)
        return package.verified_bytes if package else 0

    @property
    def has_failed(self) -> bool:
        """Whether something that every package needs has failed, such as the local disk."""
        return self._packages.failure is not None

    def location(self, package_id: str) -> str:
        """Where a package was last downloaded from; empty before its first request."""
        package = self._packages.begun.get(package_id)
        return package.location if package else ""

    @property
    def reused_bytes(self) -> int:
        """Verified bytes that were on disk when their packages were begun."""
        return sum(self._packages.reused_bytes.values())

    @property
    def reused_bytes_by_package(self) -> Mapping[str, int]:
        """Verified bytes that were on disk when their packages were begun, by package."""
        return self._packages.reused_bytes

    def reused_bytes_of(self, package_id: str) -> int:
        """Verified bytes of one package that were on disk when it was begun; 0 if it was not."""
        return self._packages.reused_bytes.get(package_id, 0)

    @property
    def patched_bytes(self) -> Counter[str]:
        """Verified bytes that patches made of older files, by package."""
        return self._packages.patched_bytes

    @property
    def missing_bytes(self) -> Mapping[str, int]:
        """Bytes that were not on disk when their packages were begun, by package."""
        return self._packages.missing_bytes

    @property
    def wasted_bytes(self) -> int:
        """Bytes received that arrived twice, or were not used."""
        return self.meter.ledger.wasted_bytes

    def progress(self) -> Progress:
        """How far the download is now."""
        begun, now_s = self._packages.begun, self._now_s()
        packages = {name: each for name, each in begun.items() if not each.is_hint}
        return Progress(
            verified_bytes=sum(package.verified_bytes for package in packages.values()),
            wanted_bytes=sum(package.manifest.content_bytes for package in packages.values()),
            rate_bytes_per_s=self.meter.recent_bytes_per_s(now_s),
            wasted_bytes=self.wasted_bytes,
            endpoints={name: self.meter.progress_of(name, now_s) for name in self._endpoints},
            packages={
                package_id: PackageProgress(
                    packages[package_id].verified_bytes, packages[package_id].manifest.content_bytes
                )
                for package_id in self.meter.received_bytes
                if package_id in packages and not self._packages.is_finished(package_id)
            },
            cap_bytes_per_s=self._caps.total_bytes_per_s,
        )

    def figures(self) -> dict[str, EndpointFigures]:
        """What each endpoint has done so far."""
        return figures_of(self._endpoints, self.meter, self._endpoint_log.notes, self._now_s())

    # The end

    async def aclose(self) -> None:
        """Stop; what is verified is synced and stays. Idempotent; a cancellation waits for it."""
        if self._stopping is None:
            self._stopping = enduring(self._stop())
        await wait_for_all([self._stopping])

    async def _stop(self) -> None:
        await self._background.aclose()
        self._starter.close()
        self._packages.close()
        await self._tasks.cancel()
        self._split_blocks.close()
        await self._packages.aclose()
        await self._verifier.aclose()
        self._pool.discard_free()

    def _set_bounds(self, endpoint: str, bounds: Bounds | None) -> None:
        self._bounds[endpoint] = bounds
        self._pass_on_terms(endpoint)
        self._starter.refill()

    def _pass_on_terms(self, endpoint: str) -> None:
        terms, bounds = self._terms[endpoint], self._bounds.get(endpoint)
        if bounds:
            caps = [cap for cap in (terms.cap_bytes_per_s, bounds.cap_bytes_per_s) if cap]
            connections = min(terms.max_connections, bounds.connections)
            terms = Terms(connections, terms.cost, min(caps, default=0.0), bounds.request_s)
        self._decisions.apply(self._scheduler.set_terms(endpoint, terms))

    def _failed(self, error: BaseException) -> None:
        self._packages.fail_all(error)

    # The regular tasks

    async def _sync_regularly(self) -> None:
        while True:
            await asyncio.sleep(SYNC_EVERY_S)
            await self._packages.sync()

    async def _tell_progress(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_EVERY_S)
            self._bus.emit(self.progress())
