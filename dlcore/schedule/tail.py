"""Finds the late range that connections should help, and ends those in the way of a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dlcore.schedule.assignment import Assignment, Strip
from dlcore.schedule.flight import FOREVER_S, Flight
from dlcore.schedule.policy import Policy
from dlcore.schedule.race import (
    MAX_RACES,
    MAX_TAKERS,
    SLOW,
    Budget,
    Outlook,
    Prospect,
    Rescue,
    rescue,
)
from dlcore.schedule.rights import Rights
from dlcore.schedule.source import Source
from dlcore.schedule.under_way import UnderWay, open_block

LOOK_S = 0.02  # so often ranges under way are looked at
STALL_ROUND_TRIPS = 4
READ_BYTES = 64 << 10  # under a bandwidth cap, bytes come in reads of about that length
SOON_S = 1.0  # a range in the way of a step may go on if it ends within that time


class Tail:
    """Looks at the ranges under way.

    Attributes:
        cap_bytes_per_s: The bandwidth cap of all endpoints together; 0.0: none.
    """

    def __init__(
        self,
        policy: Policy,
        under_way: UnderWay,
        sources: Mapping[str, Source],
        rights: Rights,
        budget: Budget,
    ) -> None:
        self._policy = policy
        self._under_way = under_way
        self._flights = under_way.flights
        self._sources = sources
        self._rights = rights
        self._budget = budget
        self._looked_s: dict[tuple[str, bool], float] = {}
        self.cap_bytes_per_s = 0.0

    def help(
        self, source: Source, packages: Sequence[str], now_s: float, *, idle: bool
    ) -> Assignment | None:
        """Help the range of these packages that will end last, if that is worth it.

        Args:
            source: Whose connection is free.
            packages: Nothing of them is missing.
            now_s: The time.
            idle: Whether the connection has nothing else to do. Otherwise only ranges that stall,
                or that a step waits for, are helped.
        """
        key = source.name, idle
        if not packages or now_s < self._looked_s.get(key, 0.0) + LOOK_S:
            return None
        prospect = self._prospect(source)
        by_eta = sorted(self._late(source, packages, now_s, idle), key=lambda p: -p[1].eta_s)
        for flight, outlook in by_eta:
            found = rescue(flight, outlook, prospect)
            if found and found.is_called_off:
                self._call_off(found)
            elif found and (not found.is_race or self._budget.allows(found)):
                return self._apply(source, found, now_s)
        self._looked_s[key] = now_s
        return None

    def make_way(self, now_s: float) -> None:
        """Ranges that no step waits for end as soon as they can, unless they end soon anyway."""
        for flight in self._flights.values():
            assignment = flight.assignment
            if (
                not flight.is_at_work
                or assignment.strip
                or assignment.package in self._rights.waiting
            ):
                continue
            outlook = self._outlook(flight, now_s)
            blocks = flight.rest._replace(first=outlook.kept_until(flight))
            if outlook.eta_s > SOON_S and blocks.first < blocks.last:
                flight.demand.give_back(assignment.number, blocks)
                self._under_way.shorten(flight, blocks.first)

    def patience_s(self, source: Source) -> float:
        """Silence of the endpoint for so long is a stall."""
        patience_s = self._policy.stall_s + STALL_ROUND_TRIPS * source.round_trip_s
        cap_bytes_per_s = self.cap_bytes_per_s or source.terms.cap_bytes_per_s
        if cap_bytes_per_s:
            patience_s += STALL_ROUND_TRIPS * READ_BYTES * len(self._flights) / cap_bytes_per_s
        return patience_s

    def _call_off(self, found: Rescue) -> None:
        """The block is somebody else's as soon as the range has ended."""
        flight = found.flight
        flight.demand.races[flight.next_number] += 1
        self._under_way.supersede([flight.assignment.number], found.blocks)

    def _apply(self, source: Source, found: Rescue, now_s: float) -> Assignment:
        flight, blocks, is_race, _, stake_bytes, part_bytes = found
        demand, old, new = flight.demand, flight.assignment, self._under_way.next_number
        opened = open_block(demand, old) if old.strip else None
        strip = old.strip
        if is_race:
            self._budget.began(new, stake_bytes)
            demand.race(new, blocks)
        elif strip and opened:
            arrived_bytes = flight.received_bytes
            strip = opened.take_over(strip, arrived_bytes, old.endpoint, new, part_bytes)
            self._under_way.supersede([old.number], blocks)
            self._under_way.keep(flight)
        else:
            demand.hand_over(old.number, new, blocks)
            self._under_way.shorten(flight, blocks.first)
        return self._under_way.begin(source, demand, blocks, now_s, strip=strip, race=is_race)

    def _late(
        self, source: Source, packages: Sequence[str], now_s: float, idle: bool
    ) -> list[tuple[Flight, Outlook]]:
        """Ranges that the source can help; of those that fetch the same bytes the soonest."""
        soonest: dict[tuple[str, int, Strip | None], tuple[Flight, Outlook]] = {}
        for flight in self._flights.values():
            package = flight.assignment.package
            if not flight.is_at_work or package not in packages:
                continue
            outlook = self._outlook(flight, now_s)
            place = package, flight.next_number, flight.assignment.strip
            other = soonest.get(place)
            if other is None or outlook.eta_s < other[1].eta_s:
                soonest[place] = flight, outlook
        return [
            (flight, outlook)
            for flight, outlook in soonest.values()
            if (idle or self._is_pressing(flight, outlook))
            and self._can_help(source, flight, now_s)
        ]

    def _can_help(self, source: Source, flight: Flight, now_s: float) -> bool:
        demand, strip = flight.demand, flight.assignment.strip
        index, number = flight.rest.object, flight.next_number
        if strip:
            opened = demand.open.get(number)
            is_tried = opened is None or opened.takers[strip] >= MAX_TAKERS
        else:
            is_tried = demand.races[number] >= MAX_RACES
        return (
            not is_tried
            and self._rights.may_serve(source, demand, index, now_s)
            and not self._rights.avoids(source, demand, number)
            and not self._rights.leaves_to_better(source, demand, index, now_s)
        )

    def _is_pressing(self, flight: Flight, outlook: Outlook) -> bool:
        """Whether to help it although the connection has other work: a step waits, or it stalls."""
        if flight.assignment.package in self._rights.waiting:
            return True
        usual_bytes_per_s = self._sources[flight.assignment.endpoint].connection_bytes_per_s or 0.0
        return outlook.eta_s == FOREVER_S or outlook.rate_bytes_per_s < SLOW * usual_bytes_per_s

    def _outlook(self, flight: Flight, now_s: float) -> Outlook:
        source = self._sources[flight.assignment.endpoint]
        usual_bytes_per_s = source.connection_bytes_per_s or 0.0
        eta_s = flight.eta_s(now_s, usual_bytes_per_s, source.round_trip_s, self.patience_s(source))
        return Outlook(
            flight.rate_bytes_per_s(now_s, usual_bytes_per_s), eta_s, source.round_trip_s
        )

    def _prospect(self, source: Source) -> Prospect:
        """Connections that are open and idle, or one to be opened first: a round trip more."""
        idle = source.open - source.at_work
        round_trips = 1 if idle else 2
        return Prospect(
            source.connection_bytes_per_s or 0.0, round_trips * source.round_trip_s, max(1, idle)
        )
