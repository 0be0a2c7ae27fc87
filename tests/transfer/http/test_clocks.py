"""How this machine's clock and a server's differ, from a response's header fields."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from dlcore.transfer.http.clocks import TOLERATED_S, ahead_s, difference

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def date(server_ahead_s: float) -> dict[str, str]:
    return {"Date": format_datetime(NOW + timedelta(seconds=server_ahead_s), usegmt=True)}


@pytest.mark.parametrize(
    ("server_ahead_s", "told"),
    [
        (TOLERATED_S, ""),
        (-TOLERATED_S, ""),
        (TOLERATED_S + 60, "this machine's clock is 6 minutes behind the server's"),
        (-7 * 3600, "this machine's clock is 7 hours ahead of the server's"),
        (20 * 365 * 86400, "this machine's clock is 7300 days behind the server's"),
    ],
)
def test_a_difference_is_told_if_it_may_matter(server_ahead_s: float, told: str) -> None:
    assert difference(date(server_ahead_s), NOW) == told


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Date": "yesterday"},
        {"Date": "Sat, 01 Jan 2000 00:00:00 GMT", "Age": "old"},
        {"Date": "Sat, 01 Jan 2000 00:00:00 GMT", "Age": "9" * 40},
    ],
)
def test_what_cannot_be_read_is_no_difference(headers: dict[str, str]) -> None:
    assert ahead_s(headers, NOW) is None
    assert difference(headers, NOW) == ""


def test_what_lay_in_a_cache_is_as_old_as_the_cache_says() -> None:
    assert ahead_s({**date(-7200.0), "Age": "7200"}, NOW) == 0.0
