"""Whether the times of a file on Windows can be relied on."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from dlcore.disk import change_time

pytestmark = pytest.mark.skipif(
    sys.platform != "win32", reason="other systems show each write at once"
)


def is_open_to_write(path: Path) -> bool:
    if sys.platform == "win32":
        return change_time.is_open_to_write(path)
    return False


def test_a_file_is_open_to_write_as_long_as_a_program_may_write_to_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    assert not is_open_to_write(path)
    for flags in (os.O_WRONLY, os.O_RDWR):
        fd = os.open(path, flags)
        assert is_open_to_write(path)
        os.close(fd)
        assert not is_open_to_write(path)


def test_a_file_that_is_read_is_not_open_to_write(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with path.open("rb"):
        assert not is_open_to_write(path)


def test_a_file_that_is_not_there_is_not_judged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        is_open_to_write(tmp_path / "missing")
