"""Finds out which endpoints sent wrong bytes into blocks that came from several of them.

Checksums of such blocks are taken where their bytes are: once when a block does not match, and once
when its right bytes have come. As long as no such block has been rejected, nothing is done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dlcore.engine.download.package import PackageDownload
from dlcore.model import BlockExtent, BlockInObject
from dlcore.schedule import Culprit, MixedBlocks, Portion, RejectedBlock, Span


class ReceivedExtent(NamedTuple):
    """Blocks that were verified together.

    Attributes:
        package: Their package.
        extent: The blocks.
        data: Their bytes, as they came.
    """

    package: PackageDownload
    extent: BlockExtent
    data: memoryview

    @property
    def blocks(self) -> list[BlockInObject]:
        """Their numbers in the object."""
        return [BlockInObject(number) for number in range(self.extent.first, self.extent.end)]

    def content(self, block: BlockInObject) -> memoryview:
        """The bytes of one of them."""
        manifest, extent = self.package.manifest, self.extent
        first, _ = manifest.extent_span(extent)
        start, end = manifest.block_span(extent.object, block)
        return self.data[start - first : end - first]

    def named(self, block: BlockInObject) -> RejectedBlock:
        """What one of them is called if it does not match."""
        one = BlockExtent.of(self.extent.object, block, block + 1)
        digest = self.package.manifest.block_digests(one)
        return RejectedBlock(self.package.package_id, self.extent.object, block, digest)


class Culprits:
    """The blocks whose culprits are not known yet.

    Args:
        max_blocks: How many of them are remembered.
    """

    def __init__(self, max_blocks: int) -> None:
        self._mixed_blocks = MixedBlocks(max_blocks)

    def rejected(
        self, received: ReceivedExtent, block: BlockInObject, portions: Sequence[Portion]
    ) -> None:
        """A block did not match.

        Args:
            received: It, and what was verified with it.
            block: The block.
            portions: Who sent which bytes of it; empty if only one endpoint did.
        """
        if portions:
            content = received.content(block)
            self._mixed_blocks.rejected(
                received.named(block), portions, lambda span: _checksum(content, span)
            )

    def verified(self, received: ReceivedExtent) -> Iterator[tuple[BlockInObject, Culprit]]:
        """Blocks were verified; some of them may not match.

        Yields:
            Blocks that match now and did not before, each with an endpoint that sent some of it
            wrong then.
        """
        if self._mixed_blocks:
            for block in received.blocks:
                for culprit in self._of(received, block):
                    yield block, culprit

    def _of(self, received: ReceivedExtent, block: BlockInObject) -> Sequence[Culprit]:
        rejected = received.named(block)
        if rejected not in self._mixed_blocks:
            return ()
        content = received.content(block)
        # A block that was on disk before these bytes came was not verified in them.
        if hashlib.sha256(content).digest() != rejected.digest:
            return ()
        return self._mixed_blocks.verified(rejected, lambda span: _checksum(content, span))


def _checksum(content: memoryview, span: Span) -> bytes:
    return hashlib.sha256(content[span.start : span.end]).digest()
