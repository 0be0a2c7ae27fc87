"""Which blocks of a partial package are on disk, and which of them the journal does not claim yet.

Thread-safe: what changes both holds one lock, so a block that is forgotten is never claimed
afterwards. `have` is read without it: each block is one byte, and only this class changes it.
"""

from __future__ import annotations

import threading

from dlcore.model import BlockExtent, BlockInObject, Manifest
from dlcore.store.journal import Claim


class HeldBlocks:
    """The blocks of one package.

    Args:
        manifest: The package.

    Attributes:
        have: One byte for each package-wide block: 1 if it is on disk and verified.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.have = bytearray(manifest.first_blocks[-1])
        self._manifest = manifest
        self._lock = threading.Lock()  # changes of `have` and `_pending` go together
        self._pending: list[Claim] = []  # written, and not yet claimed

    def resume(self, held: bytes | bytearray) -> None:
        """What was found on disk when the package was opened: one byte for each block."""
        with self._lock:
            self.have[:] = held

    def record(self, claims: list[Claim]) -> None:
        """Blocks were written; they are to be claimed after the next sync."""
        with self._lock:
            self._pending += claims
            for claim in claims:
                self.have[claim.block] = 1

    def drop_object(self, index: int) -> None:
        """All blocks of an object are missing again; their claims are to be taken back."""
        first, end = self._manifest.first_blocks[index : index + 2]
        with self._lock:
            self.have[first:end] = bytes(end - first)
            # If the next process believed them, the object would not match again, and the endpoint
            # that delivered the rest of it would be blamed.
            self._pending = [each for each in self._pending if not first <= each.block < end]
            self._pending += [Claim(number, is_synced=False) for number in range(first, end)]

    def take_pending(self) -> list[Claim]:
        """The records to append to the journal; the caller appends or forgets them."""
        with self._lock:
            pending, self._pending = self._pending, []
        return pending

    def forget(self, pending: list[Claim]) -> None:
        """A sync failed: neither these blocks nor those written since count as on disk."""
        with self._lock:
            for claim in pending + self._pending:
                self.have[claim.block] = 0
            self._pending = []

    def missing_in(self, blocks: BlockExtent) -> list[BlockExtent]:
        """The blocks of an extent that are not on disk yet, in the fewest extents."""
        extents: list[BlockExtent] = []
        base = self._manifest.first_blocks[blocks.object]
        for block in range(blocks.first, blocks.end):
            if self.have[base + block]:
                continue
            if extents and extents[-1].end == block:
                extents[-1] = extents[-1]._replace(end=BlockInObject(block + 1))
            else:
                extents.append(BlockExtent.of(blocks.object, block, block + 1))
        return extents

    def missing_bytes(self) -> int:
        """Bytes that are not on disk yet; counted by object, so that it is quick."""
        numbers = self._manifest.first_blocks
        missing_bytes = 0
        for item, first, end in zip(self._manifest.objects, numbers, numbers[1:], strict=False):
            missing_bytes += self.have.count(0, first, end) * self._manifest.block_bytes
            if end > first and not self.have[end - 1]:
                missing_bytes -= -item.length_bytes % self._manifest.block_bytes
        return missing_bytes
