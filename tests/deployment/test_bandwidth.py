"""The bandwidth schedule: how it is read, and the laws of its week."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.deployment import BandwidthSchedule, BandwidthWindow
from dlcore.deployment.bandwidth import DAY_MIN, WEEK_MIN, parse_days, parse_hours, read_bandwidth
from dlcore.errors import ConfigError

MONDAY = datetime(2026, 11, 30)  # noqa: DTZ001  # the wall clock has no zone
WORK = BandwidthWindow(frozenset(range(5)), 8 * 60, 18 * 60, 1_250_000)
NIGHT = BandwidthWindow(frozenset({4}), 22 * 60, 6 * 60, 0)

windows = st.builds(
    BandwidthWindow,
    st.frozensets(st.integers(0, 6), min_size=1),
    st.integers(0, DAY_MIN - 1),
    st.integers(0, DAY_MIN),
    st.just(1024),
).filter(lambda window: window.from_min != window.to_min)


def at(day: int, clock: str) -> datetime:
    hour, minute = map(int, clock.split(":"))
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


def test_a_window_holds_from_its_first_minute_to_before_its_last() -> None:
    schedule = BandwidthSchedule([WORK])
    assert schedule.at(at(0, "07:59") + timedelta(seconds=59)) is None
    assert schedule.at(at(0, "08:00")) is WORK
    assert schedule.at(at(4, "17:59") + timedelta(seconds=59)) is WORK
    assert schedule.at(at(4, "18:00")) is None
    assert schedule.at(at(5, "12:00")) is None


def test_hours_past_midnight_belong_to_the_day_on_which_they_begin() -> None:
    schedule = BandwidthSchedule([NIGHT])
    assert schedule.at(at(4, "22:00")) is NIGHT
    assert schedule.at(at(5, "05:59")) is NIGHT
    assert schedule.at(at(5, "06:00")) is None
    assert schedule.at(at(4, "05:00")) is None


def test_sunday_night_goes_on_into_monday() -> None:
    sunday = BandwidthWindow(frozenset({6}), 22 * 60, 6 * 60, 0)
    assert BandwidthSchedule([sunday]).at(at(0, "01:00")) is sunday


def test_summer_time_skips_hours_and_repeats_them() -> None:
    """The clock goes from 02:00 to 03:00 in March, and from 03:00 to 02:00 in October."""
    berlin = ZoneInfo("Europe/Berlin")
    half_past_two = BandwidthWindow(from_min=2 * 60, to_min=3 * 60, rate_bytes_per_s=0)
    schedule = BandwidthSchedule([half_past_two])

    def held_min(day: datetime) -> int:
        moments = (day + timedelta(minutes=minute) for minute in range(DAY_MIN))
        return sum(schedule.at(moment.astimezone(berlin)) is not None for moment in moments)

    assert held_min(datetime(2026, 3, 28, 23, tzinfo=UTC)) == 0
    assert held_min(datetime(2026, 6, 1, 22, tzinfo=UTC)) == 60
    assert held_min(datetime(2026, 10, 24, 22, tzinfo=UTC)) == 120


@given(windows)
def test_a_window_holds_as_long_as_it_says(window: BandwidthWindow) -> None:
    schedule = BandwidthSchedule([window])
    edges = {0, WEEK_MIN} | {m for span in window.minutes() for m in (span.start, span.stop)}
    held = sum(
        end - start
        for start, end in pairwise(sorted(edges))
        if schedule.at(MONDAY + timedelta(minutes=start)) is window
    )
    length_min = (window.to_min - window.from_min) % DAY_MIN or DAY_MIN
    assert held == length_min * len(window.days)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("Sat, Sun", {5, 6}),
        ("fri-mon", {4, 5, 6, 0}),
        ("wed", {2}),
        ("mon-sun", set(range(7))),
    ],
)
def test_days(text: str, days: set[int]) -> None:
    assert parse_days(text) == days


@pytest.mark.parametrize("text", ["", "monday", "mon-", "mon--fri", "1-5", "mon;tue"])
def test_what_are_no_days(text: str) -> None:
    with pytest.raises(ValueError, match="not days"):
        parse_days(text)


def test_hours() -> None:
    assert parse_hours("08:00-18:30") == (480, 1110)
    assert parse_hours("22:00 - 6:00") == (1320, 360)
    assert parse_hours("00:00-24:00") == (0, DAY_MIN)


@pytest.mark.parametrize(
    "text", ["", "8-18", "08:00", "24:00-01:00", "08:60-09:00", "08:00-24:01", "08:00-08:00"]
)
def test_what_are_no_hours(text: str) -> None:
    with pytest.raises(ValueError, match=r"not hours|not a time|same time"):
        parse_hours(text)


def test_tables_are_read() -> None:
    tables = [
        {"days": "mon-fri", "hours": "08:00-18:00", "rate": "10 Mbit/s"},
        {"days": "fri", "hours": "22:00-06:00", "rate": 0},
        {"days": "sun", "background": True},
    ]
    sunday = BandwidthWindow(frozenset({6}), background=True)
    assert read_bandwidth(tables, "file: bandwidth") == (WORK, NIGHT, sunday)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"days": "never", "rate": 0}, "bandwidth 1.days: not days of the week"),
        ({"hours": "always", "rate": 0}, "bandwidth 1.hours: not hours"),
        ({"rate": "fast"}, "bandwidth 1.rate: not a rate"),
        ({"rate": 5}, "bandwidth 1.rate: less than 1024"),
        ({"rate": True}, "bandwidth 1.rate"),
        ({"rate": -1}, "bandwidth 1.rate"),
        ({"days": "mon"}, "says neither rate nor background"),
        ({"day": "mon", "rate": 0}, "day is not a known key; did you mean days?"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(table: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_bandwidth([table], "file: bandwidth")
    assert said.partition(";")[0] in refused.value.message


def test_windows_that_overlap_are_refused_both_named() -> None:
    tables = [{"days": "sun", "hours": "22:00-06:00", "rate": 0}, {"days": "mon", "rate": 2048}]
    with pytest.raises(ConfigError, match=r"bandwidth 2: overlaps bandwidth 1 \(sun 22:00-06:00"):
        read_bandwidth(tables, "file: bandwidth")


@given(windows, windows)
def test_windows_are_refused_exactly_if_a_minute_belongs_to_both(
    one: BandwidthWindow, other: BandwidthWindow
) -> None:
    first, second = BandwidthSchedule([one]), BandwidthSchedule([other])
    starts = [span.start for window in (one, other) for span in window.minutes()]
    moments = [MONDAY + timedelta(minutes=minute) for minute in starts]
    overlap = any(first.at(moment) and second.at(moment) for moment in moments)
    try:
        read_bandwidth([table_of(one), table_of(other)], "file: bandwidth")
    except ConfigError:
        assert overlap
    else:
        assert not overlap


def table_of(window: BandwidthWindow) -> dict[str, object]:
    days, hours = str(window).split()
    return {"days": "mon-sun" if days == "daily" else days, "hours": hours, "rate": 1024}
