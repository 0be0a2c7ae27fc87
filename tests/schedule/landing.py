"""Where arriving bytes land, simulated: strips in the buffer of their block, blocks on the disk.

Whole blocks are judged, and the planner is told. Strips must lie side by side; no byte may land
twice.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from dlcore.model import BlockRange, Manifest
from dlcore.schedule import Assignment, Planner, Strip


class Landed(NamedTuple):
    """What a range brought until it ended.

    Attributes:
        received_bytes: So much.
        is_broken: It failed.
        is_dismissed: Nobody needed more of it.
    """

    received_bytes: int
    is_broken: bool
    is_dismissed: bool


class Landing:
    """The buffers and the judge.

    Args:
        planner: Is told.
        manifests: Package -> what it consists of.
        bad: Endpoint -> probability that it serves a block wrong, always.

    Attributes:
        lost_bytes: Of ranges that broke, and of bad blocks.
    """

    def __init__(
        self, planner: Planner, manifests: Mapping[str, Manifest], bad: Mapping[str, float]
    ) -> None:
        self.lost_bytes = 0
        self._planner = planner
        self._manifests = manifests
        self._bad = bad
        self._buffers: dict[tuple[str, int], dict[Strip, str]] = {}
        self._taken_over: set[int] = set()

    def land(self, assignment: Assignment, landed: Landed, now_s: float) -> None:
        """A range ends: judge the whole blocks of what arrived."""
        wasted_bytes = self._planner.wasted_bytes
        if assignment.strip:
            self._land_strip(assignment, assignment.strip, landed, now_s)
        else:
            self._land_blocks(assignment, landed, now_s)
            assert wasted_bytes == self._planner.wasted_bytes

    def take_over(self, new: Assignment, others: Iterable[tuple[Assignment, int]]) -> None:
        """A strip begins.

        What arrived of another, whose rest it fetches, stays in its place.

        Args:
            new: The strip's range.
            others: The other ranges under way, and what was received of them.
        """
        strip = new.strip
        if not strip or new.race:
            return
        for old, received_bytes in others:
            is_same_block = (old.package, old.blocks) == (new.package, new.blocks)
            is_theirs = old.strip and old.strip.start <= strip.start < old.strip.end
            if is_same_block and is_theirs and not old.race and old.number not in self._taken_over:
                assert old.strip
                assert strip.start - old.strip.start == received_bytes
                self._taken_over.add(old.number)
                if received_bytes:
                    self._buffer(old)[Strip(old.strip.start, strip.start)] = old.endpoint

    def _land_blocks(self, assignment: Assignment, landed: Landed, now_s: float) -> None:
        blocks = assignment.blocks
        kept_bytes, first_broken = 0, blocks.first
        for block in range(blocks.first, self._planner.last_block(assignment)):
            start, end = self._manifests[assignment.package].block_span(blocks.object, block)
            if kept_bytes + end - start > landed.received_bytes:
                break
            kept_bytes += end - start
            self._judge(assignment, block, {assignment.endpoint}, now_s)
            first_broken += 1
        start_bytes = landed.received_bytes - kept_bytes
        if start_bytes and self._keep_start(assignment, first_broken, start_bytes):
            return
        if landed.is_broken:
            self.lost_bytes += start_bytes

    def _keep_start(self, assignment: Assignment, block: int, start_bytes: int) -> bool:
        if block == assignment.blocks.last:
            return False
        is_kept = self._planner.keep_start(assignment, block, start_bytes)
        if is_kept:
            one = assignment.blocks._replace(first=block, last=block + 1)
            buffer = self._buffer(msgspec.structs.replace(assignment, blocks=one))
            assert not buffer
            buffer[Strip(0, start_bytes)] = assignment.endpoint
        return is_kept

    def _land_strip(
        self, assignment: Assignment, strip: Strip, landed: Landed, now_s: float
    ) -> None:
        if landed.is_dismissed or landed.received_bytes < strip.end - strip.start:
            is_theirs = landed.is_dismissed or assignment.number in self._taken_over
            if landed.received_bytes and not is_theirs:
                kept = Strip(strip.start, strip.start + landed.received_bytes)
                self._buffer(assignment)[kept] = assignment.endpoint
            return
        buffer = self._buffer(assignment)
        if strip in buffer or assignment.number in self._taken_over:
            assert not self._planner.strip_arrived(assignment)
            return
        buffer[strip] = assignment.endpoint
        if self._planner.strip_arrived(assignment):
            at, blocks = 0, assignment.blocks
            for start, end in sorted(buffer):
                assert start == at, "strips lie side by side"
                at = end
            first, last = self._manifests[assignment.package].range_span(blocks)
            assert at == last - first
            servers = set(buffer.values())
            buffer.clear()
            self._judge(assignment, blocks.first, servers, now_s)

    def _buffer(self, assignment: Assignment) -> dict[Strip, str]:
        """The strips of a block that have landed, and whose they are."""
        manifest, blocks = self._manifests[assignment.package], assignment.blocks
        number = manifest.block_number(blocks.object, blocks.first)
        return self._buffers.setdefault((assignment.package, number), {})

    def _judge(
        self, assignment: Assignment, block: int, servers: Iterable[str], now_s: float
    ) -> None:
        index = assignment.blocks.object
        place = assignment.package, index, block
        if any(self._is_bad(place, endpoint) for endpoint in servers):
            start, end = self._manifests[assignment.package].block_span(index, block)
            self.lost_bytes += end - start
            self._planner.block_bad(assignment, block, now_s)
        else:
            self._planner.blocks_done(assignment, BlockRange(index, block, block + 1))

    def _is_bad(self, place: tuple[str, int, int], endpoint: str) -> bool:
        probability = self._bad[endpoint]
        return bool(probability) and random.Random(repr((place, endpoint))).random() < probability
