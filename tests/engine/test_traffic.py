"""What the schedule, the machine and the client's user allow, as they change."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.deployment import (
    BackgroundSettings,
    BandwidthSchedule,
    BandwidthWindow,
    WhenScarce,
)
from dlcore.engine.events import Event, TrafficChanged
from dlcore.engine.machine_question import ASK_EVERY_S
from dlcore.engine.traffic import Traffic
from dlcore.engine.traffic_rules import Answers, Pace, Rules, Urgency, Wish, rules
from tests.engine.fakes import FakeEndpoint, opened, package
from tests.engine.virtual_time import virtually
from tests.machine.told import ToldMachine
from tests.store.helpers import BLOCK_BYTES

MONDAY_8 = datetime(2026, 11, 30, 7, 59, 50)  # noqa: DTZ001  # the wall clock has no zone
SLOW = BandwidthWindow(frozenset(range(5)), 8 * 60, 9 * 60, 10_000)
NOTHING = BandwidthWindow(frozenset(range(5)), 8 * 60, 9 * 60, 0)
QUIET = BandwidthWindow(frozenset(range(5)), 8 * 60, 9 * 60, None, background=True)
LARGE = {"ABC00003": package("ABC00003", {"x": 1000 * BLOCK_BYTES})}
CONTINUE = BackgroundSettings(WhenScarce.CONTINUE, WhenScarce.CONTINUE)


class Told:
    """What downloads were told. Implements `Throttled`.

    Attributes:
        cap_bytes_per_s: The cap.
        is_background: Whether they leave the link to others.
        is_paused: Whether they are paused.
        paused_s: When that changed last.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.cap_bytes_per_s = 0.0
        self.is_background = self.is_paused = False
        self.paused_s = self.capped_s = 0.0
        self.resumed = asyncio.Event()
        self._clock = clock

    def set_cap(self, cap_bytes_per_s: float) -> None:
        if cap_bytes_per_s != self.cap_bytes_per_s:
            self.capped_s = self._clock()
        self.cap_bytes_per_s = cap_bytes_per_s

    def set_background(self, *, is_on: bool) -> None:
        self.is_background = is_on

    def pause(self) -> None:
        if not self.is_paused:
            self.paused_s = self._clock()
        self.is_paused = True

    def resume(self) -> None:
        if self.is_paused:
            self.paused_s = self._clock()
        self.is_paused = False
        self.resumed.set()


Scene = tuple[Traffic, Told, list[Event]]


def played(
    play: Callable[[Traffic, Told, list[Event]], Coroutine[Any, Any, None]],
    *windows: BandwidthWindow,
    settings: BackgroundSettings = CONTINUE,
    machine: ToldMachine | None = None,
) -> None:
    async def main() -> None:
        loop, events = asyncio.get_running_loop(), list[Event]()
        began_s = loop.time()

        def now_s() -> float:
            return loop.time() - began_s

        traffic = Traffic(
            BandwidthSchedule(windows),
            settings,
            machine or ToldMachine(),
            events.append,
            wall_clock=lambda: MONDAY_8 + timedelta(seconds=now_s()),
        )
        downloads = Told(now_s)
        traffic.attach(downloads)
        try:
            await play(traffic, downloads, events)
        finally:
            await traffic.aclose()

    virtually(main())


def test_a_window_begins_and_ends_within_a_second() -> None:
    async def play(traffic: Traffic, downloads: Told, events: list[Event]) -> None:
        traffic.limit(50_000.0)
        await asyncio.sleep(9.9)
        assert downloads.cap_bytes_per_s == 50_000.0
        await asyncio.sleep(1.1)
        assert downloads.cap_bytes_per_s == 10_000.0
        assert 10.0 <= downloads.capped_s < 11.0
        await asyncio.sleep(3600)
        assert downloads.cap_bytes_per_s == 50_000.0
        assert 3610.0 <= downloads.capped_s < 3611.0
        reason = "the bandwidth schedule (mon,tue,wed,thu,fri 08:00-09:00)"
        assert events == [
            TrafficChanged("foreground", 10_000.0, reason),
            TrafficChanged("foreground", 50_000.0, ""),
        ]

    played(play, SLOW)


