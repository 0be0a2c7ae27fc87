"""Blocks from parts: every byte in its place, whoever is first, and nobody writes afterwards."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dlcore.engine.download.buffers import BufferPool
from dlcore.engine.download.ledger import Ledger
from dlcore.engine.download.split_block_buffer import PartSink, SplitBlockBuffer, SplitBlockBuffers
from dlcore.schedule import Span
from tests.engine.flows import FreeFlow
from tests.schedule.packages import LAW

BLOCK = bytes(range(200))
KEY = ("ABC00001", 0, 7)
FIRST, SECOND = Span(0, 120), Span(120, 200)


def buffer() -> SplitBlockBuffer:
    return SplitBlockBuffer(memoryview(bytearray(256)), len(BLOCK), Ledger().open())


def sink_of(block: SplitBlockBuffer, part: Span) -> PartSink:
    return block.sink(part, FreeFlow())


def fill(sink: PartSink, stride: int = 1000) -> None:
    data = BLOCK[sink.part.start : sink.part.end]
    for at in range(0, len(data), stride):
        some = data[at : at + stride]
        sink.buffer()[: len(some)] = some
        sink.advance(len(some))


@LAW
@given(
    cuts=st.sets(st.integers(1, len(BLOCK) - 1), max_size=6),
    order=st.randoms(use_true_random=False),
    stride=st.integers(1, 80),
)
def test_parts_in_any_order_are_the_block(
    cuts: set[int], order: random.Random, stride: int
) -> None:
    block = buffer()
    parts = [Span(*span) for span in pairwise([0, *sorted(cuts), len(BLOCK)])]
    sinks = [sink_of(block, part) for part in parts]
    order.shuffle(sinks)
    for sink in sinks:
        fill(sink, stride)
        assert block.complete(sink)
    assert bytes(block.data) == BLOCK


def test_who_lost_a_part_writes_nowhere_any_more() -> None:
    block = buffer()
    slow = sink_of(block, FIRST)
    slow.buffer()[:50] = BLOCK[:50]
    slow.advance(50)
    quick = sink_of(block, FIRST)
    fill(quick)
    assert block.complete(quick)
    slow.buffer()[:70] = bytes(70)
    slow.advance(70)
    assert not block.complete(slow)
    assert bytes(block.data[:120]) == BLOCK[:120]


def test_a_part_that_failed_is_fetched_again_into_the_same_block() -> None:
    block = buffer()
    failed, other = sink_of(block, FIRST), sink_of(block, SECOND)
    fill(other)
    block.complete(other)
    block.leave(failed)
    again = sink_of(block, FIRST)
    fill(again)
    failed.buffer()[:] = bytes(120)
    assert block.complete(again)
    assert bytes(block.data) == BLOCK


def test_the_rest_of_a_part_goes_to_another_and_what_is_there_stays() -> None:
    block = buffer()
    stalled = sink_of(block, Span(0, 200))
    stalled.buffer()[:50] = BLOCK[:50]
    stalled.advance(50)
    rest = sink_of(block, Span(50, 200))
    stalled.buffer()[:] = bytes(150)
    fill(rest)
    assert block.complete(rest)
    assert not block.complete(stalled)
    assert bytes(block.data) == BLOCK


def test_a_block_that_is_there_has_no_writers() -> None:
    buffers = SplitBlockBuffers(BufferPool(1000), Ledger())
    block = buffers.open(KEY, 256, len(BLOCK))
    assert block is not None
    late = sink_of(block, FIRST)
    whole = buffers.take(KEY)
    late.buffer()[:] = BLOCK[1:121]
    assert bytes(whole.data) == bytes(len(BLOCK))


def test_all_parts_of_a_block_share_one_buffer() -> None:
    buffers = SplitBlockBuffers(BufferPool(300), Ledger())
    assert buffers.open(KEY, 256, 200) is buffers.open(KEY, 256, 200)
    assert buffers.open(("ABC00001", 0, 8), 256, 200) is None, "no memory is left"


def test_what_nobody_needs_any_more_gives_its_memory_back() -> None:
    pool = BufferPool(600)
    buffers = SplitBlockBuffers(pool, Ledger())
    for block in (7, 8):
        buffers.open(("ABC00001", 0, block), 256, 200)
    buffers.drop(KEY)
    buffers.drop(KEY)
    buffers.forget("ABC00002")
    assert pool.take_now(600) is None
    buffers.forget("ABC00001")
    assert pool.take_now(600) is not None
