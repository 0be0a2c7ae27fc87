"""What people are told of an error of the disk."""

from __future__ import annotations

import errno
from pathlib import Path

from dlcore.disk.faults import storage_error


class InvalidNameError(OSError):
    """As Windows raises it; elsewhere no OSError has a ``winerror``."""

    winerror = 123

    def __init__(self) -> None:
        super().__init__(errno.EINVAL, "The filename, directory name, ... syntax is incorrect")


def test_a_name_that_windows_does_not_allow_is_to_be_corrected() -> None:
    """Fault: a path has a character that Windows forbids. dlcore says which ones it forbids."""
    error = storage_error(InvalidNameError(), "look at it", Path("a<b"))
    assert error.remedy == 'Correct the path: a name on Windows contains none of < > : " | ? *.'


def test_another_error_of_that_number_says_to_run_again() -> None:
    error = storage_error(OSError(errno.EINVAL, "Invalid argument"), "write", Path("a"))
    assert error.remedy == "What was verified is kept: run again."
