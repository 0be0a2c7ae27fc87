"""A package being downloaded: what it consists of, where it is written, which endpoints have it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

from dlcore.engine.download.exhaustion import HELD_NOWHERE, exhausted
from dlcore.errors import (
    ContentNotFoundError,
    DlcoreError,
    ExhaustedError,
    Fault,
    IntegrityError,
    StorageError,
    TransferError,
)
from dlcore.model import BlockExtent, BlockInPackage, Manifest, ObjectIndex
from dlcore.package_ids import LOCAL_ID
from dlcore.store import Partial, Store
from dlcore.store.copying import read_blocks, write_blocks
from dlcore.store.present import missing_bytes
from dlcore.transfer import Placement
from dlcore.waiting import in_thread

logger = logging.getLogger(__name__)

_WRONG_HERE = "Check where the digest comes from, or name another endpoint."
_WRONG_ELSEWHERE = "Fetch it by itself, or name another endpoint: what was wrong was other content."


class PackageDownload:
    """The state of one package's download.

    Args:
        package_id: Its id.
        manifest: What it consists of.
        partial: Where it is written.
        is_hint: Whether it is only to save fetching something else.

    Attributes:
        is_hint: Whether it is only to save fetching something else.
    """

    def __init__(
        self, package_id: str, manifest: Manifest, partial: Partial, *, is_hint: bool = False
    ) -> None:
        self.package_id = package_id
        self.is_hint = is_hint
        self.manifest = manifest
        self.partial = partial
        self._counted = bytearray(partial.have)
        self._verified_bytes = partial.reused_bytes
        self._placements: dict[str, Placement] = {}
        self._failures: dict[str, TransferError] = {}
        self._location = ""
        self._attempts = 0
        self._failing_since_s: float | None = None
        self._failing_bytes = 0
        self._has_unsynced = False
        self._disk = asyncio.Lock()  # held while a thread syncs or finishes it
        self._path: asyncio.Future[Path] = asyncio.get_running_loop().create_future()

    # What messages call it

    @property
    def title(self) -> str:
        """What messages call it: content without an id has only the name that it has here."""
        if self.manifest.package_id == LOCAL_ID:
            return self.package_id
        return f"package {self.package_id} version {self.manifest.version}"

    def called(self, object_index: ObjectIndex) -> str:
        """What messages call one of its objects: by its file, if it holds just one."""
        wanted = self.manifest.objects[object_index]
        extents = list(islice(self.manifest.file_extents(object_index, 0, wanted.length_bytes), 2))
        if len(extents) == 1:
            return self.manifest.files[extents[0].file].path
        return f"object {wanted.name}"

    # Where it comes from

    @property
    def location(self) -> str:
        """Name of the endpoint that was last asked, and the package's id; empty before."""
        return self._location

    def note_asked(self, endpoint: str) -> None:
        """A request for it goes to that endpoint."""
        self._location = f"{endpoint}/{self.package_id}"

    def note_placement(self, endpoint: str, placement: Placement) -> None:
        """An endpoint holds objects of it."""
        self._placements[endpoint] = placement

    def placement(self, endpoint: str) -> Placement:
        """The package at an endpoint that holds objects of it."""
        return self._placements[endpoint]

    def note_failure(self, endpoint: str, error: TransferError) -> None:
        """An endpoint failed to serve some of it, or to locate it."""
        self._failures[endpoint] = error

    def note_exhausted(self, now_s: float) -> tuple[int, float]:
        """Note that no endpoint is left for it.

        Returns:
            How often none was left, with this time; and for how many seconds nothing of it has
            arrived.
        """
        self._attempts += 1
        return self._attempts, self.note_failing(now_s)

    def note_failing(self, now_s: float) -> float:
        """Begin, or go on, to count the time in which no endpoint is left and nothing arrives.

        Returns:
            How many seconds that is.
        """
        if self._failing_since_s is None or self._verified_bytes != self._failing_bytes:
            self._failing_since_s, self._failing_bytes = now_s, self._verified_bytes
        return now_s - self._failing_since_s

    # What is there

    @property
    def verified_bytes(self) -> int:
        """Bytes known to be on disk and verified."""
        return self._verified_bytes

    def note_written(self) -> None:
        """Something was written, and is not synced yet."""
        self._has_unsynced = True

    def count(self, block: BlockExtent) -> bool:
        """Whether a block is on disk, verified; its bytes count from the first time on."""
        number = self.manifest.block_number(block.object, block.first)
        if not self.partial.have[number]:
            return False
        if not self._counted[number]:
            self._counted[number] = 1
            start, end = self.manifest.extent_span(block)
            self._verified_bytes += end - start
        return True

    def count_all(self) -> None:
        """Blocks that no request has brought were taken over."""
        have = bytearray(self.partial.have)  # once: other threads may write meanwhile
        self._counted[:] = have
        self._verified_bytes = self.manifest.content_bytes - missing_bytes(self.manifest, have)
        self._has_unsynced = True

    def undo(self, object_index: ObjectIndex) -> None:
        """No block of the object counts any more."""
        numbers = range(*self.manifest.first_blocks[object_index : object_index + 2])
        for number in numbers:
            if self._counted[number]:
                index, block = self.manifest.locate_block(BlockInPackage(number))
                start, end = self.manifest.block_span(index, block)
                self._verified_bytes -= end - start
        self._counted[numbers.start : numbers.stop] = bytes(len(numbers))

    async def sync(self) -> None:
        """What was written up to now survives a power loss."""
        async with self._disk:
            if self._has_unsynced and not self._path.done():
                self._has_unsynced = False
                try:
                    await in_thread(self.partial.sync)
                except StorageError as error:
                    self.disk_failed(error)

    async def reuse(self, store: Store) -> tuple[list[BlockInPackage], int]:
        """Take over what has arrived of other packages.

        Returns:
            The numbers of the blocks that are on disk now, and were not; and the bytes of those
            that no request has brought meanwhile.

        Raises:
            StorageError: The local disk failed.
        """
        async with self._disk:
            if self._takes_nothing:
                return [], 0
            found = await in_thread(store.reuse, self.partial)
        return found, self._count_found(found)

    async def read_blocks(
        self, numbers: Sequence[BlockInPackage]
    ) -> dict[BlockInPackage, memoryview]:
        """The bytes of blocks that are on disk, as far as they can be read; not to be believed."""
        async with self._disk:  # while it is read, the folder keeps its name
            is_finished = self._path.done() and not self.has_failed
            content = self._path.result() if is_finished else self.partial.content
            return await in_thread(read_blocks, content, self.manifest, numbers)

    async def write_blocks(
        self, copies: Sequence[tuple[BlockInPackage, memoryview]]
    ) -> tuple[list[BlockInPackage], int]:
        """Write what was read from other packages, where it matches; otherwise as `reuse`."""
        async with self._disk:
            if self._takes_nothing:  # it may have got them otherwise
                found = [number for number, _ in copies if self.partial.have[number]]
            else:
                found = await in_thread(write_blocks, self.partial, copies)
        return found, self._count_found(found)

    @property
    def _takes_nothing(self) -> bool:
        return self._path.done() or self.partial.closed or self.partial.complete

    def _count_found(self, found: Sequence[BlockInPackage]) -> int:
        """Blocks are on disk; how many of their bytes did not count yet."""
        before_bytes = self._verified_bytes
        for number in found:
            index, block = self.manifest.locate_block(number)
            self.count(BlockExtent.of(index, block, block + 1))
        if found:
            self.note_written()
        return self._verified_bytes - before_bytes

    # Its end

    @property
    def has_failed(self) -> bool:
        """Whether it ended without being complete."""
        return self._path.done() and (self._path.cancelled() or self._path.exception() is not None)

    async def path(self) -> Path:
        """Wait until it is complete; raises what it failed with."""
        return await asyncio.shield(self._path)

    async def finish(self) -> Path:
        """Every block is verified: make it visible.

        Raises:
            StorageError: The local disk failed.
        """
        async with self._disk:
            path = await in_thread(self.partial.finish)
            self.partial.close()
            if not self._path.done():
                self._path.set_result(path)
        return path

    async def give_up(self, error: DlcoreError) -> None:
        """No endpoint is left for it: keep what is verified, and fail."""
        async with self._disk:
            await in_thread(self.partial.sync)
            self.partial.close()
        self.fail(error)

    def disk_failed(self, error: StorageError) -> None:
        """What has arrived could not be kept. A hint is lost then, and nothing else.

        Raises:
            StorageError: It is wanted itself, and nothing can go on.
        """
        if not self.is_hint:
            raise error
        self.fail(error)

    def fail(self, error: BaseException) -> None:
        """Those that wait for it get this error."""
        if not self._path.done():
            self._path.set_exception(error)
            self._path.exception()  # raised by those that wait, and there may be none

    async def aclose(self) -> None:
        """Stop; what is verified stays, and is synced if the package had not ended."""
        if not self._path.done():
            self._path.cancel()
            if self.partial.closed:  # it was finished, and synced, while it was cancelled
                return
            try:
                await in_thread(self.partial.sync)
            except DlcoreError as error:  # nothing is claimed that was not synced
                logger.warning("%s: what came last is not kept: %s", self.title, error.message)
        self.partial.close()

    def _held_nowhere(self) -> str:
        """Which files no endpoint holds; of all of them, "it"."""
        held = {index for placement in self._placements.values() for index in placement.held}
        files = [f.path for f in self.manifest.files if not (f.is_empty or f.object in held)]
        if not (held and files):
            return "it"
        return files[0] + (f" and {len(files) - 1} more" if len(files) > 1 else "")

    def exhausted(
        self,
        unverified_blocks: int,
        failures: Mapping[str, TransferError],
        obstacle: str = "",
        *,
        is_away: bool = False,
    ) -> ExhaustedError | IntegrityError:
        """Say why it could not be completed, endpoint by endpoint.

        Args:
            unverified_blocks: How many blocks are not verified.
            failures: How endpoints failed that are not asked any more; for those that hold it and
                never failed to serve it.
            obstacle: Why no endpoint may be asked; empty if one may.
            is_away: As of `ExhaustedError`.
        """
        others = {name: failures[name] for name in failures if name in self._placements}
        causes = {**others, **self._failures}.values()
        why = obstacle or (
            "; ".join(cause.message for cause in causes)
            or f"no endpoint holds {self._held_nowhere()}"
        )
        all_blocks = self.manifest.first_blocks[-1]
        message = f"{self.title}: {unverified_blocks} of {all_blocks} blocks are missing: {why}"
        faults = {cause.fault for cause in causes}
        if faults == {Fault.CORRUPT}:
            is_own = Fault.CORRUPT in {failure.fault for failure in self._failures.values()}
            if is_own and len(self.manifest.files) == 1 and self.manifest.package_id == LOCAL_ID:
                message = why  # it names the file
            return IntegrityError(message, remedy=_WRONG_HERE if is_own else _WRONG_ELSEWHERE)
        remedy = "What was verified is kept: run again when an endpoint can serve the package."
        if not causes and not obstacle:
            return ContentNotFoundError(message, remedy=f"{HELD_NOWHERE} {remedy}")
        return exhausted(message, tuple(causes), remedy, is_away=is_away)
