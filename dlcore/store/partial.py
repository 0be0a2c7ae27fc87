"""One unfinished package: verified blocks in, a finished folder out.

Guarantees: only bytes that match the manifest reach ``content/`` (of an object that has only one
digest: stay there). A block is claimed in the journal only after it was synced. The folder gets
its final name only when every block is on disk and durable. After a failed sync nothing that it
should have covered is believed, and sync is never retried: start the package over.

Threads: `write_extents` may be called by several at once; `sync`, `missing` and `complete` by any
thread while writes go on; `finish` and `close` when all calls of `write_extents` have returned.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from dlcore.disk.faults import translated
from dlcore.disk.links import is_folder
from dlcore.errors import IntegrityError, InternalError, StorageError
from dlcore.model import BlockExtent, BlockInObject, Manifest, ObjectIndex
from dlcore.store import journal
from dlcore.store.files import Files, delete, read_document, write_document, write_fully
from dlcore.store.held_blocks import HeldBlocks
from dlcore.store.inventory import Inventory
from dlcore.store.journal import Claim
from dlcore.store.pending_extents import OnWritten, PendingExtents
from dlcore.store.proof import refuse_foreign, refuse_shared_names
from dlcore.store.resume import find_blocks
from dlcore.store.tree import Tree
from dlcore.store.whole import WholeObject
from dlcore.store.writing import Arrival, Writer

logger = logging.getLogger(__name__)

JOURNAL = "journal"
CONTENT = "content"


class Partial:
    """A package being filled. Made by `Store.begin`.

    Attributes:
        manifest: The package.
        have: One byte a package-wide block: 1 if it is on disk and verified.
        rechecked_bytes: Bytes read at the beginning to find out what is on disk.
        reused_bytes: Bytes found on disk, which need not be fetched again.
        discarded_blocks: Number of blocks that the journal claims but the disk does not have.
        closed: Whether `close` or `finish` was called.
    """

    def __init__(
        self,
        files: Files,
        folder: Path,
        target: Path,
        manifest: Manifest,
        digest: bytes,
        on_finished: Callable[[Inventory], None],
    ) -> None:
        self.manifest = manifest
        self._blocks = HeldBlocks(manifest)
        self.have = self._blocks.have
        self.closed = False
        self.rechecked_bytes = 0
        self.reused_bytes = 0
        self.discarded_blocks = 0
        self._files = files
        self._folder = folder
        self._target = target
        self._digest = digest
        self._on_finished = on_finished
        self._tree = Tree(files, folder / CONTENT, manifest)
        self._writer = Writer(files, manifest, self._tree, self._blocks.record)
        self._whole = {
            index: WholeObject(manifest, index, self._tree.read)
            for index, item in enumerate(manifest.objects)
            if not item.digests
        }
        self._sync_lock = threading.Lock()
        self._journal_fd: int | None = None
        self._journal_bytes = 0
        self._broken = False

    @property
    def folder(self) -> Path:
        """Where it is filled."""
        return self._folder

    @property
    def content(self) -> Path:
        """Where its files are until it is finished."""
        return self._folder / CONTENT

    def begin(self) -> None:
        """Find out what is on disk already. Called once, by the store."""
        with self._translated("begin"):
            data = read_document(self._files, self._folder / JOURNAL)
            self._remove_unexpected()
            self._tree.prepare()
            claims = journal.decode(data or b"", self._digest, len(self.have))
            claims = claims or journal.Claims.none(len(self.have))
            found = find_blocks(self.manifest, self._tree, claims)
            self._start_journal(found.claims)
            self._blocks.resume(found.claims.held)
            self._blocks.record(found.unclaimed)
            self._resume_whole_objects()
        self.rechecked_bytes = found.rechecked_bytes
        self.note_reused()
        self.discarded_blocks = sum(
            1 for claimed, held in zip(claims.held, self.have, strict=True) if claimed and not held
        )

    def note_reused(self) -> None:
        """All that is on disk now need not be fetched."""
        self.reused_bytes = self.manifest.content_bytes - self.missing_bytes()

    @property
    def key(self) -> str:
        """Name of its folder in the store."""
        return self._folder.name

    def _remove_unexpected(self) -> None:
        """Nothing but the package's own files may end up in the finished package."""
        content = self._folder / CONTENT
        status = self._files.status(content)
        if status is None or not is_folder(status):
            return  # there is nothing, or `Tree.prepare` refuses it
        for path in Inventory.take(self._files, content, self.manifest).unexpected:
            logger.warning("package %s: removed %s", self.manifest.package_id, content / path)
            delete(self._files, content / path)

    def _start_journal(self, claims: journal.Claims) -> None:
        data = journal.encode(self._digest, claims)
        write_document(self._files, self._folder / JOURNAL, data)
        self._journal_fd = self._files.open(self._folder / JOURNAL)
        self._journal_bytes = len(data)

    def _resume_whole_objects(self) -> None:
        for index, whole in self._whole.items():
            for block in range(self.manifest.block_count(index)):
                if self.have[self.manifest.block_number(ObjectIndex(index), BlockInObject(block))]:
                    blocks = BlockExtent.of(index, block, block + 1)
                    whole.take(block, 1)
                    if whole.written(blocks) is False:
                        self._blocks.drop_object(index)

    def write_extent(
        self, object_index: int, first_block: int, data: memoryview
    ) -> tuple[int, ...]:
        """Verify one extent of whole blocks and write the good ones, as `write_extents`.

        Returns:
            Numbers, in the object, of the blocks that do not match.
        """
        found: list[tuple[int, ...]] = []
        self.write_extents([(object_index, first_block, data)], lambda _, bad: found.append(bad))
        return found[0]

    def write_extents(
        self, extents: Sequence[tuple[int, int, memoryview]], on_written: OnWritten
    ) -> None:
        """Verify extents of whole blocks and write the good ones. Idempotent; thread-safe.

        The more blocks at a time, the faster they are hashed: sixteen fill the widest lanes.
        Blocks that are on disk already are neither verified nor written again.

        Args:
            extents: For each extent its object, the number of its first block in that object, and
                its bytes; the last block may be the object's short last one.
            on_written: Called in this thread for each extent as soon as it is written, with the
                numbers of its bad blocks, of which nothing was written. Blocks of an object that
                has only one digest are never bad by themselves.

        Raises:
            IntegrityError: This was the last block of an object that has only one digest, and the
                object does not match: all its blocks are missing again. The source's fault.
            StorageError: The disk failed. Some blocks of the extents that ``on_written`` was not
                called for may be on disk.
        """
        arrived = [self._extent_of(index, first, len(data)) for index, first, data in extents]
        self._check_usable()
        arrivals: list[Arrival] = []
        pending = PendingExtents(on_written)
        with self._translated("write"):
            for at, (blocks, (index, _, data)) in enumerate(zip(arrived, extents, strict=True)):
                unheld: list[BlockExtent] = []
                if index in self._whole:
                    self._write_whole(blocks, data)
                else:
                    unheld = self._blocks.missing_in(blocks)
                arrivals += [
                    Arrival(each, self._slice(blocks, each, data), True) for each in unheld
                ]
                pending.expect(at, len(unheld))
            self._writer.write(arrivals, pending.arrival_written)

    def _write_whole(self, blocks: BlockExtent, data: memoryview) -> None:
        whole = self._whole[blocks.object]
        for taken in whole.take(blocks.first, blocks.end - blocks.first):
            arrived = self._slice(blocks, taken, data)
            try:
                self._writer.write([Arrival(taken, arrived, False)], lambda _place, _bad: None)
            except BaseException:
                whole.give_back(taken)
                raise
            if whole.written(taken, arrived) is False:
                self._blocks.drop_object(blocks.object)
                raise IntegrityError(
                    f"object {self.manifest.objects[blocks.object].name} of package "
                    f"{self.manifest.package_id} does not match its digest",
                    path=self.manifest.objects[blocks.object].name,
                    remedy="all of it is fetched again; if that repeats, its source is bad",
                )

    def rejected_digest(self, object_index: int) -> bytes:
        """The digest that an object of one digest had when it last did not match."""
        return self._whole[object_index].rejected

    def sync(self) -> None:
        """Make durable what was written before this call, then claim it in the journal.

        Raises:
            StorageError: Everything since the last good sync counts as lost, and this object can
                no longer be used: close it, and begin again to find out what is on disk.
        """
        self._check_usable()
        with self._sync_lock, self._translated("sync"):
            pending = self._blocks.take_pending()
            try:
                self._tree.sync()
                self._append(pending)
            except BaseException:
                self._broken = True
                self._blocks.forget(pending)
                raise

    def _append(self, pending: list[Claim]) -> None:
        if not pending:
            return
        assert self._journal_fd is not None, "begin was called"
        data = journal.encode_records(self._digest, len(self.have), pending)
        write_fully(self._files, self._journal_fd, memoryview(data), self._journal_bytes)
        self._journal_bytes += len(data)
        self._files.sync_data(self._journal_fd)

    def missing(self) -> int:
        """Number of blocks that are not on disk yet."""
        return self.have.count(0)

    def missing_bytes(self) -> int:
        """Bytes that are not on disk yet."""
        return self._blocks.missing_bytes()

    @property
    def complete(self) -> bool:
        """Whether every block is on disk and verified."""
        return not self.missing() and all(whole.verified for whole in self._whole.values())

    def finish(self) -> Path:
        """Make the package durable and give the folder its final name.

        Returns:
            The content folder of the finished package.

        Raises:
            UnexpectedContentError: There is something in the folder that the manifest does not
                know. It stays there; the next `Store.begin` removes it.
            StorageError: The disk failed; as for `sync`. Or a file was taken away or got another
                length meanwhile: begin again to find out what is on disk. A journal that cannot be
                deleted is harmless and raises nothing.
        """
        if not self.complete:
            raise InternalError(f"package {self.manifest.package_id} lacks {self.missing()} blocks")
        self.sync()
        with self._translated("finish"):
            self._tree.make_ordinary()
        self.close()
        with self._translated("finish"):
            found = self._exact_inventory()
            self._files.move(self._folder, self._target)
            self._files.sync_folder(self._target.parent)
            self._files.sync_folder(self._folder.parent)
            with contextlib.suppress(OSError):
                self._files.remove(self._target / JOURNAL)
            found.wait_for_clock_step(self._files, self._target / CONTENT)
        self._on_finished(found)
        return self._target / CONTENT

    def _exact_inventory(self) -> Inventory:
        content = self._folder / CONTENT
        found = Inventory.take(self._files, content, self.manifest)
        refuse_foreign(found, content, self.manifest.package_id)
        if not found.is_complete:
            refuse_shared_names(self._files, found, content, self.manifest)
            raise StorageError(
                f"files of package {self.manifest.package_id} were changed while it was fetched",
                path=content,
                remedy="Run again: what is on disk is checked and kept.",
            )
        return found

    def close(self) -> None:
        """Wait for writes that have begun and close the files. All state stays. Idempotent."""
        self.closed = True
        with self._translated("close"):
            self._tree.close()
            fd, self._journal_fd = self._journal_fd, None
            if fd is not None:
                self._files.close(fd)

    def _check_usable(self) -> None:
        if self.closed:
            raise InternalError(f"package {self.manifest.package_id} was used after its end")
        if self._broken:
            raise StorageError(
                f"package {self.manifest.package_id} could not be synced before",
                path=self._folder,
                remedy="Run again: what is on disk is checked and kept.",
            )

    def _extent_of(self, object_index: int, first: int, length_bytes: int) -> BlockExtent:
        count = -(-length_bytes // self.manifest.block_bytes)
        blocks = BlockExtent.of(object_index, first, first + count)
        with contextlib.suppress(IndexError):
            start, end = self.manifest.extent_span(blocks)
            in_object = 0 <= first < blocks.end <= self.manifest.block_count(object_index)
            if in_object and end - start == length_bytes:
                return blocks
        raise InternalError(f"{length_bytes} bytes are not whole blocks from {first}")

    def _slice(self, blocks: BlockExtent, wanted: BlockExtent, data: memoryview) -> memoryview:
        origin = blocks.first * self.manifest.block_bytes
        start, end = self.manifest.extent_span(wanted)
        return data[start - origin : end - origin]

    def _translated(self, doing: str) -> AbstractContextManager[None]:
        return translated(
            f"{doing} package {self.manifest.package_id}",
            self._folder,
            lambda: self._files.free_bytes(self._folder),
            self._blocks.missing_bytes,
        )
