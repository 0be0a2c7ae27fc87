"""Reads and writes at an offset, by the system's own calls."""

from __future__ import annotations

import errno
import os
import random
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dlcore.disk import system
from dlcore.native import Run, portable
from tests.seeds import given_seed

SEED = given_seed(20261129)
PIECE_BYTES = 512
PIECES = 400


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0))
    yield fd
    os.close(fd)


def content(fd: int) -> bytes:
    """All of a file, without moving its position."""
    view = memoryview(bytearray(os.fstat(fd).st_size))
    done = 0
    while done < len(view):
        done += system.read_at(fd, view[done:], done)
    return bytes(view)


def test_reading_at_an_offset(fd: int) -> None:
    system.write_at(fd, memoryview(bytes(range(100))), 0)
    view = memoryview(bytearray(10))
    assert system.read_at(fd, view, 40) == 10
    assert bytes(view) == bytes(range(40, 50))
    assert system.read_at(fd, view, 95) == 5
    assert bytes(view) == bytes(range(95, 100)) + bytes(range(45, 50))


@pytest.mark.parametrize("offset", [100, 101, 1 << 33])
def test_behind_the_end_nothing_is_read(fd: int, offset: int) -> None:
    system.write_at(fd, memoryview(bytes(100)), 0)
    assert system.read_at(fd, memoryview(bytearray(10)), offset) == 0


@pytest.mark.parametrize("kind", [bytes, bytearray], ids=["read-only", "writable"])
def test_writing_at_an_offset(fd: int, kind: type[bytes] | type[bytearray]) -> None:
    assert system.write_at(fd, memoryview(kind(b"an end"))[3:], 5) == 3
    assert system.write_at(fd, memoryview(kind(b"begin")), 0) == 5
    assert content(fd) == b"beginend"


def test_nothing_is_written_and_read_at_once(fd: int) -> None:
    assert system.write_at(fd, memoryview(b""), 5) == 0
    assert system.read_at(fd, memoryview(bytearray()), 0) == 0
    assert os.fstat(fd).st_size == 0


def test_offsets_beyond_32_bits_are_whole(fd: int) -> None:
    offset = (5 << 32) + 7
    # Without the disk space that lies between: on Windows `allocate` takes none.
    (system.allocate if sys.platform == "win32" else system.truncate)(fd, offset + 3)
    system.write_at(fd, memoryview(b"far"), offset)
    view = memoryview(bytearray(3))
    assert system.read_at(fd, view, offset) == 3
    assert bytes(view) == b"far"
    assert system.read_at(fd, view, 7) == 3
    assert bytes(view) == bytes(3)


def test_a_buffer_is_free_again_after_the_call(fd: int) -> None:
    buffer = bytearray(b"0123456789")
    view = memoryview(buffer)
    system.write_at(fd, view, 0)
    system.read_at(fd, view, 0)
    view.release()
    buffer.extend(b"more")  # refused while anything refers to its memory


def test_a_closed_descriptor_is_refused(fd: int) -> None:
    other = os.dup(fd)
    os.close(other)
    with pytest.raises(OSError) as refused:
        system.write_at(other, memoryview(b"x"), 0)
    assert refused.value.errno == errno.EBADF
    with pytest.raises(OSError) as refused:
        system.read_at(other, memoryview(bytearray(1)), 0)
    assert refused.value.errno == errno.EBADF


def test_writing_to_a_file_that_is_open_to_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    try:
        with pytest.raises(OSError) as refused:
            system.write_at(fd, memoryview(b"x"), 0)
    finally:
        os.close(fd)
    assert refused.value.errno in {errno.EBADF, errno.EACCES}
    assert (tmp_path / "file").read_bytes() == b"content"


def test_threads_that_read_and_write_one_descriptor_do_not_meet(fd: int) -> None:
    """Fault: two threads share a file's position. dlcore gives each call its own offset."""
    chance = random.Random(SEED)
    pieces = [chance.randbytes(PIECE_BYTES) for _ in range(2 * PIECES)]
    system.allocate(fd, len(pieces) * PIECE_BYTES)
    orders = [list(range(first, len(pieces), 2)) for first in (0, 1)]
    for order in orders:
        chance.shuffle(order)

    def write_and_read(order: list[int]) -> list[int]:
        wrong = []
        view = memoryview(bytearray(PIECE_BYTES))
        for number in order:
            offset = number * PIECE_BYTES
            assert system.write_at(fd, memoryview(pieces[number]), offset) == PIECE_BYTES
            assert system.read_at(fd, view, offset) == PIECE_BYTES
            if view != pieces[number]:
                wrong.append(number)
        return wrong

    with ThreadPoolExecutor(2) as pool:
        wrong = list(pool.map(write_and_read, orders))
    assert wrong == [[], []], f"seed {SEED}"
    assert content(fd) == b"".join(pieces)


def test_the_portable_core_writes_blocks_at_their_offsets(fd: int) -> None:
    data = os.urandom(3000)
    run = Run(data, 1024, portable.block_digests(data, 1024), [(fd, 1000, 2000), (fd, 0, 1000)])
    (written,) = portable.verify_and_write([run])
    assert (written.bad, written.error) == ((), None)
    assert content(fd) == data[2000:] + data[:2000]


@pytest.mark.parametrize("set_length", [system.truncate, system.allocate])
@pytest.mark.parametrize("length_bytes", [0, 3, 7, 5000])
def test_a_file_gets_its_length_and_keeps_its_bytes(
    fd: int, set_length: Callable[[int, int], None], length_bytes: int
) -> None:
    system.write_at(fd, memoryview(b"content"), 0)
    set_length(fd, length_bytes)
    assert content(fd) == b"content"[:length_bytes].ljust(length_bytes, b"\0")
