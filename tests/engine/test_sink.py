"""However bytes come in, exactly the blocks go out, through pooled buffers."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.engine.download.buffers import BufferPool
from dlcore.engine.download.sink import BlockSink, BufferPolicy, ShortenedError
from dlcore.errors import StorageError
from dlcore.model import BlockExtent, BlockInObject, Manifest, Object
from tests.engine.flows import FreeFlow
from tests.engine.virtual_time import DeadlockError, virtually
from tests.schedule.packages import LAW

BLOCK_BYTES = 8
BUFFER_BYTES = 24  # three blocks
BLOCKS = 11
POLICY = BufferPolicy(max_bytes=BUFFER_BYTES, min_count=1)
CONTENT = bytes(range(BLOCKS * BLOCK_BYTES - 5))
MANIFEST = Manifest(1, "ABC00001", 1, BLOCK_BYTES, (Object("x", len(CONTENT)),), ())
EVERYTHING = BlockExtent.of(0, 0, BLOCKS)


class Verifier:
    """Takes note of what it is given, some virtual seconds later."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.got: dict[BlockExtent, bytes] = {}
        self.at_work = 0
        self.max_at_work = 0

    async def __call__(self, extent: BlockExtent, data: memoryview) -> None:
        self.at_work += 1
        self.max_at_work = max(self.max_at_work, self.at_work)
        before = bytes(data)
        await asyncio.sleep(self.seconds)
        assert bytes(data) == before, "the buffer was reused too early"
        self.got[extent] = before
        self.at_work -= 1

    @property
    def content(self) -> dict[int, bytes]:
        """Bytes by block."""
        return {
            extent.first + at: data[at * BLOCK_BYTES : (at + 1) * BLOCK_BYTES]
            for extent, data in self.got.items()
            for at in range(extent.end - extent.first)
        }


def pool(buffers: int = 2) -> BufferPool:
    return BufferPool(buffers * BUFFER_BYTES)


def keep_none(block: BlockInObject, start: memoryview) -> None:
    """Nobody has a use for the start of a broken block."""


async def deliver(sink: BlockSink, data: bytes, strides: list[int]) -> None:
    """Deliver as an endpoint does, in pieces of the given lengths over and over."""
    at = turn = 0
    is_free = False
    while at < len(data):
        if not is_free:
            await sink.ready()
        place = sink.buffer()
        assert len(place) > 0
        count = min(strides[turn % len(strides)], len(place), len(data) - at)
        place[:count] = data[at : at + count]
        is_free = sink.advance(count)
        at += count
        turn += 1


def blocks_of(first: int, end: int) -> dict[int, bytes]:
    return {n: CONTENT[n * BLOCK_BYTES : (n + 1) * BLOCK_BYTES] for n in range(first, end)}


@LAW
@given(
    ends=st.tuples(st.integers(0, BLOCKS), st.integers(0, BLOCKS)).filter(lambda e: e[0] != e[1]),
    strides=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    seconds=st.sampled_from([0.0, 1.0]),
    share=st.floats(0, 1),
)
def test_exactly_the_whole_blocks_that_arrived_go_out_and_the_start_of_a_broken_one(
    ends: tuple[int, int], strides: list[int], seconds: float, share: float
) -> None:
    first, last = min(ends), max(ends)
    start, end = MANIFEST.extent_span(BlockExtent.of(0, first, last))
    count = int((end - start) * share)
    verify = Verifier(seconds)
    flow = FreeFlow()
    starts: dict[int, bytes] = {}

    def keep_start(block: BlockInObject, start: memoryview) -> None:
        starts[block] = bytes(start)

    async def main() -> None:
        sink = BlockSink(
            MANIFEST, BlockExtent.of(0, first, last), pool(), verify, keep_start, flow, POLICY
        )
        await deliver(sink, CONTENT[start : start + count], strides)
        await sink.drain()

    virtually(main())
    whole = last if count == end - start else first + count // BLOCK_BYTES
    assert verify.content == blocks_of(first, whole)
    broken = CONTENT[whole * BLOCK_BYTES : start + count] if whole < last else b""
    assert starts == ({whole: broken} if broken else {})
    assert sum(flow.received) == count
    assert verify.max_at_work <= 2


