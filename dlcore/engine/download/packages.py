"""The life of packages: from the search for their objects to the rename that completes them.

Guarantees: a package's path is given out only after its last rename is on disk. It was verified
block by block then; `prove` looks again before somebody uses it. A failure of the local disk fails
every package (nothing can go on without it), a failure of endpoints fails only the packages that
no endpoint is left for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from dlcore.engine.download.allowed import AllEndpoints, AllowedEndpoints
from dlcore.engine.download.copying import BlockCopier
from dlcore.engine.download.endpoint_log import EndpointLog
from dlcore.engine.download.package import PackageDownload
from dlcore.engine.download.patch_names import patches_of
from dlcore.engine.download.retry import Retry as Retry
from dlcore.engine.download.retrying import Retrying
from dlcore.engine.download.tasks import Tasks
from dlcore.engine.download.without_fetching import FindPatches, WithoutFetching, no_patches
from dlcore.engine.events import PackageFailed, PackageReady, PackageStarted
from dlcore.engine.listeners.bus import EventBus
from dlcore.errors import (
    DlcoreError,
    StorageError,
    TransferError,
    UnexpectedContentError,
)
from dlcore.long_path import plain_path
from dlcore.model import BlockInPackage, Manifest, ObjectIndex
from dlcore.schedule import CopyBlocks, Events, PackageExhausted, Scheduler
from dlcore.store import Package, Partial, Reserve, Store
from dlcore.transfer import Placement
from dlcore.waiting import in_thread

TellPlacement: TypeAlias = Callable[[str, Placement | TransferError | None], None]
"""Told an endpoint's name and the package's objects there, or why they cannot be located; None: the
endpoint is not for this package."""

Locate: TypeAlias = Callable[[str, Manifest, TellPlacement], Awaitable[None]]
"""Asks every endpoint for the package with an id, and returns when all have answered."""

logger = logging.getLogger(__name__)


class Packages:
    """Begins, finishes, retries and gives up packages.

    Args:
        scheduler: Learns what is wanted, and where it is.
        locate: Asks every endpoint for a package's objects.
        endpoints: Knows how endpoints failed.
        bus: Hears what happens.
        tasks: Runs what takes time.
        reserve: Free space that is left on the disk of each store.
        random: Returns a number in ``[0, 1)``; spreads the retries of many clients.
        find_patches: Asks endpoints for the patch list of a package.
        allowed: Says whether more endpoints may be used later.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        locate: Locate,
        endpoints: EndpointLog,
        bus: EventBus,
        tasks: Tasks,
        reserve: Reserve,
        random: Callable[[], float],
        find_patches: FindPatches = no_patches,
        allowed: AllowedEndpoints | None = None,
    ) -> None:
        self._searches: set[asyncio.Task[None]] = set()
        self._reserve = reserve
        self._scheduler = scheduler
        self._locate = locate
        self._bus = bus
        self._tasks = tasks
        self._begun: dict[str, PackageDownload] = {}
        self._finished: dict[str, Path] = {}
        self._described: dict[str, tuple[Package, Store]] = {}
        self._reused_bytes: dict[str, int] = {}
        self._patched_bytes = Counter[str]()
        self._failure: BaseException | None = None
        self._completions = 0  # packages that the scheduler does not know any more
        self._hints: list[Partial] = []  # dropped, and not closed: a request may still write
        self._without_fetching = WithoutFetching(
            find_patches, self._fetch_patches, bus.emit, reserve
        )
        self._copier = BlockCopier(self._begun, tasks, self._copied)
        self._retrying = Retrying(
            scheduler=scheduler,
            endpoints=endpoints,
            bus=bus,
            tasks=tasks,
            random=random,
            allowed=allowed or AllEndpoints(),
            search=self._search,
            is_finished=self.is_finished,
        )
        self._is_closed = False
        self._beginning = asyncio.Lock()
        self._proving = asyncio.Lock()
        self._apply: Callable[[Events], None] = lambda _: None
        self._forget_buffers: Callable[[str], None] = lambda _: None
        self._refill: Callable[[], None] = lambda: None

    def connect(
        self,
        apply: Callable[[Events], None],
        forget_buffers: Callable[[str], None],
        refill: Callable[[], None],
    ) -> None:
        """Connect the packages with what fetches them.

        Both need each other, so one has to be there first: `Decisions` reports to the packages what
        they come to, and the packages tell the scheduler what they want, whose events
        `RequestStarter` hands to `Decisions`. Call it before the first package is begun; until
        then events go nowhere.

        Args:
            apply: Carries out the scheduler's events.
            forget_buffers: Frees the buffers of a package.
            refill: Wakes the connections.
        """
        self._apply, self._forget_buffers, self._refill = apply, forget_buffers, refill
        self._retrying.connect(apply, forget_buffers)

    def set_retry(self, retry: Retry) -> None:
        """Change what happens when no endpoint is left for a package."""
        self._retrying.set_retry(retry)

    # Answers

    @property
    def begun(self) -> Mapping[str, PackageDownload]:
        """The packages that were begun, and not found finished, by id."""
        return self._begun

    @property
    def reused_bytes(self) -> Mapping[str, int]:
        """Verified bytes that were on disk when their packages were begun, by package."""
        return self._reused_bytes

    @property
    def patched_bytes(self) -> Counter[str]:
        """Verified bytes that patches made of older files, by package."""
        return self._patched_bytes

    @property
    def missing_bytes(self) -> Mapping[str, int]:
        """Bytes that were not on disk when their packages were begun, by package."""
        return {
            package_id: self._described[package_id][0].manifest.content_bytes - reused_bytes
            for package_id, reused_bytes in self._reused_bytes.items()
        }

    @property
    def failure(self) -> BaseException | None:
        """Why nothing can go on; None while it can."""
        return self._failure

    def is_finished(self, package_id: str) -> bool:
        """Whether the package is complete and visible."""
        return package_id in self._finished

    def is_begun(self, package_id: str) -> bool:
        """Whether the package was begun, and has not given way to another since."""
        return package_id in self._finished or package_id in self._begun

    async def path(self, package_id: str) -> Path:
        """Wait until a package that was begun is complete; raises what it failed with."""
        if package_id in self._finished:
            return self._finished[package_id]
        return await self._begun[package_id].path()

    # The life of a package

    async def begin(
        self,
        package_id: str,
        manifest: Manifest,
        document: bytes,
        store: Store,
        older: Sequence[Path] = (),
    ) -> None:
        """Start a package's download, or go on with what an earlier run left. Idempotent.

        Arguments as of `Downloads.begin`.

        Raises:
            StorageError: The state directory cannot be used, or there is no room.
        """
        async with self._beginning:
            self._check_goes_on()
            package = self._begun.get(package_id)
            is_under_way = package is not None and not package.has_failed
            if package_id not in self._finished and not is_under_way:
                await self._begin(package_id, manifest, document, store, older)

    async def _begin(
        self,
        package_id: str,
        manifest: Manifest,
        document: bytes,
        store: Store,
        older: Sequence[Path],
    ) -> None:
        described = Package(manifest, document)
        self._described[package_id] = described, store
        proven = await in_thread(store.prove, manifest, document, to_write=False)
        if proven:
            self._finished[package_id] = proven
            self._note_reused(package_id, manifest.content_bytes)
            self._bus.emit(PackageReady(package_id, str(plain_path(proven))))
            return
        self._gave_way(await in_thread(store.make_room, manifest, document, self._reserve))
        await in_thread(store.check_room, manifest, document, self._reserve)
        digest = described.digest
        # Before the package is begun: one that is begun and not wanted would be waited for forever.
        finished = await in_thread(store.contents_of, manifest.package_id, but=digest)
        completions = self._completions
        partial = await in_thread(store.begin, manifest, document)
        if not self._is_going_on:  # meanwhile, and only those that were begun have heard of it
            partial.close()
            self._check_goes_on()
        package = self._begun[package_id] = PackageDownload(package_id, manifest, partial)
        self._note_reused(package_id, partial.reused_bytes)
        logger.info("package %s: %d bytes", package_id, manifest.content_bytes)
        self._bus.emit(PackageStarted(package_id, manifest.content_bytes, partial.reused_bytes))
        if (older or finished) and partial.missing():
            self._tasks.spawn(self._fill(package, digest, store, finished, older, completions))
        elif completions != self._completions:
            self._tasks.spawn(self._want_the_rest(package, completions))
        else:
            self._want(package)

    async def _want_the_rest(self, package: PackageDownload, completions: int) -> None:
        """Take over what was completed while the package was begun; then the rest is wanted.

        It was not on disk when the package looked for it, and is not in flight any more.

        Args:
            package: The package.
            completions: How many packages were complete when it began to look.
        """
        while completions != self._completions:
            completions = self._completions
            await self._pass_on_to(package)
        if self._is_going_on and self._begun.get(package.package_id) is package:
            self._want(package)

    async def _fill(
        self,
        package: PackageDownload,
        digest: str,
        store: Store,
        finished: Sequence[Path],
        taken_over: Sequence[Path],
        completions: int,
    ) -> None:
        """Take over what need not be fetched; then the rest is wanted."""
        reused_bytes = self._reused_bytes[package.package_id]
        before_bytes = package.verified_bytes
        filled = self._without_fetching.fill(package, digest, store, finished, taken_over)
        self._patched_bytes[package.package_id] += await filled
        # Not added to what `_pass_on_to` has counted meanwhile: it is among them.
        gained_bytes = package.verified_bytes - before_bytes
        self._reused_bytes[package.package_id] = reused_bytes + gained_bytes
        await self._want_the_rest(package, completions)

    def _want(self, package: PackageDownload) -> None:
        package_id, have = package.package_id, package.partial.have
        self._apply(self._scheduler.want(package_id, package.manifest, have))
        self._spawn_search(package)

    def search_again(self, *, is_new_network: bool) -> None:
        """Other endpoints may be used: ask them for what is being fetched.

        Args:
            is_new_network: Whether the machine has moved. Then those that failed are asked again,
                and searches in the old network end.
        """
        if is_new_network:
            for search in self._searches:
                search.cancel()
        for package in [*self._begun.values()] if self._is_going_on else ():
            if package.package_id not in self._finished and not package.has_failed:
                if is_new_network:
                    self._apply(self._scheduler.retry(package.package_id))
                self._spawn_search(package)

    def _spawn_search(self, package: PackageDownload) -> None:
        search = self._tasks.spawn(self._search(package))
        self._searches.add(search)
        search.add_done_callback(self._searches.discard)

    async def _fetch_patches(
        self, package_id: str, manifest: Manifest, document: bytes, store: Store
    ) -> Path | None:
        """Fetch patches as a package of their own; None if they cannot be fetched."""
        finished = await in_thread(store.prove, manifest, document, to_write=False)
        if finished:
            return finished
        partial = await in_thread(store.begin, manifest, document)
        name = patches_of(package_id)
        package = self._begun[name] = PackageDownload(name, manifest, partial, is_hint=True)
        try:
            self._want(package)
            return await package.path()
        except DlcoreError as error:
            logger.warning("%s: cannot be fetched: %s", name, error.message)
            return None
        finally:
            self._drop(name)
            self._hints = [hint for hint in (*self._hints, partial) if not hint.closed]

    def _note_reused(self, package_id: str, reused_bytes: int) -> None:
        """A package that is begun again reuses what was fetched since; that does not count."""
        known_bytes = self._reused_bytes.get(package_id, reused_bytes)
        self._reused_bytes[package_id] = min(known_bytes, reused_bytes)

    async def prove(self, package_id: str, *, to_write: bool) -> Path | None:
        """Prove a finished package right before its folder is handed out.

        Args:
            package_id: The package.
            to_write: Whether it is handed out to be written into.

        Returns:
            The folder; None if the package is not finished, or not any more: begin it again.

        Raises:
            UnexpectedContentError: There is something in it that is not the package's.
            StorageError: The local disk failed.
        """
        async with self._proving:
            if package_id not in self._finished:
                return None
            package, store = self._described[package_id]
            path = await in_thread(store.prove, *package, lend=True, to_write=to_write)
            if path is None:
                self._finished.pop(package_id, None)  # it may have given way meanwhile
                self._drop(package_id)
            return path

    def _gave_way(self, keys: Sequence[str]) -> None:
        """Packages were removed to make room: whoever wants one of them begins it again."""
        for package_id in [*self._finished]:
            package, _ = self._described[package_id]
            if package.key in keys:
                del self._finished[package_id]
                self._drop(package_id)

    def _drop(self, package_id: str) -> None:
        """Fetch nothing more of a package until it is begun again."""
        if self._begun.pop(package_id, None):
            self._apply(self._scheduler.forget(package_id))
            self._forget_buffers(package_id)

    async def _search(self, package: PackageDownload) -> None:
        """Ask every endpoint for the package; the first that answers is the first to serve it."""

        def found(endpoint: str, result: Placement | TransferError | None) -> None:
            objects = frozenset[ObjectIndex]()
            if isinstance(result, TransferError):
                package.note_failure(endpoint, result)
            elif result is not None:
                package.note_placement(endpoint, result)
                objects = frozenset(ObjectIndex(index) for index in result.held)
                if not result.sends_ranges:
                    self._apply(self._scheduler.lacks_ranges(endpoint))
            self._apply(self._scheduler.located(package.package_id, endpoint, objects))
            self._refill()

        await self._locate(package.package_id, package.manifest, found)

    def complete(self, package: str) -> None:
        """Every block of a package is verified: finish it."""
        self._completions += 1
        if self._is_going_on:
            self._tasks.spawn(self._finish(self._begun[package]))

    async def _finish(self, package: PackageDownload) -> None:
        try:
            path = await package.finish()
        except StorageError as error:
            package.disk_failed(error)
            return
        except UnexpectedContentError as error:
            if package.is_hint:
                package.fail(error)
                return
            self._bus.emit(PackageFailed(package.package_id, error.message))
            self._drop(package.package_id)
            package.fail(error)
            return
        if package.is_hint:
            return
        self._finished[package.package_id] = path
        logger.info("package %s is ready", package.package_id)
        self._bus.emit(PackageReady(package.package_id, str(plain_path(path))))
        for begun in list(self._begun.values()):
            await self._pass_on_to(begun)

    async def _pass_on_to(self, package: PackageDownload) -> None:
        """Give a package what has arrived of others, as far as it needs the same."""
        package_id = package.package_id
        is_open = package_id not in self._finished and not package.has_failed
        if is_open and not package.is_hint:  # no package has the bytes of a patch
            _, store = self._described[package_id]
            found, gained_bytes = await package.reuse(store)
            if found:
                self._reused_bytes[package_id] += gained_bytes
                logger.info("package %s: %d blocks are here", package_id, len(found))
                self._apply(self._scheduler.found(package_id, found))

    def exhausted(self, event: PackageExhausted) -> None:
        """No endpoint is left for a package: ask all again later, or give it up."""
        if self._is_going_on:
            self._retrying.exhausted(self._begun[event.package], event)

    def copy(self, event: CopyBlocks) -> None:
        """Copy blocks of a package from one that is on disk."""
        self._copier.add(event)

    def _copied(
        self,
        package: PackageDownload,
        found: Sequence[BlockInPackage],
        gained_bytes: int,
        lost: Sequence[BlockInPackage],
    ) -> None:
        package_id = package.package_id
        if self._begun.get(package_id) is not package:
            return  # its download was started over, and the scheduler knows what is missing of that
        if not package.is_hint:
            self._reused_bytes[package_id] += gained_bytes
        self._apply(self._scheduler.found(package_id, found))
        self._apply(self._scheduler.not_copied(package_id, lost))
        self._refill()

    def fail_all(self, error: BaseException) -> None:
        """The local disk, or we ourselves, failed: nothing can go on."""
        self._failure = self._failure or error
        self._apply(self._scheduler.order(()))
        for package in self._begun.values():
            package.fail(error)

    async def sync(self) -> None:
        """What was written up to now survives a power loss."""
        for package in list(self._begun.values()):
            await package.sync()

    def close(self) -> None:
        """Begin, finish and retry nothing from now on."""
        self._is_closed = True

    async def aclose(self) -> None:
        """Stop all packages; none of their requests is in flight."""
        async with self._beginning:  # what is beginning gives up, and leaves nothing open
            for package in self._begun.values():
                await package.aclose()
        for partial in self._hints:
            with contextlib.suppress(StorageError):
                partial.close()

    def _check_goes_on(self) -> None:
        """Refuse to begin; who waits for a package that was begun hears the same."""
        if self._failure:
            raise self._failure
        if self._is_closed:
            raise asyncio.CancelledError

    @property
    def _is_going_on(self) -> bool:
        return not (self._is_closed or self._failure)