def test_a_window_with_rate_0_pauses_whatever_is_wanted() -> None:
    async def play(traffic: Traffic, downloads: Told, events: list[Event]) -> None:
        await asyncio.sleep(11)
        assert downloads.is_paused
        assert 10.0 <= downloads.paused_s < 11.0
        traffic.set_urgency(Urgency.DUE)
        assert downloads.is_paused
        await asyncio.sleep(3600)
        assert not downloads.is_paused
        assert [event.pace for event in events if isinstance(event, TrafficChanged)] == [
            "paused",
            "foreground",
        ]

    played(play, NOTHING)


def test_what_is_in_flight_changes_its_rate_within_a_second(tmp_path: Path) -> None:
    """The window begins 10 s after the start: 40 blocks a second before, 4 within it."""
    before, within = 40 * BLOCK_BYTES, 4 * BLOCK_BYTES
    window = BandwidthWindow(frozenset({0}), 8 * 60, 9 * 60, within)
    endpoint = FakeEndpoint("a", LARGE, rate_bytes_per_s=float(before))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with opened(tmp_path, LARGE, [endpoint]) as content:
            began_s = loop.time()
            traffic = Traffic(
                BandwidthSchedule([window]),
                CONTINUE,
                ToldMachine(),
                lambda event: None,
                float(before),
                lambda: MONDAY_8 + timedelta(seconds=loop.time() - began_s),
            )
            traffic.attach(content.downloads)
            content.order(list(LARGE))
            had, rates = 0, list[int]()
            for _ in range(16):
                await asyncio.sleep(1)
                rates.append(endpoint.delivered_bytes - had)
                had = endpoint.delivered_bytes
            await traffic.aclose()
        assert min(rates[1:9]) > 0.8 * before
        assert max(rates[11:]) < 1.5 * within

    virtually(main())


def test_a_window_can_ask_for_background_mode() -> None:
    async def play(_: Traffic, downloads: Told, __: list[Event]) -> None:
        assert not downloads.is_background
        await asyncio.sleep(11)
        assert downloads.is_background
        await asyncio.sleep(3600)
        assert not downloads.is_background

    played(play, QUIET)


def test_on_a_metered_network_only_what_somebody_waits_for_is_fetched() -> None:
    machine = ToldMachine(is_metered=True, is_on_mains=True)

    async def play(traffic: Traffic, downloads: Told, events: list[Event]) -> None:
        assert not downloads.is_paused
        traffic.set_urgency(Urgency.SPARE)
        await asyncio.sleep(1)
        assert downloads.is_paused
        assert events == [TrafficChanged("paused", 0.0, "the network is metered")]
        machine.tell(is_metered=False)
        await asyncio.sleep(ASK_EVERY_S + 1)
        assert not downloads.is_paused
        assert downloads.is_background
        machine.tell(is_metered=True)
        await asyncio.sleep(ASK_EVERY_S + 1)
        assert downloads.is_paused
        traffic.set_urgency(Urgency.AWAITED)
        assert not downloads.is_paused
        assert not downloads.is_background

    played(play, settings=BackgroundSettings(), machine=machine)


def test_nothing_is_fetched_before_the_machine_has_answered() -> None:
    """The first bytes would be paid for, too."""

    async def play(traffic: Traffic, downloads: Told, events: list[Event]) -> None:
        traffic.set_urgency(Urgency.SPARE)
        assert downloads.is_paused
        assert not events
        await asyncio.sleep(1)
        assert not downloads.is_paused
        assert events == [TrafficChanged("background", 0.0, "")]

    played(play, settings=BackgroundSettings(), machine=ToldMachine(is_metered=False))


def test_a_machine_that_cannot_tell_holds_nothing_up() -> None:
    async def play(traffic: Traffic, downloads: Told, _: list[Event]) -> None:
        traffic.set_urgency(Urgency.SPARE)
        await asyncio.sleep(1)
        assert not downloads.is_paused

    played(play, settings=BackgroundSettings(), machine=ToldMachine())


class FailingMachine(ToldMachine):
    """Fails in a way that nobody foresaw when it is asked about its network."""

    def is_metered(self) -> bool:
        raise ValueError("a library of the system is broken")


def test_a_question_that_fails_holds_nothing_up() -> None:
    """Fault P7: the code that asks a machine about its network fails. dlcore goes on."""

    async def play(traffic: Traffic, downloads: Told, _: list[Event]) -> None:
        traffic.set_urgency(Urgency.SPARE)
        await asyncio.sleep(1)
        assert not downloads.is_paused

    played(play, settings=BackgroundSettings(), machine=FailingMachine())


