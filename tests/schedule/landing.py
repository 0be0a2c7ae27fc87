"""Where arriving bytes land, simulated: parts in the buffer of their block, blocks on the disk.

Whole blocks are judged, and the scheduler is told. Parts must lie side by side; no byte may land
twice.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from dlcore.model import BlockExtent, BlockInObject, Manifest, ObjectIndex
from dlcore.schedule import (
    DeadlineScheduler,
    Events,
    Request,
    RequestNumber,
    Span,
    SplitBlockFilled,
    StartKept,
)


class Landed(NamedTuple):
    """What a request brought until it ended.

    Attributes:
        received_bytes: Number of bytes.
        end_block: Where it was to end.
        is_broken: It failed.
        is_cancelled: Nobody needed more of it.
    """

    received_bytes: int
    end_block: BlockInObject
    is_broken: bool
    is_cancelled: bool


class Landing:
    """The buffers and the judge.

    Args:
        scheduler: Is told.
        note: Hears what the scheduler returned.
        manifests: Package -> what it consists of.
        bad: Endpoint -> probability that it serves a block wrong, always.

    Attributes:
        lost_bytes: Of requests that broke, and of bad blocks.
    """

    def __init__(
        self,
        scheduler: DeadlineScheduler,
        note: Callable[[Events], None],
        manifests: Mapping[str, Manifest],
        bad: Mapping[str, float],
    ) -> None:
        self.lost_bytes = 0
        self._scheduler = scheduler
        self._note = note
        self._manifests = manifests
        self._bad = bad
        self._buffers: dict[tuple[str, int], dict[Span, str]] = {}
        self._taken_over: set[RequestNumber] = set()

    def land(self, request: Request, landed: Landed, now_s: float) -> None:
        """A request ends: judge the whole blocks of what arrived."""
        spent_bytes = self._scheduler.spent_bytes
        if request.part:
            self._land_part(request, request.part, landed, now_s)
        else:
            if not landed.is_broken:
                self._note(self._scheduler.arrived(request.number))
            self._land_blocks(request, landed, now_s)
            assert spent_bytes == self._scheduler.spent_bytes

    def take_over(self, new: Request, others: Iterable[tuple[Request, int]]) -> None:
        """A request for a part begins.

        What arrived of another, whose rest it fetches, stays in its place.

        Args:
            new: The request.
            others: The other requests in flight, and what was received of them.
        """
        part = new.part
        if not part or new.is_race:
            return
        for old, received_bytes in others:
            is_same_block = (old.package, old.blocks) == (new.package, new.blocks)
            is_theirs = old.part and old.part.start <= part.start < old.part.end
            if is_same_block and is_theirs and old.number not in self._taken_over:
                assert old.part
                assert part.start - old.part.start == received_bytes
                self._taken_over.add(old.number)
                if received_bytes:
                    self._buffer(old)[Span(old.part.start, part.start)] = old.endpoint

    def _land_blocks(self, request: Request, landed: Landed, now_s: float) -> None:
        blocks = request.blocks
        kept_bytes, first_broken = 0, blocks.first
        for number in range(blocks.first, landed.end_block):
            block = BlockInObject(number)
            start, end = self._manifests[request.package].block_span(blocks.object, block)
            if kept_bytes + end - start > landed.received_bytes:
                break
            kept_bytes += end - start
            self._judge(request, block, {request.endpoint}, now_s)
            first_broken = BlockInObject(block + 1)
        start_bytes = landed.received_bytes - kept_bytes
        if start_bytes and self._keep_start(request, first_broken, start_bytes):
            return
        if landed.is_broken:
            self.lost_bytes += start_bytes

    def _keep_start(self, request: Request, block: BlockInObject, start_bytes: int) -> bool:
        if block == request.blocks.end:
            return False
        events = self._scheduler.start_arrived(request.number, block, start_bytes)
        self._note(events)
        is_kept = StartKept(request.number, block) in events
        if is_kept:
            one = BlockExtent.of(request.blocks.object, block, block + 1)
            buffer = self._buffer(msgspec.structs.replace(request, blocks=one))
            assert not buffer
            buffer[Span(0, start_bytes)] = request.endpoint
        return is_kept

    def _land_part(self, request: Request, part: Span, landed: Landed, now_s: float) -> None:
        is_taken = request.number in self._taken_over
        if landed.is_cancelled or landed.received_bytes < part.length_bytes:
            if landed.received_bytes and not landed.is_cancelled and not is_taken:
                kept = Span(part.start, part.start + landed.received_bytes)
                self._buffer(request)[kept] = request.endpoint
            return
        buffer = self._buffer(request)
        if part in buffer or is_taken:
            assert not self._scheduler.arrived(request.number)
            return
        buffer[part] = request.endpoint
        events = self._scheduler.arrived(request.number)
        self._note(events)
        if SplitBlockFilled(request.number) in events:
            at, blocks = 0, request.blocks
            for start, end in sorted(buffer):
                assert start == at, "parts lie side by side"
                at = end
            start, end = self._manifests[request.package].extent_span(blocks)
            assert at == end - start
            servers = set(buffer.values())
            buffer.clear()
            self._judge(request, blocks.first, servers, now_s)

    def _buffer(self, request: Request) -> dict[Span, str]:
        """The parts of a block that have landed, and where they came from."""
        manifest, blocks = self._manifests[request.package], request.blocks
        number = manifest.block_number(blocks.object, blocks.first)
        return self._buffers.setdefault((request.package, number), {})

    def _judge(
        self, request: Request, block: BlockInObject, servers: Iterable[str], now_s: float
    ) -> None:
        index = request.blocks.object
        if any(self._is_bad(request.package, index, block, endpoint) for endpoint in servers):
            start, end = self._manifests[request.package].block_span(index, block)
            self.lost_bytes += end - start
            self._note(self._scheduler.rejected(request.number, block, now_s))
        else:
            blocks = BlockExtent.of(index, block, block + 1)
            self._note(self._scheduler.verified(request.number, blocks))

    def _is_bad(
        self, package: str, index: ObjectIndex, block: BlockInObject, endpoint: str
    ) -> bool:
        probability = self._bad[endpoint]
        seed = repr(((package, index, block), endpoint))
        return bool(probability) and random.Random(seed).random() < probability
