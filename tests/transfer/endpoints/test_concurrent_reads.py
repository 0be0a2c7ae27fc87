"""Several small files are read at once into one sink, in order, whichever arrives first."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.errors import Fault, TransferError
from dlcore.transfer.endpoints.concurrent_reads import FileRead, ReadBudget, read_concurrently
from dlcore.transfer.policy import TransferPolicy
from dlcore.transfer.sink import SinkWriter
from tests.engine.virtual_time import virtually
from tests.transfer.sinks import Collector

POLICY = TransferPolicy()


@dataclass
class Source:
    """Serves reads of numbered bytes, each after a time of its own."""

    running: int = 0
    max_reads: int = 0
    brought_bytes: int = 0
    asked: list[int] = field(default_factory=list)

    def file_read(
        self, number: int, length: int, lasts_s: float, *, fails: bool = False
    ) -> FileRead:
        async def read(writer: SinkWriter) -> None:
            self.asked.append(number)
            self.running += 1
            self.max_reads = max(self.max_reads, self.running)
            try:
                await asyncio.sleep(lasts_s)
                if fails:
                    raise TransferError(f"{number}", fault=Fault.SERVER, endpoint="edge")
                self.brought_bytes += length
                await writer.write(body(number, length))
            finally:
                self.running -= 1

        return FileRead(length, read)

    def file_reads(self, count: int) -> list[FileRead]:
        """Files of 10 bytes that are read at once."""
        return [self.file_read(number, 10, 0.0) for number in range(count)]


def body(number: int, length: int) -> bytes:
    return bytes([number % 251]) * length


def budget() -> ReadBudget:
    return ReadBudget(256, POLICY)


LENGTHS = st.one_of(
    st.integers(1, 300),
    st.sampled_from([POLICY.max_small_read_bytes, POLICY.max_small_read_bytes + 1]),
)
FILES = st.lists(st.tuples(LENGTHS, st.floats(0.0, 9.0), st.booleans()), min_size=1, max_size=25)


@given(files=FILES, max_reads=st.integers(1, 12), buffer_bytes=st.integers(50, 1 << 20))
def test_the_sink_gets_everything_before_the_first_failure_and_nothing_else(
    files: Sequence[tuple[int, float, bool]], max_reads: int, buffer_bytes: int
) -> None:
    async def run() -> None:
        source, shared = Source(), ReadBudget(max_reads, POLICY)
        sink = Collector(sum(length for length, _, _ in files), buffer_bytes=buffer_bytes)
        reads = [source.file_read(n, *how[:2], fails=how[2]) for n, how in enumerate(files)]
        good = list(itertools.takewhile(lambda how: not how[2], files))
        (error,) = await asyncio.gather(
            read_concurrently(reads, SinkWriter(sink), shared), return_exceptions=True
        )
        assert (error is None) == (len(good) == len(files))
        assert error is None or str(error) == f"edge: {len(good)}"
        assert sink.received == b"".join(body(n, how[0]) for n, how in enumerate(good))
        assert source.brought_bytes == len(sink.received) + sink.dropped_bytes
        assert source.running == 0
        assert source.max_reads <= min(max_reads, POLICY.max_reads_per_range)
        assert shared.has_room(POLICY.max_buffered_bytes)  # all is given back

    virtually(run())


def test_small_files_together_take_no_longer_than_one() -> None:
    async def run() -> float:
        source, sink = Source(), Collector(POLICY.max_reads_per_range * 10)
        begun_s = asyncio.get_running_loop().time()
        reads = [source.file_read(n, 10, 1.0) for n in range(POLICY.max_reads_per_range)]
        await read_concurrently(reads, SinkWriter(sink), budget())
        return asyncio.get_running_loop().time() - begun_s

    assert virtually(run()) == 1.0


async def test_long_files_are_read_one_after_the_other() -> None:
    source, sink = Source(), Collector(3 * (POLICY.max_small_read_bytes + 1))
    reads = [source.file_read(n, POLICY.max_small_read_bytes + 1, 0.0) for n in range(3)]
    await read_concurrently(reads, SinkWriter(sink), budget())
    assert source.max_reads == 1


async def test_ranges_share_the_budget_and_all_of_them_advance() -> None:
    source, shared = Source(), ReadBudget(5, POLICY)
    sinks = [Collector(100) for _ in range(4)]
    await asyncio.gather(
        *(read_concurrently(source.file_reads(10), SinkWriter(sink), shared) for sink in sinks)
    )
    assert all(sink.received == b"".join(body(n, 10) for n in range(10)) for sink in sinks)
    assert (
        source.max_reads <= 5 + 3
    )  # one range uses the whole budget; each of the others makes one read


async def test_what_waits_in_buffers_is_limited() -> None:
    shared = ReadBudget(256, TransferPolicy(max_buffered_bytes=35))
    source, sink = Source(), Collector(100)
    await read_concurrently(source.file_reads(10), SinkWriter(sink), shared)
    assert source.max_reads == 3


async def test_what_waits_in_buffers_when_a_range_is_given_up_is_dropped() -> None:
    """Fault: a range is cancelled while small files wait for their turn. dlcore counts them."""
    source, sink = Source(), Collector(200, buffer_bytes=15, gate=asyncio.Event())
    reads = source.file_reads(20)
    reading = asyncio.ensure_future(read_concurrently(reads, SinkWriter(sink), budget()))
    await sink.waiting.wait()
    reading.cancel()
    await asyncio.wait([reading])
    assert (sink.filled_bytes, sink.dropped_bytes) == (15, source.brought_bytes - 15)


async def test_a_sink_that_is_held_back_holds_the_reading_back() -> None:
    gate = asyncio.Event()
    source, sink = Source(), Collector(400, buffer_bytes=10, gate=gate)
    reads = source.file_reads(40)
    reading = asyncio.ensure_future(read_concurrently(reads, SinkWriter(sink), budget()))
    await sink.waiting.wait()
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(source.asked) <= POLICY.max_reads_per_range + 1
    gate.set()
    await reading
    assert sink.received == b"".join(body(n, 10) for n in range(40))


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_no_read_is_running_after_one_or_more_cancellations(
    times: int,
) -> None:
    running, shared = 0, budget()

    async def stubborn(writer: SinkWriter) -> None:
        nonlocal running
        running += 1
        try:
            await asyncio.sleep(1000)
        finally:
            for _ in range(10):
                await asyncio.sleep(0)  # as a read does that closes its connection
            running -= 1

    reads = [FileRead(10, stubborn) for _ in range(5)]
    reading = asyncio.ensure_future(read_concurrently(reads, SinkWriter(Collector(50)), shared))
    for _ in range(10):
        await asyncio.sleep(0)
    assert running == 5
    for _ in range(times):
        reading.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert running == 0
    assert shared.has_room(POLICY.max_buffered_bytes)
