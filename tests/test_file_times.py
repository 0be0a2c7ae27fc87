"""The dates of files, however far off they are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.file_times import moment_of

FAR_OFF = st.floats(-1e30, 1e30)

# On Windows Python itself knows no date after the year 3000.
END_OF_THE_YEAR_2999_S = 32_503_679_999


@given(st.integers(0, END_OF_THE_YEAR_2999_S))
def test_it_is_the_date_that_python_knows(time_s: int) -> None:
    assert moment_of(time_s) == datetime.fromtimestamp(time_s, UTC)


@given(FAR_OFF, FAR_OFF)
def test_an_earlier_time_is_never_a_later_date(time_s: float, other_s: float) -> None:
    """Fault: a file is dated to a year that no date can say. dlcore takes the nearest date."""
    earlier_s, later_s = sorted((time_s, other_s))
    assert moment_of(earlier_s) <= moment_of(later_s)


@pytest.mark.parametrize(("time_s", "year"), [(1e18, 9999), (-1e18, 1), (-1.0, 1969)])
def test_what_no_date_can_say_is_the_earliest_or_the_latest_one(time_s: float, year: int) -> None:
    assert moment_of(time_s).year == year
