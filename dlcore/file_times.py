"""The time of a file as a date.

A file may have any time: some file systems keep 64 bits, and whoever owns a file sets it. Python's
dates end with the year 9999, and on Windows it refuses what was before 1970.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_LATEST: Final = datetime.max.replace(tzinfo=UTC)


def moment_of(time_s: float) -> datetime:
    """The date of a time; what no date can say counts as the earliest or the latest one.

    Args:
        time_s: Seconds since 1970, UTC.
    """
    try:
        return _EPOCH + timedelta(seconds=time_s)
    except OverflowError:
        return _LATEST if time_s > 0 else _EARLIEST
