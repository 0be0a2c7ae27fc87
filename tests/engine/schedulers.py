"""Schedulers for tests: one that decides nothing, one that forwards, and one that plays dice."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import pairwise

from dlcore.errors import Fault
from dlcore.model import BlockExtent, BlockInObject, BlockInPackage, Manifest, ObjectIndex
from dlcore.schedule import (
    Answer,
    BlockRejected,
    Events,
    PackageComplete,
    Request,
    RequestCancelled,
    RequestNumber,
    Scheduler,
    Span,
    SplitBlockFilled,
    Terms,
)
from tests.store.helpers import BLOCK_BYTES

NOTHING = Answer(None, (), lacks_memory=False)


class IdleScheduler(Scheduler):
    """Decides nothing."""

    def want(self, package: str, manifest: Manifest, verified: bytes | bytearray) -> Events:
        return ()

    def forget(self, package: str) -> Events:
        return ()

    def order(
        self,
        needed: Sequence[str],
        maybe_needed: Sequence[str] = (),
        awaited: Container[str] = (),
    ) -> Events:
        return ()

    def set_terms(self, endpoint: str, terms: Terms) -> Events:
        return ()

    def allow(self, endpoint: str, rank: int | None) -> Events:
        return ()

    def set_cap(self, cap_bytes_per_s: float) -> Events:
        return ()

    def located(self, package: str, endpoint: str, objects: frozenset[ObjectIndex]) -> Events:
        return ()

    def lacks_ranges(self, endpoint: str) -> Events:
        return ()

    def retry(self, package: str) -> Events:
        return ()

    def found(self, package: str, blocks: Iterable[BlockInPackage]) -> Events:
        return ()

    def not_copied(self, package: str, blocks: Iterable[BlockInPackage]) -> Events:
        return ()

    def tick(self, now_s: float) -> Events:
        return ()

    def wake_at_s(self, now_s: float) -> float | None:
        return None

    def next_request(self, endpoint: str, now_s: float, free_bytes: int) -> Answer:
        return NOTHING

    def received(self, number: RequestNumber, count_bytes: int, now_s: float) -> Events:
        return ()

    def arrived(self, number: RequestNumber) -> Events:
        return ()

    def start_arrived(
        self, number: RequestNumber, block: BlockInObject, arrived_bytes: int
    ) -> Events:
        return ()

    def verified(self, number: RequestNumber, blocks: BlockExtent) -> Events:
        return ()

    def rejected(self, number: RequestNumber, block: BlockInObject, now_s: float) -> Events:
        return ()

    def culprit_found(
        self, package: str, index: ObjectIndex, endpoint: str, now_s: float
    ) -> Events:
        return ()

    def object_rejected(self, number: RequestNumber, now_s: float) -> Events:
        return ()

    def finished(self, number: RequestNumber, now_s: float) -> Events:
        return ()

    def failed(
        self,
        number: RequestNumber,
        now_s: float,
        fault: Fault,
        *,
        retry_after_s: float | None = None,
        jitter: float = 0.0,
    ) -> Events:
        return ()

    def cancelled(self, number: RequestNumber, now_s: float) -> Events:
        return ()


class ForwardingScheduler(Scheduler):
    """Asks another."""

    def __init__(self, inner: Scheduler) -> None:
        self.inner = inner

    def want(self, package: str, manifest: Manifest, verified: bytes | bytearray) -> Events:
        return self.inner.want(package, manifest, verified)

    def forget(self, package: str) -> Events:
        return self.inner.forget(package)

    def order(
        self,
        needed: Sequence[str],
        maybe_needed: Sequence[str] = (),
        awaited: Container[str] = (),
    ) -> Events:
        return self.inner.order(needed, maybe_needed, awaited)

    def set_terms(self, endpoint: str, terms: Terms) -> Events:
        return self.inner.set_terms(endpoint, terms)

    def allow(self, endpoint: str, rank: int | None) -> Events:
        return self.inner.allow(endpoint, rank)

    def set_cap(self, cap_bytes_per_s: float) -> Events:
        return self.inner.set_cap(cap_bytes_per_s)

    def located(self, package: str, endpoint: str, objects: frozenset[ObjectIndex]) -> Events:
        return self.inner.located(package, endpoint, objects)

    def lacks_ranges(self, endpoint: str) -> Events:
        return self.inner.lacks_ranges(endpoint)

    def retry(self, package: str) -> Events:
        return self.inner.retry(package)

    def found(self, package: str, blocks: Iterable[BlockInPackage]) -> Events:
        return self.inner.found(package, blocks)

    def not_copied(self, package: str, blocks: Iterable[BlockInPackage]) -> Events:
        return self.inner.not_copied(package, blocks)

    def tick(self, now_s: float) -> Events:
        return self.inner.tick(now_s)

    def wake_at_s(self, now_s: float) -> float | None:
        return self.inner.wake_at_s(now_s)

    def next_request(self, endpoint: str, now_s: float, free_bytes: int) -> Answer:
        return self.inner.next_request(endpoint, now_s, free_bytes)

    def received(self, number: RequestNumber, count_bytes: int, now_s: float) -> Events:
        return self.inner.received(number, count_bytes, now_s)

    def arrived(self, number: RequestNumber) -> Events:
        return self.inner.arrived(number)

    def start_arrived(
        self, number: RequestNumber, block: BlockInObject, arrived_bytes: int
    ) -> Events:
        return self.inner.start_arrived(number, block, arrived_bytes)

    def verified(self, number: RequestNumber, blocks: BlockExtent) -> Events:
        return self.inner.verified(number, blocks)

    def rejected(self, number: RequestNumber, block: BlockInObject, now_s: float) -> Events:
        return self.inner.rejected(number, block, now_s)

    def culprit_found(
        self, package: str, index: ObjectIndex, endpoint: str, now_s: float
    ) -> Events:
        return self.inner.culprit_found(package, index, endpoint, now_s)

    def object_rejected(self, number: RequestNumber, now_s: float) -> Events:
        return self.inner.object_rejected(number, now_s)

    def finished(self, number: RequestNumber, now_s: float) -> Events:
        return self.inner.finished(number, now_s)

    def failed(
        self,
        number: RequestNumber,
        now_s: float,
        fault: Fault,
        *,
        retry_after_s: float | None = None,
        jitter: float = 0.0,
    ) -> Events:
        return self.inner.failed(number, now_s, fault, retry_after_s=retry_after_s, jitter=jitter)

    def cancelled(self, number: RequestNumber, now_s: float) -> Events:
        return self.inner.cancelled(number, now_s)


class Dealt:
    """A block that is fetched in parts: which are missing, and which are in flight."""

    def __init__(self, package: str, blocks: BlockExtent, parts: list[Span]) -> None:
        self.package = package
        self.blocks = blocks
        self.length_bytes = parts[-1].end
        self.missing = deque(parts)
        self.in_flight: dict[RequestNumber, Span] = {}
        self.moved: set[Span] = set()  # from one connection to another; each once
        self.has_buffer = False


class DiceScheduler(IdleScheduler):
    """Cuts every block into parts and moves some of them, without any reason.

    Every endpoint holds everything, and failures mean nothing: the weather here is always fair.
    """

    def __init__(self, seed: int, endpoints: Mapping[str, Terms]) -> None:
        self._dice = random.Random(seed)
        self._limits = {name: terms.max_connections for name, terms in endpoints.items()}
        self._in_use = Counter[str]()
        self._waiting: deque[Dealt] = deque()
        self._open: list[Dealt] = []
        self._left = Counter[str]()  # blocks of each package that are not verified
        self._in_flight = Counter[str]()
        self._dealt: dict[RequestNumber, tuple[Dealt, str]] = {}
        self._holding: set[RequestNumber] = set()  # requests that use a connection
        self._last_number = 0

    def want(self, package: str, manifest: Manifest, verified: bytes | bytearray) -> Events:
        for number, there in enumerate(verified):
            if not there:
                index, block = manifest.locate_block(BlockInPackage(number))
                blocks = BlockExtent.of(index, block, block + 1)
                start, end = manifest.extent_span(blocks)
                self._waiting.append(self._cut_up(package, blocks, end - start))
                self._left[package] += 1
        return self._end_of(package)

    def next_request(self, endpoint: str, now_s: float, free_bytes: int) -> Answer:
        in_use, limit = self._in_use[endpoint], self._limits[endpoint]
        is_short = free_bytes < BLOCK_BYTES
        if in_use > limit or (in_use == limit and not is_short):
            return NOTHING
        for dealt in self._open:
            if dealt.missing:
                return self._give_out(endpoint, dealt, dealt.missing.popleft(), ())
            if len(dealt.in_flight) == 1 and self._dice.random() < 0.3:
                number, part = next(iter(dealt.in_flight.items()))
                if part not in dealt.moved:
                    dealt.moved.add(part)
                    del dealt.in_flight[number]
                    self._free(number)
                    return self._give_out(endpoint, dealt, part, (RequestCancelled(number),))
        if is_short or not self._waiting:
            return Answer(None, (), lacks_memory=is_short)
        dealt = self._waiting.popleft()
        self._open.append(dealt)
        return self._give_out(endpoint, dealt, dealt.missing.popleft(), ())

    def arrived(self, number: RequestNumber) -> Events:
        self._free(number)
        dealt, _ = self._dealt[number]
        if dealt.in_flight.pop(number, None) is None or dealt.missing or dealt.in_flight:
            return ()
        return (SplitBlockFilled(number),)

    def verified(self, number: RequestNumber, blocks: BlockExtent) -> Events:
        dealt, _ = self._dealt[number]
        self._open.remove(dealt)
        self._left[dealt.package] -= 1
        return ()

    def rejected(self, number: RequestNumber, block: BlockInObject, now_s: float) -> Events:
        dealt, endpoint = self._dealt[number]
        self._open.remove(dealt)
        self._waiting.append(self._cut_up(dealt.package, dealt.blocks, dealt.length_bytes))
        return (BlockRejected(dealt.package, dealt.blocks.object, block, endpoint),)

    def finished(self, number: RequestNumber, now_s: float) -> Events:
        return self._end(number)

    def failed(
        self,
        number: RequestNumber,
        now_s: float,
        fault: Fault,
        *,
        retry_after_s: float | None = None,
        jitter: float = 0.0,
    ) -> Events:
        return self._end(number)

    def cancelled(self, number: RequestNumber, now_s: float) -> Events:
        return self._end(number)

    def _cut_up(self, package: str, blocks: BlockExtent, length_bytes: int) -> Dealt:
        cuts = {self._dice.randrange(length_bytes) for _ in range(3)} | {0, length_bytes}
        return Dealt(package, blocks, [Span(*ends) for ends in pairwise(sorted(cuts))])

    def _give_out(self, endpoint: str, dealt: Dealt, part: Span, events: Events) -> Answer:
        self._last_number += 1
        number = RequestNumber(self._last_number)
        dealt.in_flight[number] = part
        self._dealt[number] = dealt, endpoint
        self._holding.add(number)
        self._in_use[endpoint] += 1
        self._in_flight[dealt.package] += 1
        buffer_bytes = 0 if dealt.has_buffer else BLOCK_BYTES
        dealt.has_buffer = True
        request = Request(
            number, dealt.package, endpoint, dealt.blocks, part, buffer_bytes=buffer_bytes
        )
        return Answer(request, events, lacks_memory=False)

    def _free(self, number: RequestNumber) -> None:
        if number in self._holding:
            self._holding.remove(number)
            self._in_use[self._dealt[number][1]] -= 1

    def _end(self, number: RequestNumber) -> Events:
        self._free(number)
        dealt, _ = self._dealt.pop(number)
        part = dealt.in_flight.pop(number, None)
        if part:
            dealt.missing.append(part)
        self._in_flight[dealt.package] -= 1
        return self._end_of(dealt.package)

    def _end_of(self, package: str) -> Events:
        is_complete = not (self._left[package] or self._in_flight[package])
        return (PackageComplete(package),) if is_complete else ()
