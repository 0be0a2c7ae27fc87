"""All packages under way: the loop that binds schedule, transfer and store.

`connections` keeps ranges under way (`range_fetch`); here is the life of the packages that they
fill, from the search for their objects to the rename that completes them.

Guarantees: a package's path is given out only after its last rename is on disk; a failure of the
local disk fails everything (nothing can go on without it), a failure of endpoints fails only the
packages that nobody is left to serve; nothing verified is fetched again. After `aclose` no thread
is writing and everything verified is synced.

Not here: which package is needed when (`lookahead`), what an endpoint is (``transfer``).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Container, Coroutine, Mapping, Sequence
from pathlib import Path

import msgspec

from dlcore.engine.download.buffers import BufferPool
from dlcore.engine.download.connections import Connections
from dlcore.engine.download.figures import EndpointFigures, figures_of
from dlcore.engine.download.ledger import Ledger
from dlcore.engine.download.limits import Limits
from dlcore.engine.download.meter import Meter
from dlcore.engine.download.package import PackageDownload
from dlcore.engine.download.range_fetch import RangeFetcher
from dlcore.engine.download.verifier import Verifier
from dlcore.engine.events import (
    DownloadRetried,
    EndpointProgress,
    EventBus,
    PackageFailed,
    PackageReady,
    PackageStarted,
    Progress,
)
from dlcore.engine.threads import in_thread, wait_for_all
from dlcore.errors import DlcoreError, TransferError
from dlcore.manifest import digest_of
from dlcore.model import Manifest
from dlcore.schedule import Planner, Policy, Terms
from dlcore.store import Store
from dlcore.transfer.interface import Placement

Found = Callable[[str, Placement | TransferError], None]
"""Told an endpoint's name and the package's objects there, or why they cannot be located."""

Locate = Callable[[Manifest, Found], Awaitable[None]]
"""Asks every endpoint for a package, and returns when all have answered."""

SYNC_EVERY_S = 1.0  # at most this much work is fetched again after a power loss
PROGRESS_EVERY_S = 0.5
MEMORY_BYTES = 48 << 20  # of all buffers: sixteen blocks to hash, to write, and to receive


class Retry(msgspec.Struct, frozen=True):
    """How often a package is tried again when no endpoint is left for it.

    Attributes:
        count: Retries after the first attempt.
        delay_s: Seconds before each.

    Source: Microsoft Learn, "Task sequence variables": SMSTSDownloadRetryCount (default 2) and
    SMSTSDownloadRetryDelay (default 15 seconds).
    """

    count: int = 2
    delay_s: float = 15.0


class Downloads:
    """All packages under way, over all endpoints.

    Args:
        store: Where packages are written.
        endpoints: Names of those to be asked, and how they may be used.
        locate: Asks every endpoint for a package's objects.
        bus: Hears what happens.
        rng: Spreads the waits after failures.

    Attributes:
        meter: Counts the bytes.
        retry: When nobody is left to serve a package.
        reused_bytes: Verified bytes that were on disk when their packages were begun.
    """

    def __init__(
        self,
        store: Store,
        endpoints: Mapping[str, Terms],
        locate: Locate,
        bus: EventBus,
        rng: random.Random,
    ) -> None:
        self.meter = Meter()
        self.retry = Retry()
        self.reused_bytes = 0
        self._store = store
        self._terms = dict(endpoints)
        self._locate = locate
        self._bus = bus
        self._planner = Planner(Policy(memory_bytes=MEMORY_BYTES))
        self._verifier = Verifier()
        self._limits = Limits()
        self._ledger = Ledger(self._planner, self.meter, bus, rng)
        self._packages: dict[str, PackageDownload] = {}
        self._finished: dict[str, Path] = {}
        self._beginning = asyncio.Lock()
        self._failure: BaseException | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._now_s = asyncio.get_running_loop().time
        pool = BufferPool(MEMORY_BYTES)
        self._fetcher = RangeFetcher(
            self._planner, self.meter, self._ledger, pool, self._verifier, self._limits
        )
        self._connections = Connections(
            endpoints,
            self._planner,
            self._fetcher,
            pool,
            self._packages,
            self._spawn,
            self._review_all,
            self._fail_all,
        )
        for endpoint, terms in endpoints.items():
            self._planner.add_endpoint(endpoint, terms)
            self.set_terms(endpoint, terms)
        self._spawn(self._sync_regularly())
        self._spawn(self._tell_progress())

    # What is wanted

    async def begin(self, package_id: str, manifest: Manifest, document: bytes) -> None:
        """Start a package's download, or go on with what an earlier run left. Idempotent.

        Raises:
            StorageError: The state directory cannot be used, or there is no room.
        """
        async with self._beginning:
            if self._failure:
                raise self._failure
            if package_id not in self._finished and not self._is_under_way(package_id):
                await self._begin(package_id, manifest, document)

    def order(
        self, urgent: Sequence[str], idle: Sequence[str], waiting: Container[str] = ()
    ) -> None:
        """Set the deadline order (`Planner.order`); takes effect with the next range."""
        if not self._failure:
            self._planner.order(urgent, idle, waiting)
            self._connections.refill()

    def limit(self, cap_bytes_per_s: float) -> None:
        """Cap the bytes per second from all endpoints together, at once; 0.0: no cap."""
        self._limits.limit(cap_bytes_per_s)
        self._planner.limit(cap_bytes_per_s)
        self._connections.refill()

    def set_terms(self, endpoint: str, terms: Terms) -> None:
        """Change how an endpoint may be used, at once.

        Raises:
            KeyError: There is no such endpoint.
        """
        if endpoint not in self._terms:
            raise KeyError(endpoint)
        self._terms[endpoint] = terms
        self._limits.limit_endpoint(endpoint, terms.cap_bytes_per_s)
        self._planner.set_terms(endpoint, terms)
        self._connections.refill()

    async def path(self, package_id: str) -> Path:
        """Wait until a package that was begun is complete.

        Returns:
            The folder with its files.

        Raises:
            ExhaustedError: Nobody is left to serve some of its blocks.
            IntegrityError: Everybody served some block wrong.
            StorageError: The local disk failed.
        """
        if package_id in self._finished:
            return self._finished[package_id]
        return await asyncio.shield(self._packages[package_id].path)

    def is_finished(self, package_id: str) -> bool:
        """Whether `path` would answer at once."""
        return package_id in self._finished

    def verified_bytes(self, package_id: str, content_bytes: int) -> int:
        """How much of a package of that length is known to be on disk; 0 before it was begun."""
        if package_id in self._finished:
            return content_bytes
        package = self._packages.get(package_id)
        return package.verified_bytes if package else 0

    def location(self, package_id: str) -> str:
        """Where a package was last downloaded from; empty before its first range."""
        package = self._packages.get(package_id)
        return package.location if package else ""

    @property
    def wasted_bytes(self) -> int:
        """Bytes received and not used: of races lost and of ranges stopped."""
        return self._planner.wasted_bytes

    def figures(self) -> dict[str, EndpointFigures]:
        """What each endpoint has done so far."""
        self._ledger.pass_on_notes()
        return figures_of(self._terms, self.meter, self._ledger.notes, self._now_s())

    async def aclose(self) -> None:
        """Stop; what is verified is synced and stays. Idempotent; a cancellation waits for it."""
        await wait_for_all([asyncio.ensure_future(self._stop())])

    async def _stop(self) -> None:
        self._connections.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for package in self._packages.values():
            if not package.path.done():
                package.path.cancel()
                with contextlib.suppress(DlcoreError):
                    await in_thread(package.partial.sync)
            package.partial.close()
        await self._verifier.aclose()
        self._ledger.pass_on_notes()

    # The tasks

    async def _sync_regularly(self) -> None:
        while True:
            await asyncio.sleep(SYNC_EVERY_S)
            for package in list(self._packages.values()):
                async with package.disk:
                    if package.unsynced and not package.ending:
                        package.unsynced = False
                        await in_thread(package.partial.sync)

    async def _tell_progress(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_EVERY_S)
            self._ledger.pass_on_notes()
            packages = self._packages.values()
            now_s = self._now_s()
            self._bus.emit(
                Progress(
                    sum(p.verified_bytes for p in packages),
                    sum(p.manifest.content_bytes for p in packages),
                    self.meter.recent_bytes_per_s(now_s),
                    self.wasted_bytes,
                    {
                        name: EndpointProgress(
                            self.meter.connections[name].flying,
                            self.meter.recent_bytes_per_s(now_s, name),
                        )
                        for name in self._terms
                    },
                )
            )

    # The life of a package

    def _is_under_way(self, package_id: str) -> bool:
        package = self._packages.get(package_id)
        if package is None:
            return False
        return not package.path.done() or package.path.exception() is None

    async def _begin(self, package_id: str, manifest: Manifest, document: bytes) -> None:
        finished = await in_thread(self._store.find, digest_of(document), manifest)
        if finished:
            self._finished[package_id] = finished
            self.reused_bytes += manifest.content_bytes
            self._bus.emit(PackageReady(package_id, str(finished)))
            return
        partial = await in_thread(self._store.begin, manifest, document)
        package = PackageDownload(package_id, manifest, partial)
        self._packages[package_id] = package
        self.reused_bytes += partial.reused_bytes
        self._bus.emit(PackageStarted(package_id, manifest.content_bytes, partial.reused_bytes))
        self._planner.want(package_id, manifest, partial.have)
        self._spawn(self._search(package))

    async def _search(self, package: PackageDownload) -> None:
        """Ask every endpoint for the package; who answers first is put to work first."""

        def found(endpoint: str, result: Placement | TransferError) -> None:
            if isinstance(result, TransferError):
                package.causes[endpoint] = result
            else:
                package.placements[endpoint] = result
                self._planner.place(package.package_id, endpoint, result.held)
                self._connections.refill()

        await self._locate(package.manifest, found)
        package.searching = False
        self._review(package)
        self._connections.refill()

    def _review_all(self) -> None:
        for package in self._packages.values():
            self._review(package)

    def _review(self, package: PackageDownload) -> None:
        """Finish a package that is complete, retry one that nobody is left to serve."""
        if package.ending or package.flights:
            return
        if self._planner.is_complete(package.package_id):
            package.ending = True
            self._spawn(self._finish(package))
        elif not package.searching and self._planner.is_exhausted(package.package_id):
            package.ending = True
            package.attempts += 1
            if package.attempts > self.retry.count:
                self._spawn(self._give_up(package, self._forget(package)))
            else:
                self._spawn(self._try_again(package))

    def _forget(self, package: PackageDownload) -> DlcoreError:
        """From now on no range of the package is assigned; tells why."""
        missing = self._planner.missing_blocks(package.package_id)
        dropped = {e: f for e, f in self._ledger.failures.items() if self._planner.dropped(e)}
        self._planner.forget(package.package_id)
        self._fetcher.forget(package.package_id)
        return package.exhausted(missing, dropped)

    async def _finish(self, package: PackageDownload) -> None:
        async with package.disk:
            path = await in_thread(package.partial.finish)
        package.partial.close()
        self._finished[package.package_id] = path
        if not package.path.done():
            package.path.set_result(path)
        self._bus.emit(PackageReady(package.package_id, str(path)))

    async def _try_again(self, package: PackageDownload) -> None:
        delay_s = self.retry.delay_s
        event = DownloadRetried(package.package_id, package.attempts, self.retry.count, delay_s)
        self._bus.emit(event)
        await asyncio.sleep(delay_s)
        self._planner.revive()
        package.searching, package.ending = True, False
        await self._search(package)

    async def _give_up(self, package: PackageDownload, error: DlcoreError) -> None:
        async with package.disk:
            await in_thread(package.partial.sync)
        package.partial.close()
        self._bus.emit(PackageFailed(package.package_id, error.message))
        self._fail(package, error)

    def _fail(self, package: PackageDownload, error: BaseException) -> None:
        if not package.path.done():
            package.path.set_exception(error)
            package.path.exception()  # it is the waiter's to raise, and there may be none

    def _fail_all(self, error: BaseException) -> None:
        """The local disk failed: nothing can go on."""
        self._failure = self._failure or error
        self._planner.order(())
        for package in self._packages.values():
            package.ending = True
            self._fail(package, error)

    # Helpers

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._fail_all(error)
