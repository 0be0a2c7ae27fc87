"""The ``Retry-After`` header: seconds or a date, clamped to what is worth waiting.

Guarantees: pure; the result is within 0 and `LONGEST_S`, or ``None`` for what cannot be read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_S = 300.0

_SECONDS = re.compile(r"[0-9]+", re.ASCII)


def retry_after_s(value: str, now: datetime) -> float | None:
    """Seconds to wait.

    Args:
        value: The header's value.
        now: The server's own time, so that a skewed client waits no longer than it should.

    Source: RFC 9110, section 10.2.3.
    """
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return float(min(int(text[:20]), int(LONGEST_S)))
    date = parse_date(text)
    if date is None:
        return None
    return min(max((date - now).total_seconds(), 0.0), LONGEST_S)


def parse_date(value: str) -> datetime | None:
    """An HTTP date with its zone, or ``None``."""
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
