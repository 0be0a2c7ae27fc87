"""Plays a sequence in virtual time: the real planner over a simulated shared link.

The link's rate is shared evenly among the ranges under way; each range first waits one round
trip. No clock, no event loop: time jumps from one arrival to the next.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from dlcore.errors import Fault
from dlcore.model import Manifest
from dlcore.schedule import Assignment, Need, Planner, Policy


class Link(NamedTuple):
    """What the simulated network is like.

    Attributes:
        rate_bps: Shared by all connections.
        round_trip_s: Before a range's first byte.
        connections: By endpoint.
        faults: Probability that a range breaks off half-way.
    """

    rate_bps: float
    round_trip_s: float
    connections: dict[str, int]
    faults: float = 0.0


class Played(NamedTuple):
    """What came of it."""

    makespan_s: float
    asked_bytes: int
    content_bytes: int
    faults: int


class _Flight:
    def __init__(self, assignment: Assignment, length_bytes: int, starts_s: float) -> None:
        self.assignment = assignment
        self.left_bytes = float(length_bytes)
        self.starts_s = starts_s


class Simulation:
    """One run of a sequence of steps, each with at most one package of its own."""

    def __init__(
        self, steps: list[tuple[Manifest | None, float]], link: Link, chance: random.Random
    ) -> None:
        self._steps = steps
        self._link = link
        self._chance = chance
        self._now_s = 0.0
        self._planner = Planner(Policy())
        self._flights: dict[tuple[str, int], _Flight | None] = {}
        self._manifests = {str(n): m for n, (m, _) in enumerate(steps) if m}
        self._asked_bytes = 0
        self._faults = 0
        for endpoint, count in link.connections.items():
            self._planner.add_endpoint(endpoint, count)
            self._flights.update({(endpoint, n): None for n in range(count)})
        for package, manifest in self._manifests.items():
            self._planner.want(package, manifest, bytes(manifest.first_blocks[-1]))
            for endpoint in link.connections:
                self._planner.place(package, endpoint, frozenset(range(len(manifest.objects))))
        self._planner.order(list(self._manifests))

    def play(self) -> Played:
        """Run all steps, each behind its gate."""
        for number, (manifest, run_s) in enumerate(self._steps):
            while manifest and not self._planner.is_complete(str(number)):
                assert self._advance(float("inf")), "nothing is under way and nobody waits"
            ends_s = self._now_s + run_s
            while self._now_s < ends_s:
                if not self._advance(ends_s):
                    self._now_s = ends_s
        content_bytes = sum(m.content_bytes for m in self._manifests.values())
        return Played(self._now_s, self._asked_bytes, content_bytes, self._faults)

    def _advance(self, until_s: float) -> bool:
        """Go on to the next event, at most to ``until_s``; False if there is none before."""
        self._assign()
        flights = [flight for flight in self._flights.values() if flight]
        moving = [f for f in flights if f.starts_s <= self._now_s]
        share_bps = self._link.rate_bps / max(1, len(moving))
        events = [self._now_s + f.left_bytes / share_bps for f in moving]
        events += [f.starts_s for f in flights if f.starts_s > self._now_s]
        rests = [self._planner.resume_at_s(endpoint) for endpoint in self._link.connections]
        events += [at_s for at_s in rests if at_s > self._now_s]
        if not events or min(events) > until_s:
            self._carry(moving, share_bps, until_s if events else self._now_s)
            return False
        self._carry(moving, share_bps, min(events))
        for connection, flight in self._flights.items():
            if flight and flight.left_bytes < 0.5:
                self._flights[connection] = None
                self._end(flight.assignment)
        return True

    def _carry(self, moving: list[_Flight], share_bps: float, until_s: float) -> None:
        for flight in moving:
            flight.left_bytes -= share_bps * (until_s - self._now_s)
        self._now_s = until_s

    def _assign(self) -> None:
        for connection, flight in self._flights.items():
            if flight is None:
                assignment = self._planner.next_range(connection[0], self._now_s)
                if assignment:
                    manifest = self._manifests[assignment.package]
                    start, end = manifest.range_span(assignment.blocks)
                    self._asked_bytes += end - start
                    starts_s = self._now_s + self._link.round_trip_s
                    self._flights[connection] = _Flight(assignment, end - start, starts_s)

    def _end(self, assignment: Assignment) -> None:
        blocks = assignment.blocks
        fault = None
        if self._chance.random() < self._link.faults:
            fault = Fault.TRUNCATED
            self._faults += 1
            blocks = blocks._replace(last=(blocks.first + blocks.last) // 2)
        if blocks.first < blocks.last:
            self._planner.blocks_done(assignment, blocks)
        jitter = self._chance.random()
        self._planner.range_ended(assignment, self._now_s, fault=fault, jitter=jitter)


def needs_of(steps: list[tuple[Manifest | None, float]]) -> list[Need]:
    return [Need(manifest.content_bytes if manifest else 0, run_s) for manifest, run_s in steps]
