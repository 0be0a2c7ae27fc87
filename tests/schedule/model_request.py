"""One request in flight, as the model of the scheduler knows it."""

from __future__ import annotations

from collections.abc import Mapping

from dlcore.model import BlockInPackage, Manifest
from dlcore.schedule import Portion, Request, Span


class ModelRequest:
    """A request in flight, as the model knows it.

    Attributes:
        received_bytes: What of it has arrived.
        last: The block before which it is to end.
        is_cancelled: Whether the scheduler said that nobody needs it any more.
        uses_connection: Whether it counts against its endpoint's limit.
    """

    def __init__(self, request: Request, manifest: Manifest) -> None:
        self.request = request
        self.manifest = manifest
        self.received_bytes = 0
        self.end = request.blocks.end
        self.is_cancelled = False
        self.uses_connection = True

    @property
    def length_bytes(self) -> int:
        """What it is to deliver."""
        blocks = self.request.blocks
        if self.request.part:
            return self.request.part.length_bytes
        if self.end <= blocks.first:
            return 0
        start, end = self.manifest.extent_span(blocks._replace(end=self.end))
        return end - start

    @property
    def numbers(self) -> list[BlockInPackage]:
        """The blocks that it is to deliver, or of which it is to deliver a part."""
        blocks = self.request.blocks
        base = self.manifest.first_blocks[blocks.object]
        end = blocks.end if self.request.part else max(blocks.first, self.end)
        return [BlockInPackage(base + block) for block in range(blocks.first, end)]


def overlap(one: tuple[int, Span], other: tuple[int, Span]) -> bool:
    """Whether two claims are of the same bytes."""
    return one[0] == other[0] and one[1].start < other[1].end and other[1].start < one[1].end


def in_portions(arrived: Mapping[Span, str]) -> tuple[Portion, ...]:
    """What arrived of a block, by the endpoints that sent it; neighbours of one are together."""
    portions: list[Portion] = []
    for span, endpoint in sorted(arrived.items()):
        if portions and portions[-1].endpoint == endpoint:
            span = Span(portions.pop().span.start, span.end)
        portions.append(Portion(span, endpoint))
    return tuple(portions)
