"""The bandwidth schedule: how fast content may be fetched at which hours of the week.

A window of the schedule is days and hours on the wall clock of the machine, and what holds then.
Hours that end before they begin go past midnight, and belong to the day on which they begin.
Because only the wall clock counts, summer time needs no rule: an hour that it skips never comes,
and one that it repeats counts twice.

Pure: the caller has the clock. `read_bandwidth` reads the ``[[bandwidth]]`` tables of a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Final

import msgspec

from dlcore.deployment import toml_tables as tables
from dlcore.deployment.problems import Problems
from dlcore.deployment.rates import HOW_TO_WRITE_A_RATE, checked_cap, parse_rate
from dlcore.errors import ConfigError

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN: Final = 24 * 60
WEEK_MIN: Final = 7 * DAY_MIN
_HOURS: Final = re.compile(r"([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})", re.ASCII)
_HOW_TO_WRITE_DAYS: Final = f'Write days as "mon-fri" or "sat, sun". Days: {", ".join(DAYS)}.'
_HOW_TO_WRITE_HOURS: Final = (
    'Write hours as "08:00-18:00", or "22:00-06:00" past midnight; a whole day is "00:00-24:00".'
)


class BandwidthWindow(msgspec.Struct, frozen=True):
    """Hours of a week, and what holds then.

    Attributes:
        days: On which it begins; 0 is Monday.
        from_min: When it begins, in minutes after midnight.
        to_min: When it ends; not later than `from_min`: on the next day.
        rate_bytes_per_s: The highest rate of all endpoints together; 0: nothing is fetched; None:
            no cap.
        background: Whether everything is fetched in background mode then.
    """

    days: frozenset[int] = frozenset(range(7))
    from_min: int = 0
    to_min: int = DAY_MIN
    rate_bytes_per_s: int | None = None
    background: bool = False

    def minutes(self) -> Iterator[range]:
        """Its spans in minutes of the week, which begins on Monday; none goes past its end."""
        length_min = self.to_min - self.from_min
        if length_min <= 0:
            length_min += DAY_MIN
        for day in sorted(self.days):
            start = day * DAY_MIN + self.from_min
            yield range(start, min(start + length_min, WEEK_MIN))
            if start + length_min > WEEK_MIN:
                yield range(start + length_min - WEEK_MIN)

    def __str__(self) -> str:
        """As people write it."""
        days = ",".join(DAYS[day] for day in sorted(self.days)) if len(self.days) < 7 else "daily"
        return f"{days} {_clock(self.from_min)}-{_clock(self.to_min)}"


class BandwidthSchedule:
    """Which window holds when. No two overlap.

    Args:
        windows: All of them.
    """

    def __init__(self, windows: Sequence[BandwidthWindow] = ()) -> None:
        self._spans = [(span, window) for window in windows for span in window.minutes()]

    def __bool__(self) -> bool:
        return bool(self._spans)

    def at(self, wall_clock: datetime) -> BandwidthWindow | None:
        """What holds at a time of the machine's wall clock; None: nothing is bounded."""
        minute = wall_clock.weekday() * DAY_MIN + wall_clock.hour * 60 + wall_clock.minute
        return next((window for span, window in self._spans if minute in span), None)


class _Table(msgspec.Struct, frozen=True):
    """A ``[[bandwidth]]`` table as the file has it."""

    days: str = "mon-sun"
    hours: str = "00:00-24:00"
    rate: Annotated[int, msgspec.Meta(ge=0)] | str | None = None
    background: bool = False


def read_bandwidth(value: object, where: str) -> tuple[BandwidthWindow, ...]:
    """Read all ``[[bandwidth]]`` tables.

    Args:
        value: What the file has there.
        where: The file and the key, for messages.

    Raises:
        ConfigError: A table cannot be used, or two of them overlap.
    """
    if not isinstance(value, list):
        raise ConfigError(f"{where}: not a list of tables", remedy="Write [[bandwidth]] above it.")
    problems, windows = Problems(), []
    for number, table in enumerate(value, 1):
        with problems:
            windows.append(_read(table, f"{where} {number}"))
    problems.refuse()
    for later, window in enumerate(windows):
        for earlier in range(later):
            if any(_overlap(window, windows[earlier])):
                problems.add(
                    f"{where} {later + 1}: overlaps {where.rpartition(' ')[2]} {earlier + 1}"
                    f" ({windows[earlier]})",
                    "Make sure that each hour of the week belongs to at most one of them.",
                )
    problems.refuse()
    return tuple(windows)


def parse_days(text: str) -> frozenset[int]:
    """The days of ``mon-fri``, ``sat, sun`` or ``fri-mon``; 0 is Monday.

    Raises:
        ValueError: The text does not name days.
    """
    days: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        if first not in DAYS or (dash and last not in DAYS):
            raise ValueError("not days of the week")
        start = DAYS.index(first)
        count = (DAYS.index(last) - start) % 7 + 1 if dash else 1
        days.update((start + number) % 7 for number in range(count))
    return frozenset(days)


def parse_hours(text: str) -> tuple[int, int]:
    """Minutes after midnight at which ``08:00-18:00`` begins and ends.

    Raises:
        ValueError: The text does not name hours.
    """
    found = _HOURS.fullmatch(text.strip())
    if not found:
        raise ValueError("not hours")
    first, first_min, last, last_min = map(int, found.groups())
    start, end = first * 60 + first_min, last * 60 + last_min
    if max(first_min, last_min) > 59 or start >= DAY_MIN or end > DAY_MIN:
        raise ValueError("not a time of day")
    if start == end:
        raise ValueError("begins and ends at the same time")
    return start, end


def _read(value: object, where: str) -> BandwidthWindow:
    table = tables.build(_Table, value, where)
    problems = Problems()
    days, hours, rate = frozenset(range(7)), (0, DAY_MIN), None
    try:
        days = parse_days(table.days)
    except ValueError as error:
        problems.add(f"{where}.days: {error}", _HOW_TO_WRITE_DAYS)
    try:
        hours = parse_hours(table.hours)
    except ValueError as error:
        problems.add(f"{where}.hours: {error}", _HOW_TO_WRITE_HOURS)
    try:
        if table.rate is not None:
            given = parse_rate(table.rate) if isinstance(table.rate, str) else table.rate
            rate = checked_cap(given)
    except ValueError as error:
        problems.add(f"{where}.rate: {error}", f"{HOW_TO_WRITE_A_RATE} 0 fetches nothing.")
    if table.rate is None and not table.background:
        problems.add(
            f"{where}: says neither rate nor background",
            'Write rate = "10 Mbit/s", rate = 0 to fetch nothing, or background = true.',
        )
    problems.refuse()
    return BandwidthWindow(days, *hours, rate, background=table.background)


def _overlap(one: BandwidthWindow, other: BandwidthWindow) -> Iterator[bool]:
    for first in one.minutes():
        for second in other.minutes():
            yield max(first.start, second.start) < min(first.stop, second.stop)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
