"""Buffers begin at a page, start out zeroed, and go back to the system with their last view."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

import pytest

from dlcore.native import Run, aligned_buffer, discard
from dlcore.native.interface import Core
from tests.native.cores import each_core

PAGE_BYTES = 4096


@pytest.mark.parametrize("length_bytes", [1, 4095, 4096, 1 << 20, (8 << 20) + 1])
def test_a_buffer_has_its_length_is_zeroed_writable_and_begins_at_a_page(length_bytes: int) -> None:
    buffer = aligned_buffer(length_bytes)
    assert len(buffer) == buffer.nbytes == length_bytes
    assert not any(buffer[-4096:])
    buffer[-1] = 1
    assert ctypes.addressof(ctypes.c_char.from_buffer(buffer)) % PAGE_BYTES == 0


@pytest.mark.parametrize("length_bytes", [0, -1])
def test_a_buffer_of_nothing_is_refused(length_bytes: int) -> None:
    with pytest.raises(ValueError, match="must be at least 1"):
        aligned_buffer(length_bytes)


def resident_kib() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("RssAnon:")[2].split()[0])


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_the_memory_is_kept_for_the_last_view_and_then_given_back() -> None:
    before = resident_kib()
    buffer = aligned_buffer(64 << 20)
    buffer[::4096] = bytes(len(buffer[::4096]))
    view = buffer[5:10]
    del buffer
    assert resident_kib() - before > 60 << 10
    assert bytes(view) == bytes(5)
    del view
    assert resident_kib() - before < 4 << 10


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_what_is_discarded_is_given_back_even_while_a_view_exists() -> None:
    before = resident_kib()
    buffer = aligned_buffer(64 << 20)
    buffer[::4096] = bytes(len(buffer[::4096]))
    view = buffer[5:10]
    discard(buffer)
    assert resident_kib() - before < 4 << 10
    assert bytes(view) == bytes(5)


def test_memory_of_another_kind_is_not_discarded() -> None:
    kept = bytearray(b"kept")
    discard(memoryview(kept))
    assert kept == b"kept"


@each_core
@pytest.mark.skipif(not hasattr(os, "O_DIRECT"), reason="no direct writes here")
def test_direct_writes_take_it(core: Core, tmp_path: Path) -> None:
    try:
        fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT | os.O_DIRECT)
    except OSError as error:
        pytest.skip(f"the file system has no direct writes: {error}")
    buffers = [aligned_buffer(8192), aligned_buffer(8192)]
    for number, buffer in enumerate(buffers):
        buffer[:] = bytes([number + 1]) * 8192
    runs = [Run(b, 4096, b"", [(fd, 8192 * at, 8192)]) for at, b in enumerate(buffers)]
    assert [written.error for written in core.verify_and_write(runs)] == [None, None]
    os.close(fd)
    assert (tmp_path / "file").read_bytes() == b"".join(map(bytes, buffers))
