"""All ranges under way: begun, received, shortened, superseded, ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dlcore.model import BlockRange
from dlcore.schedule.assignment import Assignment, Strip
from dlcore.schedule.demand import Demand
from dlcore.schedule.flight import Flight
from dlcore.schedule.race import Budget
from dlcore.schedule.source import Source
from dlcore.schedule.strips import OpenBlock


class UnderWay:
    """The ranges between their assignment and their end.

    Args:
        sources: All endpoints by name.
        budget: What races may waste.

    Attributes:
        flights: The ranges by number.
        next_number: Of the next range.
    """

    def __init__(self, sources: Mapping[str, Source], budget: Budget) -> None:
        self.flights: dict[int, Flight] = {}
        self.next_number = 0
        self._sources = sources
        self._budget = budget
        self._superseded: list[int] = []

    def begin(
        self,
        source: Source,
        demand: Demand,
        blocks: BlockRange,
        now_s: float,
        *,
        strip: Strip | None = None,
        race: bool = False,
    ) -> Assignment:
        """A connection fetches these blocks, or this strip of the one block, from now on."""
        number = self.next_number
        self.next_number += 1
        assignment = Assignment(number, demand.package, source.name, blocks, strip, race)
        flight = self.flights[number] = Flight(assignment, demand, now_s)
        source.asked(number, now_s)
        source.light_at_work += flight.is_light
        return assignment

    def received(self, number: int, count_bytes: int, now_s: float) -> None:
        """Bytes of a range arrived."""
        flight = self.flights.get(number)
        if flight is None:
            return
        source = self._sources[flight.assignment.endpoint]
        if flight.received(count_bytes, now_s):
            source.limit.answered(now_s - flight.began_s)
        source.limit.received(count_bytes)
        source.heard(now_s)
        self._count_out(flight)

    def shorten(self, flight: Flight, last_block: int) -> None:
        """Blocks from ``last_block`` on are not needed from a range any more."""
        flight.shorten(last_block)
        self._count_out(flight)

    def supersede(self, numbers: Iterable[int], blocks: BlockRange) -> None:
        """Nobody needs what these ranges have to deliver from the raced block on."""
        for number in numbers:
            flight = self.flights.get(number)
            if flight and not flight.is_superseded:
                flight.is_superseded = True
                self.shorten(flight, blocks.first)
                self._sources[flight.assignment.endpoint].broke_off()
                self._superseded.append(number)

    def keep(self, flight: Flight) -> None:
        """What arrived of a range stays; nobody needs more of it."""
        flight.length_bytes = flight.received_bytes

    def superseded(self) -> tuple[int, ...]:
        """Numbers of ranges whose bytes nobody needs any more; each is told once."""
        numbers, self._superseded = tuple(self._superseded), []
        return numbers

    def keep_start(self, assignment: Assignment, block: int, arrived_bytes: int) -> bool:
        """A range ends within a block: its start stays, and the rest is fetched by strips.

        Returns:
            Whether that is so; not if somebody else fetches or has the block.
        """
        flight = self.flights.get(assignment.number)
        if flight is None:
            return False
        one = BlockRange(assignment.blocks.object, block, block + 1)
        if not flight.demand.break_open(assignment.number, one, assignment.endpoint, arrived_bytes):
            return False
        if flight.is_superseded:
            self.keep(flight)
        return True

    def end(self, assignment: Assignment) -> bool:
        """A range came to its end; what was not done of it is missing again.

        Returns:
            Whether it was under way.
        """
        flight = self.flights.pop(assignment.number, None)
        if flight is None:
            return False
        self._count_out(flight, has_ended=True)
        if not flight.rest_bytes:
            source = self._sources[assignment.endpoint]
            source.longest_bytes = max(source.longest_bytes, flight.length_bytes)
        self._budget.ended(assignment.number, flight.surplus_bytes)
        if assignment.strip is None:
            flight.demand.give_back(assignment.number, assignment.blocks)
        elif opened := open_block(flight.demand, assignment):
            if opened.completed_by == assignment.number:  # and nobody said what became of it
                flight.demand.close(opened)
            opened.failed(
                assignment.strip, assignment.number, flight.received_bytes, assignment.endpoint
            )
        return True

    def _count_out(self, flight: Flight, *, has_ended: bool = False) -> None:
        """A connection is free again as soon as the last byte that it is to deliver is there."""
        if flight.is_at_work and (has_ended or not flight.rest_bytes):
            flight.is_at_work = False
            source = self._sources[flight.assignment.endpoint]
            source.at_work -= 1
            source.light_at_work -= flight.is_light


def open_block(demand: Demand, assignment: Assignment) -> OpenBlock | None:
    """The open block that an assigned strip is of, if it is still open."""
    blocks = assignment.blocks
    return demand.open.get(demand.manifest.block_number(blocks.object, blocks.first))
