"""Content by package id: begins downloads in deadline order and hands out finished folders.

Guarantees: a package is begun (its manifest read, its objects located, its room on disk taken)
when the order first names it, in that order, or when a caller waits for it, and never before. A
package that cannot be begun fails only its own callers. A package that a caller waits for comes
before all others, so no wait depends on the order. A folder is handed out only if its content was
proven right before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from dlcore.engine.download.downloads import Downloads
from dlcore.engine.download.package_index import PackageIndex
from dlcore.engine.download.retry import Retry
from dlcore.engine.download.version_names import package_id_of
from dlcore.engine.events import Progress
from dlcore.engine.running.state import LifeFigures
from dlcore.errors import DlcoreError, StorageError
from dlcore.long_path import plain_path
from dlcore.store import Store
from dlcore.store.keys import package_key
from dlcore.waiting import to_the_end

MAX_PROOFS = 3  # arbitrary: content damaged twice right after a repair will be damaged again


class PackageProvider:
    """Hands out packages: also the `RunContent` of a run that fetches by itself.

    Args:
        package_index: What is known of each package.
        downloads: What is under way.
        store: Where packages are written.
        retry_time_s: Seconds to go on asking when no endpoint can serve a package; None for as
            often as the task sequence says.
    """

    def __init__(
        self,
        package_index: PackageIndex,
        downloads: Downloads,
        store: Store,
        retry_time_s: float | None = None,
    ) -> None:
        self.retry_time_s = retry_time_s
        self.package_index = package_index
        self.downloads = downloads
        self.store = store
        self._needed: tuple[str, ...] = ()
        self._maybe_needed: tuple[str, ...] = ()
        self._kept: tuple[str, ...] = ()
        self._awaited: list[str] = []
        self._begun: dict[str, asyncio.Task[None]] = {}
        self._preparing: asyncio.Task[None] | None = None

    def order(self, needed: Sequence[str], maybe_needed: Sequence[str] = ()) -> None:
        """Set what is wanted, earliest first; see `Scheduler.order`."""
        self._needed, self._maybe_needed = tuple(needed), tuple(maybe_needed)
        self._pass_on()
        if self._preparing is None or self._preparing.done():
            self._preparing = asyncio.ensure_future(self._prepare())

    def need(self, package_ids: Sequence[str]) -> None:
        """Say what a run needs, as a whole: it stays on disk, and shares no files with others."""
        self._kept = tuple(package_ids)
        self.store.keep_apart(self._keys(package_ids))
        self._tell_store()

    def release(self, package_ids: Sequence[str]) -> None:
        """Say which packages that were handed out nobody uses any more: they may give way."""
        self.store.evictor.release(self._keys(package_ids))

    def _tell_store(self) -> None:
        wanted = (*self._kept, *self._awaited, *self._needed, *self._maybe_needed)
        self.store.evictor.need(self._keys(wanted))

    def _keys(self, package_ids: Sequence[str]) -> list[str]:
        known = {each: self.package_index.known(each) for each in package_ids}
        return [
            package_key(package_id_of(each), entry.version, entry.manifest)
            for each, entry in known.items()
            if entry
        ]

    async def path(self, package_id: str) -> Path:
        """Wait for a package and prove it, to be read: `paths` with one package."""
        return (await self.paths((package_id,), to_write=False))[package_id]

    async def paths(self, package_ids: Sequence[str], *, to_write: bool) -> dict[str, Path]:
        """Wait for packages, and prove all of them when the last one is there.

        What turns out to be damaged is fetched again.

        Args:
            package_ids: The packages.
            to_write: Whether they are handed out to be written into, as a step may. Then they have
                files of their own; else they may share files with other packages.

        Returns:
            Package id -> the folder with its files, complete and verified.

        Raises:
            NotFoundError: The catalog or the endpoints do not know a package.
            ExhaustedError: No endpoint is left to serve some of its blocks.
            IntegrityError: Every endpoint served some block wrong.
            UnexpectedContentError: There is something in its folder that is not the package's.
            StorageError: The local disk failed, or something keeps changing the package on disk.
        """
        for _ in range(MAX_PROOFS):
            for package_id in package_ids:
                await self.arrive(package_id)
            folders = {each: await self._prove(each, to_write=to_write) for each in package_ids}
            proven = {each: plain_path(folder) for each, folder in folders.items() if folder}
            if len(proven) == len(folders):
                return proven
        changed = ", ".join(each for each, folder in folders.items() if not folder)
        raise StorageError(
            f"{changed}: the content on disk was changed again and again",
            remedy="Find out which program changes the state directory, and run again.",
        )

    async def arrive(self, package_id: str) -> None:
        """Wait until a package is complete; it is begun now if it is not yet, and served first.

        Raises:
            DlcoreError: As `paths`.
        """
        self._awaited.append(package_id)
        self._pass_on()
        try:
            await self.arrive_in_turn(package_id)
        finally:
            self._awaited.remove(package_id)
            self._pass_on()

    async def arrive_in_turn(self, package_id: str) -> None:
        """Wait until a package is complete, in its turn; it is begun now if it is not yet.

        It is served where the order names it, and not at all if the order does not.

        Raises:
            DlcoreError: As `paths`.
        """
        try:
            await self.begin(package_id)
            await self.downloads.path(package_id)
        except DlcoreError:
            self._begun.pop(package_id, None)  # the next caller tries again
            raise

    async def _prove(self, package_id: str, *, to_write: bool) -> Path | None:
        path = await self.downloads.prove(package_id, to_write=to_write)
        if path is None:
            self._begun.pop(package_id, None)
        return path

    def location(self, package_id: str) -> str:
        """Where a package was last downloaded from: endpoint and id; empty if from nowhere."""
        return self.downloads.location(package_id)

    # What a run asks besides

    def set_retry(self, retry: Retry) -> None:
        """Change what happens when no endpoint is left for a package."""
        self.downloads.set_retry(retry)

    def is_there(self, package_id: str) -> bool:
        """Whether a package is known to be complete."""
        return self.downloads.is_finished(package_id)

    def verified_bytes(self, package_id: str, content_bytes: int) -> int:
        """How much of a package of that length is known to be on disk; 0 before it was begun."""
        return self.downloads.verified_bytes(package_id, content_bytes)

    def progress(self) -> Progress:
        """How far the downloads are now."""
        return self.downloads.progress()

    def measured(self, elapsed_s: float) -> LifeFigures:
        """What the downloads have come to so far; renewals are not counted.

        Args:
            elapsed_s: Seconds since this process's part of the run began.
        """
        downloads = self.downloads
        now_s = asyncio.get_running_loop().time()
        return LifeFigures(
            elapsed_s,
            downloads.meter.busy_s(now_s),
            downloads.meter.received_bytes,
            downloads.wasted_bytes,
            downloads.reused_bytes_by_package,
            downloads.figures(),
            0,
            downloads.meter.arrivals.since(now_s - elapsed_s),
            downloads.missing_bytes,
            downloads.patched_bytes.total(),
        )

    async def end(self) -> None:
        """Do nothing: the run has ended, and its client is closed."""

    # The end

    async def aclose(self) -> None:
        """Stop; what is verified stays. Idempotent. A cancellation waits until it has stopped."""
        await to_the_end(self._stop())

    async def _stop(self) -> None:
        tasks = [task for task in (self._preparing, *self._begun.values()) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.downloads.aclose()

    def _pass_on(self) -> None:
        """Tell the downloads the order, with what callers wait for in front."""
        self._tell_store()
        needed = tuple(dict.fromkeys((*self._awaited, *self._needed)))
        self.downloads.order(needed, self._maybe_needed, tuple(self._awaited))

    async def _prepare(self) -> None:
        """Begin what is wanted, one after the other, the earliest first."""
        while waiting := [p for p in (*self._needed, *self._maybe_needed) if p not in self._begun]:
            try:
                await self.begin(waiting[0])
            except DlcoreError:
                continue  # it is raised to the callers that wait for the package

    async def begin(self, package_id: str) -> None:
        """Begin a package, if it is not yet: its manifest read, its room on disk taken.

        Raises:
            DlcoreError: As `paths`.
        """
        task = self._begun.get(package_id)
        if task is None or self._is_over(package_id, task):
            task = self._begun[package_id] = asyncio.ensure_future(self._start(package_id))
        await asyncio.shield(task)

    def _is_over(self, package_id: str, task: asyncio.Task[None]) -> bool:
        """Whether what was begun has failed, or has given way to another package since."""
        if not task.done() or task.cancelled():
            return False
        return task.exception() is not None or not self.downloads.is_begun(package_id)

    async def _start(self, package_id: str) -> None:
        manifest, document = await self.package_index.manifest(package_id)
        await self.downloads.begin(package_id, manifest, document, self.store)
