"""A plain model of which request fetches which bytes: what the scheduler is compared with."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.stateful import RuleBasedStateMachine

from dlcore.model import BlockExtent, BlockInPackage, Manifest, ObjectIndex
from dlcore.schedule import (
    DeadlineScheduler,
    Request,
    RequestNumber,
    Span,
)
from tests.schedule.model_request import ModelRequest

BLOCK_BYTES = 256 << 10
Block = tuple[str, BlockInPackage]


class BlockModel(RuleBasedStateMachine):
    """What is verified, in flight and held, as any reader would note it down."""

    flights: dict[RequestNumber, ModelRequest]
    verified: set[Block]
    arrived: dict[Block, dict[Span, str]]
    bad: set[Block]
    manifests: dict[str, Manifest]
    held: dict[tuple[str, str], set[ObjectIndex]]
    dropped: set[str]
    quarantined: set[str]
    without_ranges: set[str]
    endpoints: list[str]
    cost: dict[str, int]
    scheduler: DeadlineScheduler
    needed: list[str]
    maybe_needed: list[str]

    def _missing(self, package: str) -> list[BlockInPackage]:
        count = self.manifests[package].first_blocks[-1]
        numbers = [BlockInPackage(number) for number in range(count)]
        return [number for number in numbers if (package, number) not in self.verified]

    def _in_flight(self, package: str) -> bool:
        return any(flight.request.package == package for flight in self.flights.values())

    def _connections(self, endpoint: str) -> int:
        flights = [f for f in self.flights.values() if f.request.endpoint == endpoint]
        return len([flight for flight in flights if flight.uses_connection])

    def _keep_prefixes(self, request: Request, flights: list[ModelRequest]) -> None:
        """What a request had of a part whose rest is another's now stays where it is."""
        if request.is_race or not request.part:
            return
        for flight in flights:
            old = flight.request
            if (old.package, old.blocks) == (request.package, request.blocks) and (
                old.part and old.part.start <= request.part.start < old.part.end
            ):
                assert flight.is_cancelled
                assert request.part.start == old.part.start + flight.received_bytes
                (number,) = flight.numbers
                if flight.received_bytes:
                    prefix = Span(old.part.start, request.part.start)
                    self.arrived.setdefault((old.package, number), {})[prefix] = old.endpoint

    def _keep_broken(self, flight: ModelRequest, part: Span) -> None:
        """What had arrived of a part that broke off stays where it is."""
        (number,) = flight.numbers
        place = flight.request.package, number
        kept = Span(part.start, part.start + flight.received_bytes)
        if part.start < kept.end < part.end and place not in self.verified:
            self.arrived.setdefault(place, {})[kept] = flight.request.endpoint

    def _drop_arrived(self, package: str, blocks: BlockExtent) -> None:
        """What had arrived of a split block is not kept; nobody fetches a part of it."""
        place = package, self.manifests[package].block_number(blocks.object, blocks.first)
        for flight in self.flights.values():
            request = flight.request
            assert flight.is_cancelled or (request.package, request.blocks) != (package, blocks)
        self.arrived.pop(place, None)

    def _claims(self, flight: ModelRequest) -> Iterator[tuple[BlockInPackage, Span]]:
        """The blocks, and the bytes in them, that a request is to deliver and has not yet."""
        for number in flight.numbers:
            start, end = flight.manifest.block_span(*flight.manifest.locate_block(number))
            if (flight.request.package, number) not in self.verified:
                yield number, flight.request.part or Span(0, end - start)

    def _untouched(self, endpoint: str) -> Iterator[Block]:
        """Blocks that the endpoint could serve and nobody has begun."""
        needed = [p for p in self.needed if p in self.manifests]
        is_busy = any(self._missing(package) for package in needed)
        maybe = [] if is_busy else [p for p in self.maybe_needed if p in self.manifests]
        taken = {
            (flight.request.package, number)
            for flight in self.flights.values()
            for number in self._all_numbers(flight)
        }
        for package in [*needed, *maybe]:
            for number in self._missing(package):
                place = package, number
                is_theirs = place in taken or place in self.arrived
                is_left = is_theirs or place in self.bad or self._is_left_to_equals(place)
                if not is_left and self._is_free(endpoint, place):
                    yield place

    def _is_left_to_equals(self, place: Block) -> bool:
        """Whether a block may have to be copied from another: not here."""
        return False

    def _all_numbers(self, flight: ModelRequest) -> list[BlockInPackage]:
        """The blocks of a request, those that it need not deliver any more included."""
        base, blocks = flight.manifest.first_blocks, flight.request.blocks
        return [BlockInPackage(base[blocks.object] + n) for n in range(blocks.first, blocks.end)]

    def _is_free(self, endpoint: str, place: Block) -> bool:
        """Whether nothing but the order keeps the endpoint from serving the block."""
        holders = self._holders(*place)
        holders = holders - self.quarantined or holders
        if endpoint in self.without_ranges and self._sends(endpoint, *place):
            return False
        return endpoint in holders and self.cost[endpoint] == min(self.cost[e] for e in holders)

    def _sends(self, endpoint: str, package: str, number: BlockInPackage) -> bool:
        """Whether a request for the block's object is in flight at the endpoint."""
        index, _ = self.manifests[package].locate_block(number)
        asked = [flight.request for flight in self.flights.values()]
        return any(
            (r.endpoint, r.package, r.blocks.object) == (endpoint, package, index) for r in asked
        )

    def _has_digests(self, request: Request) -> bool:
        objects = self.manifests[request.package].objects
        return bool(objects[request.blocks.object].digests)

    def _holders(self, package: str, number: BlockInPackage) -> set[str]:
        index, _ = self.manifests[package].locate_block(number)
        return {
            endpoint
            for endpoint in self.endpoints
            if endpoint not in self.dropped and index in self.held[package, endpoint]
        }
