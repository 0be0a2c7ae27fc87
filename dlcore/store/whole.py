"""Objects that have only one digest, of the whole.

Their blocks cannot be verified one by one. They are written as they arrive, and a hash follows the
contiguous front: from memory if a block arrives exactly there, else read back from disk. The last
block decides about all of them.

Guarantees: the bytes that were hashed are the bytes on disk. A block is taken once; a second
delivery of it is ignored. Thread-safe.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from dlcore.model import BlockExtent, BlockInObject, Manifest, ObjectIndex

Read = Callable[[BlockExtent, memoryview], memoryview]

_FREE, _TAKEN, _WRITTEN = 0, 1, 2


class WholeObject:
    """One such object.

    Args:
        manifest: The package.
        index: Which of its objects.
        read: Reads an extent from disk into a buffer.

    Attributes:
        verified: Whether all of it is on disk, and matches.
        rejected: What its digest was when it last did not match; empty before.
    """

    def __init__(self, manifest: Manifest, index: int, read: Read) -> None:
        self._manifest = manifest
        self._index = ObjectIndex(index)
        self._read = read
        self._lock = threading.Lock()
        self._states = bytearray(manifest.block_count(index))
        self.rejected = b""
        self._digest = manifest.objects[index].whole
        self._restart()

    def _restart(self) -> None:
        self._hash = self._digest.hash()
        self._front = 0
        self._hashing = False
        self.verified = False

    def take(self, first: int, count: int) -> list[BlockExtent]:
        """Reserve those of ``count`` blocks from ``first`` that no caller has taken yet.

        Returns:
            Extents that the caller now writes; then it calls `written` or `give_back`.
        """
        with self._lock:
            taken: list[BlockExtent] = []
            for block in range(first, first + count):
                if self._states[block] != _FREE:
                    continue
                self._states[block] = _TAKEN
                if taken and taken[-1].end == block:
                    taken[-1] = taken[-1]._replace(end=BlockInObject(block + 1))
                else:
                    taken.append(BlockExtent.of(self._index, block, block + 1))
            return taken

    def give_back(self, blocks: BlockExtent) -> None:
        """Undo `take`: writing failed."""
        with self._lock:
            self._states[blocks.first : blocks.end] = bytes(_count(blocks))

    def written(self, blocks: BlockExtent, data: memoryview | None = None) -> bool | None:
        """Record that blocks are on disk, and hash what is contiguous.

        Args:
            blocks: Which blocks.
            data: Their bytes, if they are in memory.

        Returns:
            None while blocks are missing or another thread is hashing, else whether the object
            matches. After False all its blocks can be taken again.

        Raises:
            OSError: Reading back failed; the blocks count as written nevertheless.
        """
        with self._lock:
            self._states[blocks.first : blocks.end] = bytes([_WRITTEN]) * _count(blocks)
            if self._hashing:
                return None
            self._hashing = True
        try:
            if data is not None and blocks.first == self._front:
                self._hash.update(data)
                self._front = blocks.end
            return self._follow()
        except BaseException:
            self._hashing = False
            raise

    def _follow(self) -> bool | None:
        """Hash the next blocks from disk; only one thread at a time is here (`_hashing`)."""
        while True:
            with self._lock:
                at = self._front
                if at == len(self._states):
                    return self._decide()
                if self._states[at] != _WRITTEN:
                    self._hashing = False
                    return None
            start, end = self._manifest.block_span(self._index, BlockInObject(at))
            block = BlockExtent.of(self._index, at, at + 1)
            self._hash.update(self._read(block, memoryview(bytearray(end - start))))
            self._front = at + 1

    def _decide(self) -> bool:
        found = self._hash.digest()
        if found == self._digest.value:
            self._hashing = False
            self.verified = True
        else:
            self._states = bytearray(len(self._states))
            self.rejected = found
            self._restart()
        return self.verified


def _count(blocks: BlockExtent) -> int:
    return blocks.end - blocks.first
