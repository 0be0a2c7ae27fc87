"""As many requests as the scheduler gives out, and never a deadlock over memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.engine.download.packages import Retry
from dlcore.engine.events import EndpointNote, Progress
from dlcore.errors import Fault
from dlcore.schedule import (
    Answer,
    DeadlineScheduler,
    EndpointChange,
    EndpointChanged,
    Events,
    Policy,
    RequestNumber,
    Scheduler,
    Terms,
)
from tests.depth import cases
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
from tests.engine.schedulers import (
    NOTHING,
    DiceScheduler,
    ForwardingScheduler,
    IdleScheduler,
)
from tests.engine.virtual_time import virtually
from tests.store.helpers import BLOCK_BYTES, Package

ONE = {"ABC00001": package("ABC00001", {"x": 60 * BLOCK_BYTES, "y": 5})}
BOTH = ONE | {"ABC00002": package("ABC00002", {"x": 30 * BLOCK_BYTES + 9, "z": 700})}
LONG_S = 100_000.0


@settings(derandomize=True, deadline=None, max_examples=cases(12, 30))
@given(
    seed=st.integers(0, 1 << 32),
    memory_blocks=st.integers(1, 12),
    connections=st.integers(1, 6),
    rates_bytes_per_s=st.tuples(st.sampled_from([2e4, 1e6]), st.sampled_from([2e4, 1e6])),
    broken=st.frozensets(st.integers(0, 40), max_size=8),
    lies=st.frozensets(st.integers(0, 40), max_size=2),
)
def test_whatever_the_parts_everything_arrives_in_any_memory(
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
            await fetch(
                state,
                BOTH,
                endpoints,
                connections=connections,
                memory_bytes=memory_blocks * BLOCK_BYTES,
                make_scheduler=lambda terms, _: DiceScheduler(seed, terms),
            )

    with TemporaryDirectory() as folder:
        virtually(main(Path(folder)))


@pytest.mark.parametrize("memory_blocks", [1, 3, 100])
def test_requests_for_whole_blocks_need_no_more_memory_than_there_is(
    memory_blocks: int, tmp_path: Path
) -> None:
    memory_bytes = memory_blocks * BLOCK_BYTES
    endpoint = FakeEndpoint("a", BOTH)
    virtually(fetch(tmp_path, BOTH, [endpoint], connections=8, memory_bytes=memory_bytes))


@pytest.mark.parametrize("memory_blocks", [1, 2, 5])
def test_parts_of_blocks_need_no_more_memory_than_there_is(
    memory_blocks: int, tmp_path: Path
) -> None:
    packages = blocks_of_a_mebibyte(whole=False)
    endpoints = [
        FakeEndpoint(name, packages, rate_bytes_per_s=SLOW_BYTES_PER_S) for name in ("a", "b")
    ]
    memory_bytes = memory_blocks * MIB
    virtually(fetch(tmp_path, packages, endpoints, connections=20, memory_bytes=memory_bytes))


def test_a_block_that_cannot_be_completed_does_not_hold_up_the_others(tmp_path: Path) -> None:
    packages = {"ABC00001": package("ABC00001", {"x": MIB, "y": MIB}, block_bytes=MIB)}
    begun: list[int] = []

    def script(asked: Asked) -> Reply:
        begun.append(asked.object)
        return Reply(Fault.SERVER) if begun == [begun[0], begun[0]] else GOOD

    endpoint = FakeEndpoint("a", packages, script, rate_bytes_per_s=SLOW_BYTES_PER_S)
    away = FakeEndpoint("away", packages)  # it may come back, so there is a retry
    away.locate_fault = Fault.CONNECT

    async def main() -> None:
        async with asyncio.timeout(600.0):
            await fetch(
                tmp_path,
                packages,
                [endpoint, away],
                connections=1,
                retry=Retry(count=1, delay_s=1.0),
                memory_bytes=MIB,
            )

    virtually(main())
    assert endpoint.delivered_bytes < 3 * MIB


class Numbered(ForwardingScheduler):
    """Gives out as many requests as the test says."""

    def __init__(self, endpoints: Mapping[str, Terms], policy: Policy) -> None:
        super().__init__(DeadlineScheduler(endpoints, Policy(max_request_bytes=BLOCK_BYTES)))
        self.wanted = 1
        self.in_flight: set[RequestNumber] = set()

    def next_request(self, endpoint: str, now_s: float, free_bytes: int) -> Answer:
        if len(self.in_flight) >= self.wanted:
            return NOTHING
        answer = super().next_request(endpoint, now_s, free_bytes)
        if answer.request:
            self.in_flight.add(answer.request.number)
        return answer

    def arrived(self, number: RequestNumber) -> Events:
        self.in_flight.discard(number)
        return super().arrived(number)


def test_connections_come_and_go_as_the_scheduler_wants(tmp_path: Path) -> None:
    made: list[Numbered] = []
    seen: list[int] = []

    def make(endpoints: Mapping[str, Terms], policy: Policy) -> Scheduler:
        made.append(Numbered(endpoints, policy))
        return made[0]

    async def main() -> None:
        endpoint = FakeEndpoint("a", ONE, rate_bytes_per_s=float(BLOCK_BYTES))
        async with opened(
            tmp_path, ONE, [endpoint], connections=256, make_scheduler=make
        ) as content:
            for made[0].wanted in (1, 5, 2, 0, 3):
                content.order(["ABC00001"])
                await asyncio.sleep(3.0)  # a request takes one second
                seen.append(content.downloads.meter.connections["a"].in_flight)

    virtually(main())
    assert seen == [1, 5, 2, 0, 3]


class Talkative(ForwardingScheduler):
    """Has something to say about an endpoint, once."""

    def __init__(self, endpoints: Mapping[str, Terms], policy: Policy) -> None:
        super().__init__(DeadlineScheduler(endpoints, policy))
        change = EndpointChange.BACKED_OFF
        self.events: Events = (EndpointChanged("a", change, "it had to", Fault.STALL),)

    def tick(self, now_s: float) -> Events:
        events, self.events = self.events, ()
        return events + super().tick(now_s)


def test_decisions_about_endpoints_are_told_and_kept_for_the_report(tmp_path: Path) -> None:
    bus = Recorder()

    async def main() -> None:
        async with opened(
            tmp_path, ONE, [FakeEndpoint("a", ONE)], bus=bus, make_scheduler=Talkative
        ) as content:
            await content.path("ABC00001")
            assert content.downloads.figures()["a"].notes == ("backed off: it had to",)

    virtually(main())
    assert bus.of(EndpointNote) == [EndpointNote("a", "backed off", "it had to")]


class Punctual(ForwardingScheduler):
    """Checks that no endpoint was last asked before the time from which a wake-up is sought."""

    def __init__(self, endpoints: Mapping[str, Terms], policy: Policy) -> None:
        super().__init__(DeadlineScheduler(endpoints, policy))
        self._asked_s: dict[str, float] = {}

    def next_request(self, endpoint: str, now_s: float, free_bytes: int) -> Answer:
        self._asked_s[endpoint] = now_s
        return super().next_request(endpoint, now_s, free_bytes)

    def wake_at_s(self, now_s: float) -> float | None:
        if any(asked_s < now_s for asked_s in self._asked_s.values()):
            raise RuntimeError("a back-off that ended between the two is never noticed")
        return super().wake_at_s(now_s)


def test_no_back_off_ends_unseen_between_the_last_question_and_the_wake_up(tmp_path: Path) -> None:
    packages = {"ABC00001": package("ABC00001", {"x": BLOCK_BYTES})}
    endpoints = [FakeEndpoint(name, packages, latency_s=0.0) for name in ("a", "b")]
    # Not in virtual time, in which no time passes while code runs.
    asyncio.run(fetch(tmp_path, packages, endpoints, make_scheduler=Punctual))


class Confused(IdleScheduler):
    def next_request(self, endpoint: str, now_s: float, free_bytes: int) -> Answer:
        raise RuntimeError("confused")


def test_an_error_in_the_scheduler_reaches_all_that_wait(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="confused"):
        virtually(
            fetch(tmp_path, ONE, [FakeEndpoint("a", ONE)], make_scheduler=lambda *_: Confused())
        )


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
            content.downloads.set_cap(10_000.0)
            began_s = now_s()
            content.order(["ABC00001"])
            await asyncio.sleep(10.0)
            assert content.downloads.meter.by_endpoint["a"] == pytest.approx(100_000, abs=10_000)
            content.downloads.set_cap(0.0)
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
            assert meter.connections["a"].max_in_flight == 1
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
    parts = [
        asked for asked in endpoint.asked if asked.start % MIB or asked.end - asked.start < MIB
    ]
    assert len(parts) > 10
    assert endpoint.delivered_bytes <= 1.02 * packages["ABC00005"].manifest.content_bytes + MIB


@pytest.mark.parametrize("whole", [False, True])
def test_parts_that_do_not_match_are_fetched_elsewhere(whole: bool, tmp_path: Path) -> None:
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
