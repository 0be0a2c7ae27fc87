"""What the codes of Windows' file functions become."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from dlcore.disk.faults import storage_error
from dlcore.disk.windows_errors import file_error
from dlcore.errors import DiskFullError

# Numbers and names: learn.microsoft.com/en-us/windows/win32/debug/system-error-codes
DEVICE_FAULTS = {
    "ERROR_NOT_READY": 21,
    "ERROR_CRC": 23,
    "ERROR_SEEK": 25,
    "ERROR_SECTOR_NOT_FOUND": 27,
    "ERROR_WRITE_FAULT": 29,
    "ERROR_READ_FAULT": 30,
    "ERROR_GEN_FAILURE": 31,
    "ERROR_NETNAME_DELETED": 64,
    "ERROR_IO_DEVICE": 1117,
    "ERROR_DEVICE_NOT_CONNECTED": 1167,
    "ERROR_FILE_CORRUPT": 1392,
}


@pytest.mark.parametrize("code", DEVICE_FAULTS.values(), ids=DEVICE_FAULTS)
def test_a_fault_of_the_device_is_eio(code: int) -> None:
    """Fault: a bad sector on Windows. dlcore knows it, and fetches the block again."""
    assert file_error(code).errno == errno.EIO


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (39, errno.ENOSPC),
        (112, errno.ENOSPC),
        (1295, errno.ENOSPC),
        (223, errno.EFBIG),
        (665, errno.EFBIG),
        (5, errno.EACCES),
        (32, errno.EACCES),
        (33, errno.EACCES),
        (19, errno.EROFS),
        (6, errno.EBADF),
        (1, errno.EOPNOTSUPP),
        (50, errno.EOPNOTSUPP),
        (87, errno.EINVAL),
        (1450, errno.ENOMEM),
    ],
)
def test_a_code_has_the_errno_that_says_the_same(code: int, expected: int) -> None:
    assert file_error(code).errno == expected


@pytest.mark.parametrize("code", [39, 112, 1295])
def test_a_full_disk_is_told_as_one(code: int) -> None:
    """Fault: a disk on Windows that is full. dlcore says so, whichever code it has."""
    assert isinstance(storage_error(file_error(code), "write", Path("file")), DiskFullError)


def test_an_error_has_the_words_of_windows_and_its_code() -> None:
    assert str(file_error(112, "Es steht nicht genug Speicherplatz zur Verfügung.")).endswith(
        "Es steht nicht genug Speicherplatz zur Verfügung. (Windows error 112)"
    )
    assert file_error(23).strerror == f"{os.strerror(errno.EIO)} (Windows error 23)"
