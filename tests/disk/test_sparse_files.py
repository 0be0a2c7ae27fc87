"""Sparse files: by a file system that answers as MS-FSCC has it, and by the system's own calls.

`Ntfs` holds files of which it knows the allocated units of 64 KiB, and takes the real codes and
bytes. It is not a file system of Windows: what only that shows is listed in docs/windows-tests.md.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.disk import sparse_files, system
from dlcore.disk.windows_errors import file_error

UNIT_BYTES = 1 << 16  # NTFS: 16 clusters of 4 KiB
FD = 3


class Ntfs:
    """One file of a file system.

    Args:
        has_sparse_files: Whether the file system knows the codes at all.
        refusal: What it refuses them with, if not.
    """

    def __init__(self, *, has_sparse_files: bool = True, refusal: int = 1) -> None:
        self.length_bytes = 0
        self.is_sparse = False
        self.units: set[int] = set()
        self._has_sparse_files = has_sparse_files
        self._refusal = refusal

    def control(self, fd: int, code: int, given: bytes, max_answer_bytes: int) -> bytes:
        assert fd == FD
        if not self._has_sparse_files:
            raise file_error(self._refusal)
        if code == 0x900C4:
            return self._set_sparse(given)
        assert code == 0x940CF
        return self._ranges(*struct.unpack("<qq", given))[:max_answer_bytes]

    def set_length(self, fd: int, length_bytes: int) -> None:
        assert fd == FD
        self.length_bytes = length_bytes
        if not self.is_sparse:
            self.units |= set(range(-(-length_bytes // UNIT_BYTES)))

    def write(self, offset: int, length_bytes: int) -> None:
        self.units |= set(range(offset // UNIT_BYTES, -(-(offset + length_bytes) // UNIT_BYTES)))

    def _set_sparse(self, given: bytes) -> bytes:
        (self.is_sparse,) = struct.unpack("<?", given)
        if not self.is_sparse:
            self.units |= set(range(-(-self.length_bytes // UNIT_BYTES)))
        return b""

    def _ranges(self, offset: int, length_bytes: int) -> bytes:
        asked = range(offset // UNIT_BYTES, -(-(offset + length_bytes) // UNIT_BYTES))
        found = [unit for unit in asked if unit in self.units]
        return b"".join(struct.pack("<qq", unit * UNIT_BYTES, UNIT_BYTES) for unit in found)


def test_a_long_file_costs_nothing_before_it_is_written() -> None:
    """Fault: a system that zeroes a file up to each write. dlcore makes the file sparse first."""
    disk = Ntfs()
    sparse_files.allocate(FD, 40 << 30, disk)
    assert disk.length_bytes == 40 << 30
    assert not disk.units


@given(st.lists(st.integers(0, 31), max_size=20), st.integers(0, 31))
def test_only_what_was_written_has_data(written: list[int], asked: int) -> None:
    block_bytes = 1 << 20
    disk = Ntfs()
    sparse_files.allocate(FD, 32 * block_bytes, disk)
    for block in written:
        disk.write(block * block_bytes, block_bytes)
    has_data = sparse_files.has_data(FD, asked * block_bytes, block_bytes, disk)
    assert has_data == (asked in written)


def test_finished_content_is_an_ordinary_file() -> None:
    """Fault: a disk image that Windows does not mount: it is sparse. dlcore takes the mark away."""
    disk = Ntfs()
    sparse_files.allocate(FD, 1 << 20, disk)
    disk.write(0, 1 << 20)
    before = set(disk.units)
    sparse_files.make_ordinary(FD, disk)
    assert not disk.is_sparse
    assert disk.units == before


def test_a_damaged_ordinary_file_is_read_everywhere() -> None:
    disk = Ntfs()
    disk.set_length(FD, 1 << 20)
    assert sparse_files.has_data(FD, 1 << 19, 100, disk)


@pytest.mark.parametrize("code", [1, 50, 87])
def test_a_file_system_without_sparse_files_gives_the_length(code: int) -> None:
    """Fault: a disk with FAT or exFAT. dlcore fills its files as they are."""
    disk = Ntfs(has_sparse_files=False, refusal=code)
    sparse_files.allocate(FD, 1 << 20, disk)
    assert disk.length_bytes == 1 << 20
    assert sparse_files.has_data(FD, 0, 100, disk)
    sparse_files.make_ordinary(FD, disk)


@pytest.mark.parametrize("code", [5, 23, 112])
def test_another_refusal_is_an_error(code: int) -> None:
    disk = Ntfs(has_sparse_files=False, refusal=code)
    for call in (
        lambda: sparse_files.allocate(FD, 10, disk),
        lambda: sparse_files.make_ordinary(FD, disk),
        lambda: sparse_files.has_data(FD, 0, 10, disk),
    ):
        with pytest.raises(OSError) as refused:
            call()
        assert refused.value.errno == file_error(code).errno


def test_a_file_of_the_system_is_made_ordinary_again(tmp_path: Path) -> None:
    """The calls of the system are really made: on Windows the mark is gone."""
    path = tmp_path / "file"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0))
    data = memoryview(os.urandom(1 << 18))
    try:
        system.allocate(fd, len(data))
        assert system.write_at(fd, data, 0) == len(data)
        system.sync(fd)
        system.make_ordinary(fd)
        assert system.has_data(fd, 0, len(data))
    finally:
        os.close(fd)
    assert path.read_bytes() == data
    assert system.allocated_bytes(path) >= len(data)
    if sys.platform == "win32":
        import stat

        assert not path.stat().st_file_attributes & stat.FILE_ATTRIBUTE_SPARSE_FILE


@pytest.mark.skipif(sys.platform != "win32", reason="posix_only: Linux reserves the space")
@pytest.mark.wine_cannot(reason="tells no allocated ranges, and ignores the mark")
def test_a_sparse_file_of_the_system_takes_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0))
    try:
        system.allocate(fd, 1 << 30)
        assert system.allocated_bytes(path) < 1 << 20
        system.write_at(fd, memoryview(bytes(1 << 20)), 1 << 29)
        system.sync(fd)
        assert system.has_data(fd, 1 << 29, 1 << 20)
        assert not system.has_data(fd, 0, 1 << 20)
        assert system.allocated_bytes(path) < 2 << 20
    finally:
        os.close(fd)


def test_a_file_that_is_not_there_takes_no_space(tmp_path: Path) -> None:
    assert system.allocated_bytes(tmp_path / "missing") == 0


def test_a_closed_file_has_no_answer(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    os.close(fd)
    with pytest.raises(OSError) as refused:
        system.allocate(fd, 1 << 20)
    assert refused.value.errno == errno.EBADF
