"""A planner that cuts every block into strips and moves some of them, without any reason."""

from __future__ import annotations

import random
from collections import deque
from itertools import pairwise

from dlcore.errors import Fault
from dlcore.model import BlockRange, Manifest
from dlcore.schedule import Assignment, Planner, Strip


class OpenBlock:
    """A block that is fetched in strips: which are missing, and which are under way."""

    def __init__(self, base: Assignment, block: BlockRange, strips: list[Strip]) -> None:
        self.base = base
        self.block = block
        self.missing = deque(strips)
        self.flying: dict[int, Strip] = {}
        self.moved: set[Strip] = set()  # from one connection to another; each once


class StripPlanner(Planner):
    """The real planner decides which blocks are fetched from whom; the strips are decided here.

    Its own names must differ from those that `Planner` has for itself.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._dice = random.Random(seed)
        self._last_number = 1_000_000
        self._shapes: dict[str, Manifest] = {}
        self._in_strips: list[OpenBlock] = []
        self._block_of: dict[int, OpenBlock] = {}
        self._blocks_left: dict[
            int, int
        ] = {}  # number of a range of the real planner -> open blocks
        self._losers: list[int] = []

    def want(self, package: str, manifest: Manifest, have: bytes | bytearray) -> None:
        self._shapes[package] = manifest
        super().want(package, manifest, have)

    def next_range(self, endpoint: str, now_s: float) -> Assignment | None:
        if self.dropped(endpoint) or now_s < self.resume_at_s(endpoint):
            return None
        for opened in self._in_strips:
            if opened.missing:
                return self._give_out(endpoint, opened, opened.missing.popleft())
            if len(opened.flying) == 1 and self._dice.random() < 0.3:
                number, strip = next(iter(opened.flying.items()))
                if strip not in opened.moved:
                    opened.moved.add(strip)
                    self._losers.append(number)
                    del opened.flying[number]
                    return self._give_out(endpoint, opened, strip)
        base = super().next_range(endpoint, now_s)
        if base is None:
            return None
        self._blocks_left[base.number] = base.blocks.last - base.blocks.first
        for block in range(base.blocks.first, base.blocks.last):
            self._cut_up(base, BlockRange(base.blocks.object, block, block + 1))
        return self.next_range(endpoint, now_s)

    def last_block(self, assignment: Assignment) -> int:
        return assignment.blocks.last

    def received(self, assignment: Assignment, count_bytes: int, now_s: float) -> None:
        """It decides nothing here."""

    def superseded(self) -> tuple[int, ...]:
        lost, self._losers = tuple(self._losers), []
        return lost

    def strip_arrived(self, assignment: Assignment) -> bool:
        opened = self._block_of[assignment.number]
        del opened.flying[assignment.number]
        return not opened.missing and not opened.flying

    def blocks_done(self, assignment: Assignment, blocks: BlockRange) -> None:
        opened = self._block_of[assignment.number]
        super().blocks_done(opened.base, blocks)
        self._end_block(opened)

    def block_bad(self, assignment: Assignment, block: int, now_s: float) -> str:
        opened = self._block_of[assignment.number]
        culprit = super().block_bad(opened.base, block, now_s)
        self._end_block(opened)
        return culprit

    def range_ended(
        self,
        assignment: Assignment,
        now_s: float,
        *,
        fault: Fault | None = None,
        retry_after_s: float | None = None,
        jitter: float = 0.0,
        dismissed: bool = False,
    ) -> None:
        """Whatever happens to the connection: the weather here is always fair."""
        opened = self._block_of.pop(assignment.number)
        strip = opened.flying.pop(assignment.number, None)
        if strip:
            opened.missing.append(strip)

    def _cut_up(self, base: Assignment, block: BlockRange) -> None:
        start, end = self._shapes[base.package].range_span(block)
        cuts = {self._dice.randrange(end - start) for _ in range(3)} | {0, end - start}
        strips = [Strip(*span) for span in pairwise(sorted(cuts))]
        self._in_strips.append(OpenBlock(base, block, strips))

    def _give_out(self, endpoint: str, opened: OpenBlock, strip: Strip) -> Assignment:
        self._last_number += 1
        opened.flying[self._last_number] = strip
        self._block_of[self._last_number] = opened
        package = opened.base.package
        return Assignment(self._last_number, package, endpoint, opened.block, strip)

    def _end_block(self, opened: OpenBlock) -> None:
        self._in_strips.remove(opened)
        self._blocks_left[opened.base.number] -= 1
        if not self._blocks_left[opened.base.number]:
            super().range_ended(opened.base, 0.0)
