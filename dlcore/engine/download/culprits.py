"""Finds out which endpoints sent wrong bytes into blocks that came from several of them.

Checksums of such blocks are taken where their bytes are: once when a block does not match, and once
when its right bytes have come. As long as no such block has been rejected, nothing is done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from dlcore.engine.download.package import PackageDownload
from dlcore.model import BlockInObject, BlockRange
from dlcore.schedule import ChecksumOf, Culprit, MixedBlocks, Portion, RejectedBlock, Span


class Culprits:
    """The blocks of which it is not known yet who is to blame.

    Args:
        max_blocks: How many of them are remembered.
    """

    def __init__(self, max_blocks: int) -> None:
        self._mixed_blocks = MixedBlocks(max_blocks)

    def rejected(
        self,
        package: PackageDownload,
        run: BlockRange,
        data: memoryview,
        block: BlockInObject,
        portions: tuple[Portion, ...],
    ) -> None:
        """A block did not match.

        Args:
            package: Its package.
            run: Blocks that were verified together.
            data: Their bytes, as they came.
            block: The one of them that did not match.
            portions: Who sent which bytes of it; empty if only one endpoint did.
        """
        if portions:
            content = _content(package, run, data, block)
            self._mixed_blocks.rejected(
                _rejected_block(package, run, block), portions, _checksum_of(content)
            )

    def verified(
        self, package: PackageDownload, run: BlockRange, data: memoryview
    ) -> Iterator[tuple[BlockInObject, Culprit]]:
        """Blocks were verified; some of them may not match.

        Args:
            package: Their package.
            run: The blocks.
            data: Their bytes.

        Yields:
            Blocks that did not match before, each with an endpoint that sent some of it wrong.
        """
        if not self._mixed_blocks:
            return
        for number in range(run.first, run.last):
            block = BlockInObject(number)
            known = _rejected_block(package, run, block)
            if known not in self._mixed_blocks:
                continue
            content = _content(package, run, data, block)
            # A block that another request had brought before was not verified in these bytes.
            if hashlib.sha256(content).digest() == known.digest:
                for culprit in self._mixed_blocks.verified(known, _checksum_of(content)):
                    yield block, culprit


def _rejected_block(
    package: PackageDownload, run: BlockRange, block: BlockInObject
) -> RejectedBlock:
    digest = package.manifest.block_digests(BlockRange.of(run.object, block, block + 1))
    return RejectedBlock(package.package_id, run.object, block, digest)


def _content(
    package: PackageDownload, run: BlockRange, data: memoryview, block: BlockInObject
) -> memoryview:
    first, _ = package.manifest.range_span(run)
    start, end = package.manifest.block_span(run.object, block)
    return data[start - first : end - first]


def _checksum_of(content: memoryview) -> ChecksumOf:
    def checksum(span: Span) -> bytes:
        return hashlib.sha256(content[span.start : span.end]).digest()

    return checksum
