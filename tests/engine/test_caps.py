"""Caps hold, in all and for each endpoint, whoever reads and however they change."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.engine.download.caps import BandwidthCaps
from dlcore.schedule.token_bucket import BURST_S
from tests.engine.virtual_time import VirtualTimeLoop, virtually
from tests.schedule.packages import LAW

FOR_S = 30.0


async def read(caps: BandwidthCaps, endpoint: str, stride: int, until_s: float) -> int:
    """Read as fast as the caps allow; the network could bring any amount."""
    now_s = asyncio.get_running_loop().time
    count = 0
    while now_s() < until_s:
        wait_s = caps.spend(endpoint, stride, now_s())
        count += stride
        await caps.wait(endpoint, now_s() + wait_s)
        await asyncio.sleep(0)
    return count


@LAW
@given(
    cap_bytes_per_s=st.integers(1024, 10 << 20),
    reads_s=st.lists(st.floats(0.05, 2.0), min_size=1, max_size=8),
)
def test_the_total_holds_for_all_readers_together(
    cap_bytes_per_s: int, reads_s: list[float]
) -> None:
    """Each reader reads at once what the cap lets through in so many seconds."""
    strides = [int(cap_bytes_per_s * read_s) for read_s in reads_s]

    async def main() -> int:
        caps = BandwidthCaps()
        caps.set_total(cap_bytes_per_s)
        until_s = asyncio.get_running_loop().time() + FOR_S
        readers = (read(caps, f"e{at % 2}", s, until_s) for at, s in enumerate(strides))
        return sum(await asyncio.gather(*readers))

    max_at_once = sum(strides)  # each reader's last one is paid for later
    assert virtually(main()) == pytest.approx(
        cap_bytes_per_s * FOR_S, rel=0.01, abs=max_at_once + cap_bytes_per_s * BURST_S
    )


def test_a_coarse_clock_keeps_no_processor_busy() -> None:
    """Fault: the clock moves in steps of 15.6 ms. dlcore waits for a step, and keeps to its cap."""
    step_s = 1 / 64

    def bounded(turn: int) -> None:
        assert turn < 20_000, "the loop turns without waiting"

    async def main() -> tuple[int, int]:
        caps = BandwidthCaps(step_s)
        caps.set_total(100_000)
        caps.set_endpoint("costly", 20_000)
        until_s = asyncio.get_running_loop().time() + FOR_S
        return await asyncio.gather(
            read(caps, "costly", 1000, until_s), read(caps, "cheap", 1000, until_s)
        )

    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(step_s)) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.each_turn = bounded
        assert sum(runner.run(main())) == pytest.approx(100_000 * FOR_S, rel=0.02)


def test_an_endpoint_has_a_cap_of_its_own_within_the_total() -> None:
    async def main() -> tuple[int, int]:
        caps = BandwidthCaps()
        caps.set_total(100_000)
        caps.set_endpoint("costly", 20_000)
        until_s = asyncio.get_running_loop().time() + FOR_S
        return await asyncio.gather(
            read(caps, "costly", 1000, until_s), read(caps, "cheap", 1000, until_s)
        )

    costly, cheap = virtually(main())
    assert costly <= 20_000 * FOR_S * 1.02
    assert costly + cheap == pytest.approx(100_000 * FOR_S, rel=0.02)


@pytest.mark.parametrize("cap_bytes_per_s", [0.0, 1e9])
def test_a_cap_that_is_lifted_frees_those_who_wait(cap_bytes_per_s: float) -> None:
    async def main() -> float:
        caps = BandwidthCaps()
        caps.set_total(1024)
        now_s = asyncio.get_running_loop().time
        began_s = now_s()
        until_s = began_s + caps.spend("e", 1 << 20, began_s)
        waiting = asyncio.ensure_future(caps.wait("e", until_s))
        await asyncio.sleep(5.0)
        assert not waiting.done()
        caps.set_total(cap_bytes_per_s)
        await waiting
        return now_s() - began_s

    assert virtually(main()) == pytest.approx(5.0, abs=0.1)


def test_a_cap_that_is_lowered_makes_those_who_wait_wait_on() -> None:
    async def main() -> int:
        caps = BandwidthCaps()
        caps.set_total(100_000)
        until_s = asyncio.get_running_loop().time() + FOR_S
        reading = asyncio.ensure_future(read(caps, "e", 1000, until_s))
        await asyncio.sleep(10.0)
        caps.set_total(10_000)
        return await reading

    assert virtually(main()) == pytest.approx(10 * 100_000 + 20 * 10_000, rel=0.02)
