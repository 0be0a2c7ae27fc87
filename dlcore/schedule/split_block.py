"""A block that several requests fetch together, part by part, into one shared buffer.

The parts of a block come from one endpoint while that endpoint is in use, so that it is clear at
once who is to blame. Else the block knows which portion came from whom (`mixed_blocks`). What
arrived of a part that is late or broke off stays; its rest is divided among other requests, or
asked for again.
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby, pairwise
from operator import attrgetter

from dlcore.model import BlockExtent, BlockInPackage
from dlcore.schedule.types import Portion, RequestNumber, Span


class SplitBlock:
    """The parts of one block: not asked for, in flight, or arrived.

    Args:
        block: Its number in the package.
        blocks: The block as an extent of one, for requests.
        length_bytes: Length of the block.
        endpoint: The endpoint that serves it.
        arrived_bytes: Length of its start that is in the buffer already, from that endpoint.
    """

    def __init__(
        self,
        block: BlockInPackage,
        blocks: BlockExtent,
        length_bytes: int,
        endpoint: str,
        arrived_bytes: int = 0,
    ) -> None:
        self.block = block
        self.blocks = blocks
        self._length_bytes = length_bytes
        self._endpoint = endpoint
        self._arrived_bytes = arrived_bytes
        self._unasked = [Span(arrived_bytes, length_bytes)]  # the next one is the last
        self._in_flight: dict[Span, RequestNumber] = {}
        self._takeovers: Counter[Span] = Counter()
        start = Portion(Span(0, arrived_bytes), endpoint)
        self._kept = [start] if arrived_bytes else list[Portion]()
        self._filled_by: RequestNumber | None = None

    @property
    def endpoint(self) -> str:
        """The endpoint that was last asked for a part."""
        return self._endpoint

    @property
    def served_by(self) -> frozenset[str]:
        """The endpoints whose bytes are in the buffer."""
        return frozenset(portion.endpoint for portion in self._kept)

    @property
    def portions(self) -> tuple[Portion, ...]:
        """Who sent which bytes of a whole block, in order; no two neighbours are one endpoint's."""
        stretches = groupby(sorted(self._kept), key=attrgetter("endpoint"))
        spans = [(endpoint, [portion.span for portion in each]) for endpoint, each in stretches]
        return tuple(Portion(Span(s[0].start, s[-1].end), endpoint) for endpoint, s in spans)

    @property
    def filled_by(self) -> RequestNumber | None:
        """The request that brought the last missing part; None before."""
        return self._filled_by

    @property
    def has_unasked(self) -> bool:
        """Whether some of it has not been asked for."""
        return bool(self._unasked)

    @property
    def is_whole(self) -> bool:
        """Whether every byte is in the buffer."""
        return self._arrived_bytes == self._length_bytes

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing happens to it until its next part is asked for."""
        return not self._in_flight and not self.is_whole

    @property
    def in_flight(self) -> frozenset[RequestNumber]:
        """The requests that fetch parts of it."""
        return frozenset(self._in_flight.values())

    def takeovers(self, part: Span) -> int:
        """How often the part, or a part that contained it, was given to another request."""
        return self._takeovers[part]

    def cut(self, max_bytes: int, request: RequestNumber, endpoint: str) -> Span:
        """Give the next part to a request of an endpoint.

        A remainder of less than a quarter of ``max_bytes`` is not worth a request of its own and
        stays with the part.
        """
        start, end = self._unasked.pop()
        is_nearly_all = end - start < max_bytes * 5 // 4
        part = Span(start, end if is_nearly_all else start + max_bytes)
        if part.end < end:
            self._unasked.append(Span(part.end, end))
        self._in_flight[part] = request
        self._endpoint = endpoint
        return part

    def take_over(
        self, part: Span, arrived_bytes: int, endpoint: str, new: RequestNumber, max_bytes: int
    ) -> Span:
        """Divide the rest of a part that is in flight; what arrived of it stays.

        Args:
            part: The part; nobody needs more of it from the request that fetched it.
            arrived_bytes: Length of its start that is in the buffer.
            endpoint: Where these bytes came from.
            new: The request that fetches the beginning of the rest.
            max_bytes: Length up to which the rest is one part.

        Returns:
            The part of the new request.
        """
        rest = self._keep(part, arrived_bytes, endpoint)
        parts = _divided(rest, max_bytes)
        self._takeovers.update(dict.fromkeys(parts, self._takeovers[part] + 1))
        self._in_flight[parts[0]] = new
        self._unasked += reversed(parts[1:])
        return parts[0]

    def arrived(self, part: Span, request: RequestNumber, endpoint: str) -> bool:
        """All bytes of a part are in the buffer; whether they count.

        They do not if the part was given to another request.
        """
        if self._in_flight.get(part) != request:
            return False
        self._keep(part, part.length_bytes, endpoint)
        if self.is_whole:
            self._filled_by = request
        return True

    def broke_off(
        self, part: Span, request: RequestNumber, arrived_bytes: int, endpoint: str
    ) -> None:
        """A request ended without completing its part; the rest is to be asked for again.

        A request that failed although all bytes came is not trusted: none of them counts.
        """
        if self._in_flight.get(part) == request:
            is_all = arrived_bytes >= part.length_bytes
            self._unasked.append(self._keep(part, 0 if is_all else arrived_bytes, endpoint))

    def _keep(self, part: Span, arrived_bytes: int, endpoint: str) -> Span:
        """A part is not in flight any more; returns what is missing of it."""
        del self._in_flight[part]
        if arrived_bytes:
            self._arrived_bytes += arrived_bytes
            self._kept.append(Portion(Span(part.start, part.start + arrived_bytes), endpoint))
        return Span(part.start + arrived_bytes, part.end)


def _divided(span: Span, max_bytes: int) -> list[Span]:
    """As few parts as possible, of nearly the same length."""
    count = max(1, -(-span.length_bytes // max_bytes))
    cuts = [span.start + span.length_bytes * part // count for part in range(count + 1)]
    return [Span(*ends) for ends in pairwise(cuts)]
