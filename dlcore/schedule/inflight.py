"""The requests in flight: what arrived of each, and when the rest will have arrived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection

from dlcore.model import BlockExtent, BlockInObject, BlockInPackage, ObjectIndex
from dlcore.schedule.block_map import BlockMap
from dlcore.schedule.endpoint import Endpoint
from dlcore.schedule.policy import Policy
from dlcore.schedule.split_block import SplitBlock
from dlcore.schedule.types import (
    Event,
    Request,
    RequestCancelled,
    RequestNumber,
    RequestShortened,
    Span,
)

FOREVER_S = float("inf")


class InFlight:
    """One request between its beginning and its end.

    Args:
        request: What was asked for.
        block_map: The package's blocks.
        endpoint: The endpoint that serves it.
        now_s: When it was asked for.
    """

    def __init__(
        self, request: Request, block_map: BlockMap, endpoint: Endpoint, now_s: float
    ) -> None:
        self.request = request
        self.block_map = block_map
        self.endpoint = endpoint
        self._end_block = request.blocks.end
        self._length_bytes = (
            request.part.length_bytes if request.part else self._bytes_before(self._end_block)
        )
        self._received_bytes = 0
        self._began_s = self._latest_s = now_s
        self._first_s: float | None = None
        self._is_delivering = self._uses_connection = True
        self._is_cancelled = False
        self._has_rejected_block = False

    @property
    def is_delivering(self) -> bool:
        """Whether its connection still has bytes to deliver."""
        return self._is_delivering

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody needs more of it."""
        return self._is_cancelled

    @property
    def is_sound(self) -> bool:
        """Whether none of its blocks was rejected."""
        return not self._has_rejected_block

    @property
    def is_small(self) -> bool:
        """Whether it is for a small object."""
        return self.block_map.is_small(self.request.blocks.object)

    @property
    def heard_s(self) -> float:
        """When its last byte came; when it was asked for if none has."""
        return self._latest_s

    @property
    def received_bytes(self) -> int:
        """What has arrived."""
        return self._received_bytes

    @property
    def length_bytes(self) -> int:
        """What it has to deliver in all."""
        return self._length_bytes

    @property
    def left_bytes(self) -> int:
        """What has still to arrive."""
        return max(0, self._length_bytes - self._received_bytes)

    @property
    def surplus_bytes(self) -> int:
        """What arrived and is not needed."""
        return max(0, self._received_bytes - self._length_bytes)

    @property
    def left(self) -> BlockExtent:
        """The blocks that have not arrived whole."""
        blocks = self.request.blocks
        if self.request.part:
            return blocks._replace(end=self._end_block)
        whole = self._received_bytes // self.block_map.manifest.block_bytes
        first = BlockInObject(min(blocks.first + whole, self._end_block))
        return BlockExtent(blocks.object, first, self._end_block)

    @property
    def next_block(self) -> BlockInPackage:
        """The first block that has not arrived whole."""
        left = self.left
        return self.block_map.manifest.block_number(left.object, left.first)

    @property
    def split_block(self) -> SplitBlock | None:
        """The block that it fetches a part of; None if it is for whole blocks, or not split now."""
        return self.block_map.split_block(self.request.blocks) if self.request.part else None

    def rate_bytes_per_s(self, now_s: float, policy: Policy) -> float:
        """Its own rate, as far as that can be told, else the usual one of its endpoint."""
        usual_bytes_per_s = self.endpoint.connection_bytes_per_s or 0.0
        prior_s = policy.rate_prior_s
        flowing_s = now_s - (now_s if self._first_s is None else self._first_s)
        return (self._received_bytes + usual_bytes_per_s * prior_s) / (flowing_s + prior_s)

    def eta_s(self, now_s: float, stall_s: float, policy: Policy) -> float:
        """Seconds until the rest will have arrived; 0.0 while that cannot be told.

        Args:
            now_s: The time.
            stall_s: Without a byte for this time, the rest will never arrive.
            policy: The room's constants.
        """
        if now_s - self._latest_s > stall_s:
            return FOREVER_S
        rate_bytes_per_s = self.rate_bytes_per_s(now_s, policy)
        if not rate_bytes_per_s:
            return self._silence_s(now_s)
        return self._silence_s(now_s) + self.left_bytes / rate_bytes_per_s

    # What happens to it

    def received(self, count_bytes: int, now_s: float) -> None:
        """Bytes arrived."""
        if self._first_s is None:
            self._first_s = now_s
            self.endpoint.answered(self.request.number, now_s - self._began_s)
        self._received_bytes += count_bytes
        self._latest_s = now_s
        self.endpoint.received(count_bytes, now_s)
        self._note_delivery()

    def shorten(self, end_block: BlockInObject) -> None:
        """Blocks from ``end_block`` on are not needed from it."""
        self._end_block = end_block
        self._length_bytes = self._bytes_before(end_block)
        self._note_delivery()

    def cancel(self, first_unneeded: BlockInObject) -> None:
        """Nobody needs what it has to deliver from that block on."""
        self._is_cancelled = True
        self.shorten(first_unneeded)
        self.endpoint.connection_closed()
        self.free_connection()

    def free_connection(self) -> None:
        """Its connection can take the next request, or is closed."""
        if self._uses_connection:
            self._uses_connection = False
            self.endpoint.connection_freed()

    def keep_arrived(self) -> None:
        """What has arrived stays, so it is not a surplus; nothing more is needed."""
        self._length_bytes = self._received_bytes

    def rejected(self) -> None:
        """A block that it completed did not match its digest."""
        self._has_rejected_block = True

    def end(self) -> None:
        """Nothing more comes of it."""
        self._note_delivery(has_ended=True)
        self.free_connection()
        if not self.left_bytes:
            self.endpoint.arrived_whole(self._length_bytes)

    def _note_delivery(self, *, has_ended: bool = False) -> None:
        """It has delivered when the last byte that is wanted of it has arrived."""
        if self._is_delivering and (has_ended or not self.left_bytes):
            self._is_delivering = False
            self.endpoint.delivered(is_small=self.is_small)

    def _silence_s(self, now_s: float) -> float:
        """Seconds until more bytes come: after a silence, probably as long again."""
        round_trip_s = self.endpoint.round_trip_s
        due_s = self._latest_s + (round_trip_s if self._first_s is None else 0.0)
        silent_s = now_s - due_s
        return silent_s if silent_s > round_trip_s else max(0.0, -silent_s)

    def _bytes_before(self, end_block: BlockInObject) -> int:
        blocks = self.request.blocks
        if end_block <= blocks.first:
            return 0
        start, end = self.block_map.manifest.extent_span(blocks._replace(end=end_block))
        return end - start


