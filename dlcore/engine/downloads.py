"""The loop that binds schedule, transfer and store: one task per connection.

Each connection asks the schedule for a range, fetches it (`range_fetch`), and asks again.

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
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from dlcore.engine.events import (
    DownloadRetried,
    EventBus,
    PackageFailed,
    PackageReady,
    PackageStarted,
    Progress,
)
from dlcore.engine.meter import Meter
from dlcore.engine.package import Located, PackageDownload
from dlcore.engine.range_fetch import RangeFetcher
from dlcore.engine.sink import Lane
from dlcore.engine.threads import in_thread
from dlcore.errors import DlcoreError, ExhaustedError, Fault, IntegrityError
from dlcore.manifest import digest_of
from dlcore.model import Manifest
from dlcore.schedule import Planner
from dlcore.store import Store

SYNC_EVERY_S = 1.0  # at most this much work is fetched again after a power loss
PROGRESS_EVERY_S = 0.5
DISK_THREADS = 4


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
        connections: Endpoint name -> number of connections to it.
        locate: Finds a package's objects at every endpoint.
        bus: Hears what happens.
        rng: Spreads the waits after failures.
    """

    def __init__(
        self,
        store: Store,
        connections: dict[str, int],
        locate: Callable[[Manifest], Awaitable[Located]],
        bus: EventBus,
        rng: random.Random,
    ) -> None:
        self.meter = Meter()
        self.retry = Retry()
        self.reused_bytes = 0
        self._store = store
        self._locate = locate
        self._bus = bus
        self._planner = Planner()
        self._disk = ThreadPoolExecutor(DISK_THREADS, thread_name_prefix="dlcore-disk")
        self._fetcher = RangeFetcher(self._planner, self.meter, bus, self._disk, rng)
        self._packages: dict[str, PackageDownload] = {}
        self._finished: dict[str, Path] = {}
        self._beginning = asyncio.Lock()
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._now_s = asyncio.get_running_loop().time
        for endpoint, count in connections.items():
            self._planner.add_endpoint(endpoint, count)
            for _ in range(count):
                self._spawn(self._connection(endpoint))
        self._spawn(self._sync_regularly())
        self._spawn(self._tell_progress())

    # What is wanted

    async def begin(self, package_id: str, manifest: Manifest, document: bytes) -> None:
        """Start a package's download, or go on with what an earlier run left. Idempotent.

        Raises:
            StorageError: The state directory cannot be used, or there is no room.
        """
        async with self._beginning:
            if package_id not in self._finished and not self._is_under_way(package_id):
                await self._begin(package_id, manifest, document)

    def order(self, urgent: Sequence[str], idle: Sequence[str]) -> None:
        """Set the deadline order (`Planner.order`); takes effect with the next range."""
        self._planner.order(urgent, idle)
        self._notify()

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

    def location(self, package_id: str) -> str:
        """Where a package was last downloaded from; empty before its first range."""
        package = self._packages.get(package_id)
        return package.location if package else ""

    async def aclose(self) -> None:
        """Stop; what is verified is synced and stays. Idempotent."""
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
        self._disk.shutdown()

    # The tasks

    async def _connection(self, endpoint: str) -> None:
        lane = Lane()
        while True:
            assignment = self._planner.next_range(endpoint, self._now_s())
            if assignment is None:
                await self._wait_for_work(endpoint)
                continue
            package = self._packages[assignment.package]
            await self._fetcher.fetch(package, assignment, lane)
            self._review_all()
            self._notify()

    async def _wait_for_work(self, endpoint: str) -> None:
        """Until something changes, or the endpoint may be asked again."""
        wait_s = self._planner.resume_at_s(endpoint) - self._now_s()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), wait_s if wait_s > 0 else None)

    async def _sync_regularly(self) -> None:
        while True:
            await asyncio.sleep(SYNC_EVERY_S)
            for package in list(self._packages.values()):
                if package.unsynced and not package.ending:
                    package.unsynced = False
                    await in_thread(package.partial.sync)

    async def _tell_progress(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_EVERY_S)
            packages = self._packages.values()
            verified_bytes = sum(p.verified_bytes for p in packages)
            wanted_bytes = sum(p.manifest.content_bytes for p in packages)
            rate_bps = self.meter.recent_bps(self._now_s())
            self._bus.emit(Progress(verified_bytes, wanted_bytes, rate_bps))

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
        located = await self._locate(manifest)
        partial = await in_thread(self._store.begin, manifest, document)
        package = PackageDownload(package_id, manifest, partial, located)
        self._packages[package_id] = package
        self.reused_bytes += partial.reused_bytes
        self._bus.emit(PackageStarted(package_id, manifest.content_bytes, partial.reused_bytes))
        self._planner.want(package_id, manifest, partial.have)
        self._place(package)
        self._review(package)
        self._notify()

    def _review_all(self) -> None:
        for package in self._packages.values():
            self._review(package)

    def _review(self, package: PackageDownload) -> None:
        """Finish a package that is complete, retry one that nobody is left to serve."""
        if package.ending:
            return
        if self._planner.is_complete(package.package_id):
            package.ending = True
            self._spawn(self._finish(package))
        elif self._planner.is_exhausted(package.package_id):
            package.ending = True
            self._spawn(self._try_again(package))

    async def _finish(self, package: PackageDownload) -> None:
        path = await in_thread(package.partial.finish)
        package.partial.close()
        self._finished[package.package_id] = path
        package.path.set_result(path)
        self._bus.emit(PackageReady(package.package_id, str(path)))

    async def _try_again(self, package: PackageDownload) -> None:
        package.attempts += 1
        if package.attempts > self.retry.count:
            await self._give_up(package)
            return
        delay_s = self.retry.delay_s
        event = DownloadRetried(package.package_id, package.attempts, self.retry.count, delay_s)
        self._bus.emit(event)
        await asyncio.sleep(delay_s)
        package.located(await self._locate(package.manifest))
        self._place(package)
        self._planner.revive()
        package.ending = False
        self._review(package)
        self._notify()

    async def _give_up(self, package: PackageDownload) -> None:
        await in_thread(package.partial.sync)
        package.partial.close()
        error = exhausted(package, self._planner.missing_blocks(package.package_id))
        self._bus.emit(PackageFailed(package.package_id, error.message))
        package.path.set_exception(error)
        package.path.exception()  # it is the waiter's to raise, and there may be none

    def _fail_all(self, error: BaseException) -> None:
        """The local disk failed: nothing can go on."""
        for package in self._packages.values():
            package.ending = True
            if not package.path.done():
                package.path.set_exception(error)
                package.path.exception()
        self.order((), ())

    # Helpers

    def _place(self, package: PackageDownload) -> None:
        for endpoint, placement in package.placements.items():
            self._planner.place(package.package_id, endpoint, placement.held)

    def _notify(self) -> None:
        """Wake all connections that wait for work."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._fail_all(error)


def exhausted(package: PackageDownload, missing_blocks: int) -> ExhaustedError | IntegrityError:
    """Say why a package could not be completed, endpoint by endpoint."""
    causes = tuple(package.causes.values())
    why = "; ".join(cause.message for cause in causes) or "no endpoint holds it"
    message = (
        f"package {package.package_id} version {package.manifest.version}: "
        f"{missing_blocks} of {package.manifest.first_blocks[-1]} blocks are missing: {why}"
    )
    remedy = "What was verified is kept: run again when an endpoint can serve the package."
    if causes and all(cause.fault is Fault.CORRUPT for cause in causes):
        return IntegrityError(message, remedy=remedy)
    return ExhaustedError(message, causes=causes, remedy=remedy)
