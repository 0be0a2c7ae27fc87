"""As many ranges as the schedule wants, at every moment, and never a deadlock over memory."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.engine.download import downloads as loop
from dlcore.engine.events import EndpointNote, Progress
from dlcore.errors import Fault
from dlcore.schedule import Note, Planner, Policy, Terms
from tests.engine.fakes import (
    GOOD,
    Asked,
    FakeEndpoint,
    Recorder,
    Reply,
    fetch,
    opened,
    package,
)
from tests.engine.strip_planner import StripPlanner
from tests.engine.virtual_time import virtually
from tests.store.helpers import BLOCK_BYTES, Package

ONE = {"ABC00001": package("ABC00001", {"x": 60 * BLOCK_BYTES, "y": 5})}
BOTH = ONE | {"ABC00002": package("ABC00002", {"x": 30 * BLOCK_BYTES + 9, "z": 700})}
LONG_S = 100_000.0


@settings(derandomize=True, deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 1 << 32),
    memory_blocks=st.integers(1, 12),
    connections=st.integers(1, 6),
    rates_bytes_per_s=st.tuples(st.sampled_from([2e4, 1e6]), st.sampled_from([2e4, 1e6])),
    broken=st.frozensets(st.integers(0, 40), max_size=8),
    lies=st.frozensets(st.integers(0, 40), max_size=2),
)
def test_whatever_the_strips_everything_arrives_in_any_memory(
    seed: int,
    memory_blocks: int,
    connections: int,
    rates_bytes_per_s: tuple[float, float],
    broken: frozenset[int],
    lies: frozenset[int],
) -> None:
    def script(asked: Asked) -> Reply:
        if asked.number in broken:
            return Reply(Fault.TRUNCATED, after_bytes=asked.number * 50)
        return Reply(flips=frozenset({asked.start})) if asked.number in lies else GOOD

    async def main(state: Path) -> None:
        endpoints = [
            FakeEndpoint(name, BOTH, script, rate_bytes_per_s=rate_bytes_per_s)
            for name, rate_bytes_per_s in zip(("a", "b"), rates_bytes_per_s, strict=True)
        ]
        async with asyncio.timeout(LONG_S):
            await fetch(state, BOTH, endpoints, connections=connections)

    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "MEMORY_BYTES", memory_blocks * BLOCK_BYTES)
        patch.setattr(loop, "Planner", lambda policy: StripPlanner(seed))
        virtually(main(Path(folder)))


@pytest.mark.parametrize("memory_blocks", [1, 3, 100])
def test_ranges_of_whole_blocks_need_no_more_memory_than_there_is(
    memory_blocks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "MEMORY_BYTES", memory_blocks * BLOCK_BYTES)
    virtually(fetch(tmp_path, BOTH, [FakeEndpoint("a", BOTH)], connections=8))


class Numbered(Planner):
    """Wants as many connections as the test says."""

    wanted = 1

    def connections(self, endpoint: str, now_s: float) -> int:
        return self.wanted


def test_connections_come_and_go_as_the_schedule_wants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planner = Numbered(Policy(range_bytes=BLOCK_BYTES))
    monkeypatch.setattr(loop, "Planner", lambda policy: planner)
    seen: list[int] = []

    async def main() -> None:
        endpoint = FakeEndpoint("a", ONE, rate_bytes_per_s=float(BLOCK_BYTES))
        async with opened(tmp_path, ONE, [endpoint], connections=256) as content:
            content.order(["ABC00001"])
            for planner.wanted in (1, 5, 2, 0, 3):
                await asyncio.sleep(3.0)  # a range takes one second
                seen.append(content.downloads.meter.connections["a"].flying)

    virtually(main())
    assert seen == [1, 5, 2, 0, 3]


class Talkative(Planner):
    """Has something to say about an endpoint."""

    told = False

    def notes(self) -> tuple[Note, ...]:
        notes = () if self.told else (Note("a", "looked at", "somebody has to"),)
        self.told = True
        return notes


def test_decisions_about_endpoints_are_told_and_kept_for_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "Planner", Talkative)
    bus = Recorder()

    async def main() -> None:
        async with opened(tmp_path, ONE, [FakeEndpoint("a", ONE)], bus=bus) as content:
            await content.path("ABC00001")
            assert content.downloads.figures()["a"].notes == ("looked at: somebody has to",)

    virtually(main())
    assert bus.of(EndpointNote) == [EndpointNote("a", "looked at", "somebody has to")]


def test_an_error_in_the_schedule_reaches_every_waiter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Confused(Planner):
        def next_range(self, endpoint: str, now_s: float) -> None:
            raise RuntimeError("confused")

    monkeypatch.setattr(loop, "Planner", Confused)
    with pytest.raises(RuntimeError, match="confused"):
        virtually(fetch(tmp_path, ONE, [FakeEndpoint("a", ONE)]))


def test_figures_and_progress_tell_each_endpoints_part(tmp_path: Path) -> None:
    def script(asked: Asked) -> Reply:
        return GOOD if asked.number else Reply(Fault.TRUNCATED, after_bytes=BLOCK_BYTES)

    bus = Recorder()
    endpoints = [
        FakeEndpoint("a", ONE, script, rate_bytes_per_s=40_000.0),
        FakeEndpoint("b", ONE, rate_bytes_per_s=20_000.0),
    ]

    async def main() -> None:
        async with opened(tmp_path, ONE, endpoints, connections=1, bus=bus) as content:
            await content.path("ABC00001")
            figures = content.downloads.figures()
            for endpoint in endpoints:
                own = figures[endpoint.name]
                assert own.bytes_fetched == endpoint.delivered_bytes
                assert own.max_connections == 1
                assert own.mean_bytes_per_s == own.bytes_fetched / own.busy_s
                assert (
                    0.5 * endpoint.rate_bytes_per_s
                    < own.mean_bytes_per_s
                    <= endpoint.rate_bytes_per_s
                )
            assert figures["a"].faults == {"truncated": 1}

    virtually(main())
    shown = [event.endpoints for event in bus.events if isinstance(event, Progress)]
    assert all(set(at) == {"a", "b"} for at in shown)
    assert max(at["b"].connections for at in shown) == 1
    assert max(at["b"].rate_bytes_per_s for at in shown) > 0.5 * endpoints[1].rate_bytes_per_s


def test_a_cap_holds_from_the_first_byte_and_may_be_lifted_on_the_way(tmp_path: Path) -> None:
    async def main() -> float:
        now_s = asyncio.get_running_loop().time
        async with opened(tmp_path, ONE, [FakeEndpoint("a", ONE)]) as content:
            content.downloads.limit(10_000.0)
            began_s = now_s()
            content.order(["ABC00001"])
            await asyncio.sleep(10.0)
            assert content.downloads.meter.by_endpoint["a"] == pytest.approx(100_000, abs=10_000)
            content.downloads.limit(0.0)
            await content.path("ABC00001")
            return now_s() - began_s

    assert virtually(main()) < 12.0, "the rest would have taken longer under the cap"


def test_terms_change_while_ranges_are_under_way(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path, ONE, [FakeEndpoint("a", ONE)]) as content:
            content.downloads.set_terms("a", Terms(1, cap_bytes_per_s=5_000.0))
            content.order(["ABC00001"])
            await asyncio.sleep(10.0)
            meter = content.downloads.meter
            assert meter.by_endpoint["a"] == pytest.approx(50_000, abs=10_000)
            assert meter.connections["a"].max_flying == 1
            content.downloads.set_terms("a", Terms())
            await content.path("ABC00001")
            with pytest.raises(KeyError):
                content.downloads.set_terms("nobody", Terms())

    virtually(main())


MIB = 1 << 20
SLOW_BYTES_PER_S = 100_000.0  # of a connection: a block would take ten seconds


def blocks_of_a_mebibyte(*, whole: bool) -> dict[str, Package]:
    return {"ABC00005": package("ABC00005", {"x": 5 * MIB + 3}, whole=whole, block_bytes=MIB)}


@pytest.mark.parametrize("whole", [False, True])
def test_slow_connections_share_the_blocks_and_every_byte_arrives_once(
    whole: bool, tmp_path: Path
) -> None:
    packages = blocks_of_a_mebibyte(whole=whole)
    endpoint = FakeEndpoint("a", packages, rate_bytes_per_s=SLOW_BYTES_PER_S)
    virtually(fetch(tmp_path, packages, [endpoint], connections=40))
    strips = [
        asked for asked in endpoint.asked if asked.start % MIB or asked.end - asked.start < MIB
    ]
    assert len(strips) > 10
    assert endpoint.delivered_bytes <= 1.02 * packages["ABC00005"].manifest.content_bytes + MIB


@pytest.mark.parametrize("whole", [False, True])
def test_strips_that_do_not_match_are_fetched_elsewhere(whole: bool, tmp_path: Path) -> None:
    packages = blocks_of_a_mebibyte(whole=whole)
    liar = FakeEndpoint(
        "liar",
        packages,
        lambda asked: Reply(flips=frozenset({2 * MIB})),
        rate_bytes_per_s=SLOW_BYTES_PER_S,
    )
    honest = FakeEndpoint("honest", packages, rate_bytes_per_s=SLOW_BYTES_PER_S)
    virtually(fetch(tmp_path, packages, [liar, honest], connections=20))
    assert honest.asked