class InFlightTable:
    """All requests in flight.

    Args:
        tell: Hears of requests that were cancelled or shortened.
    """

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell
        self._items: dict[RequestNumber, InFlight] = {}
        self._by_package: Counter[str] = Counter()
        self._by_object: Counter[tuple[str, str, ObjectIndex]] = Counter()
        self._next_number = RequestNumber(0)

    @property
    def items(self) -> Collection[InFlight]:
        """The requests, oldest first."""
        return self._items.values()

    @property
    def next_number(self) -> RequestNumber:
        """The number of the next request."""
        return self._next_number

    def get(self, number: RequestNumber) -> InFlight | None:
        """The request of that number; None if it has ended."""
        return self._items.get(number)

    def count(self, package: str) -> int:
        """Number of a package's requests."""
        return self._by_package[package]

    def is_sent(self, endpoint: str, package: str, index: ObjectIndex) -> bool:
        """Whether a request for an object is in flight at an endpoint."""
        return self._by_object[endpoint, package, index] > 0

    def deliverers(self, package: str, index: ObjectIndex) -> set[str]:
        """The endpoints that have delivered bytes of an object by requests in flight."""
        return {
            item.request.endpoint
            for item in self._items.values()
            if item.request.package == package
            and item.request.blocks.object == index
            and item.received_bytes
        }

    def begin(
        self,
        endpoint: Endpoint,
        block_map: BlockMap,
        blocks: BlockExtent,
        now_s: float,
        *,
        part: Span | None = None,
        is_race: bool = False,
        buffer_bytes: int = 0,
    ) -> Request:
        """An endpoint is asked for these blocks, or for this part of the one block."""
        number = self._next_number
        self._next_number = RequestNumber(number + 1)
        package = block_map.package
        request = Request(
            number=number,
            package=package,
            endpoint=endpoint.name,
            blocks=blocks,
            part=part,
            is_race=is_race,
            buffer_bytes=buffer_bytes,
            from_beginning=not endpoint.sends_ranges,
        )
        item = self._items[number] = InFlight(request, block_map, endpoint, now_s)
        self._by_package[package] += 1
        self._by_object[_sent(request)] += 1
        endpoint.began(number, now_s, is_small=item.is_small)
        return request

    def shorten(self, item: InFlight, end_block: BlockInObject) -> None:
        """Another request fetches the blocks from ``end_block`` on."""
        item.shorten(end_block)
        self._tell(RequestShortened(item.request.number, end_block))

    def cancel(self, number: RequestNumber, first_unneeded: BlockInObject) -> None:
        """Nobody needs what a request has to deliver from that block on."""
        item = self._items.get(number)
        if item and not item.is_cancelled:
            item.cancel(first_unneeded)
            self._tell(RequestCancelled(number))

    def end(self, number: RequestNumber) -> InFlight | None:
        """A request came to its end: what was not verified of it is missing again.

        Returns:
            The request; None if it had ended before.
        """
        item = self._items.pop(number, None)
        if item is None:
            return None
        request = item.request
        self._by_package[request.package] -= 1
        if not self._by_package[request.package]:
            del self._by_package[request.package]
        self._by_object[_sent(request)] -= 1
        if not self._by_object[_sent(request)]:
            del self._by_object[_sent(request)]
        item.end()
        if request.part is None:
            item.block_map.give_back(number, request.blocks)
        elif split := item.split_block:
            if split.filled_by == number:  # and there was no verdict
                item.block_map.abandon(split)
            else:
                split.broke_off(request.part, number, item.received_bytes, request.endpoint)
        return item


def _sent(request: Request) -> tuple[str, str, ObjectIndex]:
    return request.endpoint, request.package, request.blocks.object
