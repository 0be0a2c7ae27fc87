"""Blocks from strips: every byte in its place, whoever is first, and nobody writes afterwards."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dlcore.engine.download.assembly import Assemblies, Assembly, StripSink
from dlcore.engine.download.buffers import BufferPool
from dlcore.schedule import Strip
from tests.engine.flows import FreeFlow
from tests.schedule.packages import LAW

BLOCK = bytes(range(200))
KEY = ("ABC00001", 0, 7)
FIRST, SECOND = Strip(0, 120), Strip(120, 200)


def assembly() -> Assembly:
    return Assembly(memoryview(bytearray(256)), len(BLOCK))


def sink_of(block: Assembly, strip: Strip) -> StripSink:
    return block.sink(strip, FreeFlow())


def fill(sink: StripSink, stride: int = 1000) -> None:
    data = BLOCK[sink.strip.start : sink.strip.end]
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
def test_strips_in_any_order_are_the_block(
    cuts: set[int], order: random.Random, stride: int
) -> None:
    block = assembly()
    strips = [Strip(*span) for span in pairwise([0, *sorted(cuts), len(BLOCK)])]
    sinks = [sink_of(block, strip) for strip in strips]
    order.shuffle(sinks)
    for sink in sinks:
        fill(sink, stride)
        assert block.take(sink)
    assert bytes(block.data) == BLOCK


def test_who_lost_a_strip_writes_nowhere_any_more() -> None:
    block = assembly()
    slow = sink_of(block, FIRST)
    slow.buffer()[:50] = BLOCK[:50]
    slow.advance(50)
    quick = sink_of(block, FIRST)
    fill(quick)
    assert block.take(quick)
    slow.buffer()[:70] = bytes(70)
    slow.advance(70)
    assert not block.take(slow)
    assert bytes(block.data[:120]) == BLOCK[:120]


def test_a_strip_that_failed_is_fetched_again_into_the_same_block() -> None:
    block = assembly()
    failed, other = sink_of(block, FIRST), sink_of(block, SECOND)
    fill(other)
    block.take(other)
    block.leave(failed)
    again = sink_of(block, FIRST)
    fill(again)
    failed.buffer()[:] = bytes(120)
    assert block.take(again)
    assert bytes(block.data) == BLOCK


def test_the_rest_of_a_strip_goes_to_another_and_what_is_there_stays() -> None:
    block = assembly()
    stalled = sink_of(block, Strip(0, 200))
    stalled.buffer()[:50] = BLOCK[:50]
    stalled.advance(50)
    rest = sink_of(block, Strip(50, 200))
    stalled.buffer()[:] = bytes(150)
    fill(rest)
    assert block.take(rest)
    assert not block.take(stalled)
    assert bytes(block.data) == BLOCK


def test_a_block_that_is_there_has_no_writers() -> None:
    assemblies = Assemblies(BufferPool(1000))
    block = assemblies.open(KEY, 256, len(BLOCK))
    assert block is not None
    late = sink_of(block, FIRST)
    whole = assemblies.take(KEY)
    late.buffer()[:] = BLOCK[1:121]
    assert bytes(whole.data) == bytes(len(BLOCK))


def test_all_strips_of_a_block_share_one_buffer() -> None:
    assemblies = Assemblies(BufferPool(300))
    assert assemblies.open(KEY, 256, 200) is assemblies.open(KEY, 256, 200)
    assert assemblies.open(("ABC00001", 0, 8), 256, 200) is None, "no memory is left"


def test_what_nobody_needs_any_more_gives_its_memory_back() -> None:
    pool = BufferPool(600)
    assemblies = Assemblies(pool)
    for block in (7, 8):
        assemblies.open(("ABC00001", 0, block), 256, 200)
    assemblies.drop(KEY)
    assemblies.drop(KEY)
    assemblies.forget("ABC00002")
    assert pool.take_now(600) is None
    assemblies.forget("ABC00001")
    assert pool.take_now(600) is not None
