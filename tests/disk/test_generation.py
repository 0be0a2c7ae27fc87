"""The generation of an inode stays with its file, and is never taken for that of another one."""

from __future__ import annotations

import os
from pathlib import Path

from dlcore.disk.generation import UNKNOWN, generation, generation_at, may_be_same


def test_it_stays_when_the_file_is_renamed_and_written(tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"one")
    before = generation_at(path)
    path.rename(other)
    other.write_bytes(b"another")
    fd = os.open(other, os.O_RDONLY)
    try:
        assert generation_at(other) == generation(fd) == before
    finally:
        os.close(fd)


def test_what_cannot_be_looked_at_has_none(tmp_path: Path) -> None:
    assert generation_at(tmp_path / "nothing") == UNKNOWN


def test_only_what_is_known_tells_files_apart() -> None:
    assert may_be_same(7, 7)
    assert may_be_same(7, UNKNOWN)
    assert may_be_same(UNKNOWN, 7)
    assert not may_be_same(7, 8)