def test_on_battery_it_pauses_by_the_settings() -> None:
    machine = ToldMachine(is_on_mains=False)

    async def play(traffic: Traffic, downloads: Told, _: list[Event]) -> None:
        traffic.set_urgency(Urgency.SPARE)
        await asyncio.sleep(1)
        assert downloads.is_paused

    async def play_on(traffic: Traffic, downloads: Told, _: list[Event]) -> None:
        traffic.set_urgency(Urgency.SPARE)
        await asyncio.sleep(1)
        assert not downloads.is_paused

    played(play, settings=BackgroundSettings(), machine=machine)
    on_battery = BackgroundSettings(on_battery=WhenScarce.CONTINUE)
    played(play_on, settings=on_battery, machine=machine)


def test_a_deadline_does_not_make_a_metered_network_free() -> None:
    async def play(traffic: Traffic, downloads: Told, _: list[Event]) -> None:
        traffic.set_urgency(Urgency.DUE)
        await asyncio.sleep(1)
        assert downloads.is_paused

    played(play, settings=BackgroundSettings(), machine=ToldMachine(is_metered=True))


def test_holding_needs_no_reason() -> None:
    async def play(traffic: Traffic, downloads: Told, _: list[Event]) -> None:
        traffic.pause(is_paused=True)
        assert downloads.is_paused
        traffic.pause(is_paused=False)
        assert not downloads.is_paused

    played(play)


@pytest.mark.parametrize("urgency", list(Urgency))
def test_without_any_rule_the_urgency_alone_counts(urgency: Urgency) -> None:
    expected = Pace.BACKGROUND if urgency is Urgency.SPARE else Pace.FOREGROUND
    assert rules(Wish(urgency), None, BackgroundSettings(), Answers()) == Rules(expected)


wishes = st.builds(
    Wish, st.sampled_from(Urgency), st.sampled_from([0.0, 2048.0, 1e9]), st.booleans()
)
scarce = st.sampled_from(WhenScarce)
answers = st.builds(Answers, *[st.sampled_from([None, False, True])] * 2)


@given(
    wishes,
    st.sampled_from([None, SLOW, NOTHING, QUIET]),
    st.builds(BackgroundSettings, scarce, scarce),
    answers,
)
def test_laws(
    wish: Wish,
    window: BandwidthWindow | None,
    settings: BackgroundSettings,
    answer: Answers,
) -> None:
    found = rules(wish, window, settings, answer)
    if wish.cap_bytes_per_s and found.pace is not Pace.PAUSED:
        assert 0 < found.cap_bytes_per_s <= wish.cap_bytes_per_s
    if window is SLOW and found.pace is not Pace.PAUSED:
        assert 0 < found.cap_bytes_per_s <= 10_000
    if wish.is_paused or window is NOTHING:
        assert found.pace is Pace.PAUSED
    elif wish.urgency is Urgency.AWAITED:
        assert found.pace is not Pace.PAUSED
    if wish.urgency is Urgency.SPARE:
        assert found.pace is not Pace.FOREGROUND


def test_a_machine_that_never_answers_holds_nothing_up() -> None:
    """Fault: the system never answers whether the network is metered. What has time is fetched
    after some seconds, and the client ends all the same.
    """
    never = threading.Event()
    machine = ToldMachine(is_on_mains=True)
    machine.is_metered = never.wait  # type: ignore[method-assign]  # hangs

    async def main() -> None:
        events: list[Event] = []
        settings = BackgroundSettings(WhenScarce.PAUSE, WhenScarce.PAUSE)
        traffic = Traffic(
            BandwidthSchedule(()), settings, machine, events.append, answer_within_s=0.0
        )
        downloads = Told(lambda: 0.0)
        traffic.set_urgency(Urgency.SPARE)
        traffic.attach(downloads)
        assert downloads.is_paused
        downloads.resumed.clear()
        async with asyncio.timeout(30):
            await downloads.resumed.wait()
        assert downloads.is_background
        await traffic.aclose()

    try:
        asyncio.run(main())
    finally:
        never.set()


def test_what_is_set_back_at_the_end_is_not_told() -> None:
    async def play(traffic: Traffic, downloads: Told, events: list[Event]) -> None:
        traffic.set_urgency(Urgency.SPARE)
        assert [each.pace for each in events if isinstance(each, TrafficChanged)] == ["background"]
        traffic.set_urgency(Urgency.AWAITED, is_told=False)
        assert not downloads.is_background
        assert len(events) == 1

    played(play)
