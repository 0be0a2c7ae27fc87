"""How far this machine's clock and a server's are apart, and whether that may spoil credentials.

Guarantees: pure. Nothing that the server sent is repeated, and nothing is decided by its time: it
may be wrong itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from dlcore.transfer.http.headers import parse_date

TOLERATED_S: Final = 5 * 60.0
"""Kerberos allows as much between two clocks. Source: RFC 4120, section 8.2."""

CLOCK_REMEDY: Final = (
    "Set this machine's clock, by which signatures and tokens are made and judged."
)

_UNITS: Final = (("days", 86400), ("hours", 3600), ("minutes", 60))


def ahead_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds by which this machine's clock is ahead of a server's; None if unknown.

    Args:
        headers: Of a response of the server. A cache says in them how old the date is.
        now: The time of this machine's clock.

    Source: RFC 9110, section 6.6.1 (Date); RFC 9111, section 5.1 (Age).
    """
    date = parse_date(headers.get("Date", ""))
    age = headers.get("Age", "0")
    if date is None or not (age.isascii() and age.isdigit() and len(age) < 10):
        return None
    return (now - date - timedelta(seconds=int(age))).total_seconds()


def difference(headers: Mapping[str, str], now: datetime) -> str:
    """How the clocks differ, for people; empty if that is unknown, or too little to matter.

    Args:
        headers: Of a response of the server.
        now: The time of this machine's clock.
    """
    found_s = ahead_s(headers, now)
    if found_s is None or abs(found_s) <= TOLERATED_S:
        return ""
    direction = "ahead of" if found_s > 0 else "behind"
    unit, seconds = next(each for each in _UNITS if abs(found_s) >= 2 * each[1])
    return f"this machine's clock is {abs(found_s) / seconds:.0f} {unit} {direction} the server's"
