"""What is remembered of a file that was proven, so that a change shows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.store.helpers import opened
from tests.store.test_prove import finish, flip, prove, refetched


@pytest.mark.parametrize("year", [1700, 2300])
def test_a_file_whose_time_is_far_off_is_proven(tmp_path: Path, year: int) -> None:
    """Fault: a program sets the time of a delivered file to one that 64 bits of nanoseconds since
    1970 cannot say. dlcore proves the file all the same.
    """
    time_ns = (year - 1970) * 31_556_952 * 10**9
    with opened(tmp_path) as store:
        content = finish(store)
        os.utime(content / "long.bin", ns=(time_ns, time_ns))
        assert prove(store) == content
        flip(content / "long.bin")
        assert prove(store) is None
        assert refetched(store) == 1
