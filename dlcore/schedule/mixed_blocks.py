"""Who is to blame for blocks that came from several endpoints and did not match.

Nobody can tell at first which portion of such a block is wrong. So a checksum of each is kept, with
the endpoint that sent it. When the right bytes of the block are there, their checksums are taken
too: where they differ, the portion was wrong.

Guarantees: whatever was wrong, the endpoints that sent it are named, each once, and no other. No
content is kept, and only the latest blocks are remembered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from dlcore.model import BlockInObject, ObjectIndex
from dlcore.schedule.types import Portion, Span

ChecksumOf: TypeAlias = Callable[[Span], bytes]
"""The checksum of a part of a block; no endpoint can send other bytes that have the same one."""


class RejectedBlock(NamedTuple):
    """A block that did not match.

    Attributes:
        package: Key of the package.
        object: The block's object.
        block: The block's number in the object.
        digest: What it must be: a package may be wanted again later, with other content.
    """

    package: str
    object: ObjectIndex
    block: BlockInObject
    digest: bytes


class Culprit(NamedTuple):
    """An endpoint that sent some of a rejected block wrong.

    Attributes:
        endpoint: Its name.
        wrong_bytes: Length of what it sent and that was wrong: of whole portions.
    """

    endpoint: str
    wrong_bytes: int


class MixedBlocks:
    """Remembers such blocks until it is known who is to blame.

    Args:
        max_blocks: How many; of more, the oldest are forgotten.
    """

    def __init__(self, max_blocks: int) -> None:
        self._max_blocks = max_blocks
        self._checksums: dict[RejectedBlock, list[tuple[Portion, bytes]]] = {}

    def __len__(self) -> int:
        return len(self._checksums)

    def __contains__(self, block: RejectedBlock) -> bool:
        return block in self._checksums

    def rejected(
        self, block: RejectedBlock, portions: Sequence[Portion], checksum_of: ChecksumOf
    ) -> None:
        """A block did not match.

        Args:
            block: The block.
            portions: Who sent which bytes of it.
            checksum_of: Tells checksums of its bytes as they came.
        """
        self._checksums.pop(block, None)
        self._checksums[block] = [(portion, checksum_of(portion.span)) for portion in portions]
        if len(self._checksums) > self._max_blocks:
            del self._checksums[next(iter(self._checksums))]

    def verified(self, block: RejectedBlock, checksum_of: ChecksumOf) -> list[Culprit]:
        """The right bytes of a block are there: it is not remembered any more.

        Args:
            block: The block.
            checksum_of: Tells checksums of its right bytes.

        Returns:
            Who sent some of it wrong; nobody if the block is not remembered.
        """
        wrong_bytes: Counter[str] = Counter()
        for portion, checksum in self._checksums.pop(block, ()):
            if checksum_of(portion.span) != checksum:
                wrong_bytes[portion.endpoint] += portion.span.length_bytes
        return [Culprit(*each) for each in wrong_bytes.items()]