@LAW
@given(
    cut=st.integers(1, BLOCKS),
    strides=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    after=st.integers(0, len(CONTENT)),
)
def test_a_request_that_is_shortened_stops_there_and_keeps_what_is_whole(
    cut: int, strides: list[int], after: int
) -> None:
    verify, flow = Verifier(), FreeFlow()
    end = max(cut, -(-after // BLOCK_BYTES))  # what has begun is not given away

    async def main() -> None:
        sink = BlockSink(MANIFEST, EVERYTHING, pool(), verify, keep_none, flow, POLICY)
        await deliver(sink, CONTENT[:after], strides)
        sink.shorten(BlockInObject(end))
        with contextlib.suppress(ShortenedError):
            await deliver(sink, CONTENT[after:], strides)
        await sink.drain()

    virtually(main())
    assert verify.content == blocks_of(0, min(end, BLOCKS))
    assert sum(flow.received) <= max(after, end * BLOCK_BYTES) + max(strides)


def test_a_slow_verifier_holds_the_reader_back() -> None:
    """Fault D10: the disk is slower than the network. dlcore holds the reader back and its memory
    is bounded.
    """

    async def main() -> float:
        sink = BlockSink(
            MANIFEST, EVERYTHING, pool(), Verifier(10.0), keep_none, FreeFlow(), POLICY
        )
        started_s = asyncio.get_running_loop().time()
        await deliver(sink, CONTENT, [5])
        return asyncio.get_running_loop().time() - started_s

    # Four extents, two buffers: the third waits for the first, the fourth for the second.
    assert virtually(main()) == pytest.approx(10.0)


def test_a_request_that_ends_leaves_its_buffers_to_the_next() -> None:
    async def main() -> None:
        shared = pool(1)
        for _ in range(3):
            sink = BlockSink(
                MANIFEST, EVERYTHING, shared, Verifier(), keep_none, FreeFlow(), POLICY
            )
            await deliver(sink, CONTENT[:50], [7])
            await sink.drain()
        assert shared.take_now(BUFFER_BYTES) is not None

    virtually(main())


def test_a_disk_that_fails_stops_the_reader() -> None:
    async def fail(extent: BlockExtent, data: memoryview) -> None:
        raise StorageError("broken")

    async def main() -> None:
        sink = BlockSink(MANIFEST, EVERYTHING, pool(), fail, keep_none, FreeFlow(), POLICY)
        with pytest.raises(StorageError):
            await deliver(sink, CONTENT, [5])
        with pytest.raises(StorageError):
            await sink.drain()

    virtually(main())


def test_draining_waits_for_the_verifier_even_if_cancelled() -> None:
    verify = Verifier(10.0)

    async def main() -> None:
        sink = BlockSink(MANIFEST, EVERYTHING, pool(), verify, keep_none, FreeFlow(), POLICY)
        await deliver(sink, CONTENT[:30], [30])
        draining = asyncio.ensure_future(sink.drain())
        for _ in range(3):
            await asyncio.sleep(1)
            draining.cancel()
        with pytest.raises(asyncio.CancelledError):
            await draining
        assert verify.content == blocks_of(0, 3)

    virtually(main())


def test_virtual_time_knows_a_deadlock() -> None:
    with pytest.raises(DeadlockError):
        virtually(asyncio.Event().wait())


@pytest.mark.parametrize(("blocks", "per_buffer"), [(1, 1), (4, 1), (8, 2), (11, 3)])
def test_a_shorter_request_holds_less_memory(blocks: int, per_buffer: int) -> None:
    verify = Verifier()
    policy = BufferPolicy(max_bytes=BUFFER_BYTES, min_count=3)

    async def main() -> None:
        sink = BlockSink(
            MANIFEST,
            BlockExtent.of(0, 0, blocks),
            pool(8),
            verify,
            keep_none,
            FreeFlow(),
            policy,
        )
        await deliver(sink, CONTENT[: blocks * BLOCK_BYTES], [7])
        await sink.drain()

    virtually(main())
    assert max(extent.end - extent.first for extent in verify.got) == per_buffer
