"""Several small things at once into one sink, in order, whatever comes first."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.errors import Fault, TransferError
from dlcore.transfer.endpoints import concurrent_reads as abreast
from dlcore.transfer.endpoints.concurrent_reads import (
    ABREAST,
    SMALL_BYTES,
    Crowd,
    Stretch,
    read_abreast,
)
from dlcore.transfer.sink import Intake
from tests.engine.virtual_time import virtually
from tests.transfer.sinks import Collector


@dataclass
class Source:
    """Serves stretches of numbered bytes, each after a time of its own."""

    under_way: int = 0
    most: int = 0
    asked: list[int] = field(default_factory=list)

    def stretch(self, number: int, length: int, lasts_s: float, *, fails: bool = False) -> Stretch:
        async def read(intake: Intake) -> None:
            self.asked.append(number)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            try:
                await asyncio.sleep(lasts_s)
                if fails:
                    raise TransferError(f"{number}", fault=Fault.SERVER, endpoint="edge")
                await intake.put(body(number, length))
            finally:
                self.under_way -= 1

        return Stretch(length, read)


def body(number: int, length: int) -> bytes:
    return bytes([number % 251]) * length


def crowd() -> Crowd:
    return Crowd(256)


LENGTHS = st.one_of(st.integers(1, 300), st.sampled_from([SMALL_BYTES, SMALL_BYTES + 1]))
ROWS = st.lists(st.tuples(LENGTHS, st.floats(0.0, 9.0), st.booleans()), min_size=1, max_size=25)


@given(row=ROWS, most=st.integers(1, 12), buffer_bytes=st.integers(50, 1 << 20))
def test_the_sink_gets_everything_before_the_first_failure_and_nothing_else(
    row: Sequence[tuple[int, float, bool]], most: int, buffer_bytes: int
) -> None:
    async def run() -> None:
        source, together = Source(), Crowd(most)
        sink = Collector(sum(length for length, _, _ in row), buffer_bytes=buffer_bytes)
        stretches = [source.stretch(n, *how[:2], fails=how[2]) for n, how in enumerate(row)]
        good = list(itertools.takewhile(lambda how: not how[2], row))
        (error,) = await asyncio.gather(
            read_abreast(stretches, Intake(sink), together), return_exceptions=True
        )
        assert (error is None) == (len(good) == len(row))
        assert error is None or str(error) == f"edge: {len(good)}"
        assert sink.received == b"".join(body(n, how[0]) for n, how in enumerate(good))
        assert source.under_way == 0
        assert source.most <= min(most, ABREAST)
        assert together.has_room(abreast.ASIDE_BYTES)  # all is given back

    virtually(run())


def test_small_ones_take_hardly_longer_together_than_one() -> None:
    async def run() -> float:
        source, sink = Source(), Collector(ABREAST * 10)
        begun_s = asyncio.get_running_loop().time()
        stretches = [source.stretch(n, 10, 1.0) for n in range(ABREAST)]
        await read_abreast(stretches, Intake(sink), crowd())
        return asyncio.get_running_loop().time() - begun_s

    assert virtually(run()) == 1.0


async def test_long_ones_come_one_after_the_other() -> None:
    source, sink = Source(), Collector(3 * (SMALL_BYTES + 1))
    stretches = [source.stretch(n, SMALL_BYTES + 1, 0.0) for n in range(3)]
    await read_abreast(stretches, Intake(sink), crowd())
    assert source.most == 1


async def test_ranges_share_the_bound_and_all_of_them_get_on() -> None:
    source, together = Source(), Crowd(5)
    sinks = [Collector(100) for _ in range(4)]
    await asyncio.gather(
        *(
            read_abreast([source.stretch(n, 10, 0.0) for n in range(10)], Intake(sink), together)
            for sink in sinks
        )
    )
    assert all(sink.received == b"".join(body(n, 10) for n in range(10)) for sink in sinks)
    assert source.most <= 5 + 3  # one range took all places; the other three read alone


async def test_what_is_kept_aside_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abreast, "ASIDE_BYTES", 35)
    source, sink = Source(), Collector(100)
    await read_abreast([source.stretch(n, 10, 0.0) for n in range(10)], Intake(sink), crowd())
    assert source.most == 3


async def test_a_sink_that_is_held_back_holds_the_reading_back() -> None:
    gate = asyncio.Event()
    source, sink = Source(), Collector(400, buffer_bytes=10, gate=gate)
    stretches = [source.stretch(n, 10, 0.0) for n in range(40)]
    reading = asyncio.ensure_future(read_abreast(stretches, Intake(sink), crowd()))
    await sink.waiting.wait()
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(source.asked) <= ABREAST + 1
    gate.set()
    await reading
    assert sink.received == b"".join(body(n, 10) for n in range(40))


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_nothing_is_under_way_after_a_cancellation_however_impatient(times: int) -> None:
    under_way, together = 0, crowd()

    async def stubborn(intake: Intake) -> None:
        nonlocal under_way
        under_way += 1
        try:
            await asyncio.sleep(1000)
        finally:
            for _ in range(10):
                await asyncio.sleep(0)  # as one that closes its connection
            under_way -= 1

    stretches = [Stretch(10, stubborn) for _ in range(5)]
    reading = asyncio.ensure_future(read_abreast(stretches, Intake(Collector(50)), together))
    for _ in range(10):
        await asyncio.sleep(0)
    assert under_way == 5
    for _ in range(times):
        reading.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert under_way == 0
    assert together.has_room(abreast.ASIDE_BYTES)
