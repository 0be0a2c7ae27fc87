"""Moments as people write them for ``--by``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dlcore.cli.options.moments import parse_moment

NOW = datetime(2026, 11, 30, 8, 30)  # noqa: DTZ001  # a wall clock


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("18:00", datetime(2026, 11, 30, 18)),  # noqa: DTZ001
        ("6:05", datetime(2026, 12, 1, 6, 5)),  # noqa: DTZ001
        ("08:30", datetime(2026, 12, 1, 8, 30)),  # noqa: DTZ001
        ("2026-12-01T06:00", datetime(2026, 12, 1, 6)),  # noqa: DTZ001
        ("2026-12-24 06:00", datetime(2026, 12, 24, 6)),  # noqa: DTZ001
    ],
)
def test_local_times(text: str, moment: datetime) -> None:
    assert parse_moment(text, NOW) == moment.astimezone()


def test_a_time_with_an_offset_is_meant_there() -> None:
    assert parse_moment("2026-12-24T06:00+00:00", NOW) == datetime(2026, 12, 24, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "later"),
    [("+90s", timedelta(seconds=90)), ("+8h", timedelta(hours=8)), ("+2d", timedelta(days=2))],
)
def test_how_long_from_now(text: str, later: timedelta) -> None:
    assert parse_moment(text, NOW) == NOW.astimezone() + later


@pytest.mark.parametrize("text", ["", "soon", "24:00", "8", "+8", "+8w", "2026-13-01T00:00"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="not a time"):
        parse_moment(text, NOW)


def test_a_time_that_has_passed_is_refused() -> None:
    with pytest.raises(ValueError, match="has already passed"):
        parse_moment("2026-11-30T08:30", NOW)
