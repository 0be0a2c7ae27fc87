"""What the agent remembers across a restart."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.agent.interface import Priority, SequencePoint, Want
from dlcore.agent.memory import (
    ASIDE,
    FOLDER,
    NAME,
    Memory,
    MemoryFile,
    decode_memory,
    encode_memory,
)
from dlcore.engine.documents.pinned_documents import CatalogPin
from dlcore.errors import StorageError

MEMORY = Memory(
    (
        Want("a", ("ABC00001",), by_s=12.5, priority=Priority.BACKGROUND),
        Want("b", sequence=SequencePoint("<sequence/>", 3, {"x": "é\n"})),
    ),
    CatalogPin("0" * 64),
    77,
)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = MemoryFile(tmp_path)
    assert file.load() == Memory()
    file.save(MEMORY)
    file.close()
    assert MemoryFile(tmp_path).load() == MEMORY


@given(st.data())
def test_what_is_damaged_is_never_taken_for_right(data: st.DataObject) -> None:
    document = bytearray(encode_memory(MEMORY))
    at = data.draw(st.integers(0, len(document) - 1))
    document[at] ^= data.draw(st.integers(1, 255))
    assert decode_memory(bytes(document)) in (None, MEMORY)  # a space more changes nothing
    assert decode_memory(bytes(document[:at])) is None


def test_a_damaged_file_is_told_and_forgotten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault: the file of the agent's memory is damaged. Its wants are dropped, and that is told."""
    MemoryFile(tmp_path).save(MEMORY)
    (tmp_path / FOLDER / NAME).write_bytes(b"{}")
    assert MemoryFile(tmp_path).load() == Memory()
    assert "damaged" in caplog.text


def test_a_folder_in_its_place_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault: a folder is in the place of the agent's memory. It gets another name, and the agent
    goes on; a second one is refused with its name and what to do.
    """
    MemoryFile(tmp_path).save(MEMORY)
    for name in (NAME, f"{NAME}.new"):
        (tmp_path / FOLDER / name).unlink(missing_ok=True)
        (tmp_path / FOLDER / name / "inside").mkdir(parents=True)
    file = MemoryFile(tmp_path)
    assert file.load() == Memory()
    assert f"{NAME}{ASIDE}" in caplog.text
    assert (tmp_path / FOLDER / f"{NAME}{ASIDE}" / "inside").is_dir()
    file.save(MEMORY)
    assert file.load() == MEMORY
    (tmp_path / FOLDER / NAME).unlink()
    (tmp_path / FOLDER / NAME).mkdir()
    with pytest.raises(StorageError, match="is not a file of the agent's") as refused:
        file.load()
    assert "Move both away" in refused.value.remedy


@pytest.mark.wine_cannot(reason="makes no symbolic links")
def test_a_link_in_its_place_is_set_aside(tmp_path: Path) -> None:
    """Fault: a link is in the place of the agent's memory. It is not followed, and the agent
    goes on.
    """
    MemoryFile(tmp_path).save(MEMORY)
    place = tmp_path / FOLDER / NAME
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    file = MemoryFile(tmp_path)
    assert file.load() == Memory()
    file.save(Memory())
    assert decode_memory((tmp_path / "elsewhere").read_bytes()) == MEMORY


@pytest.mark.posix_only(reason="modes are POSIX's")
def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        MemoryFile(tmp_path).save(MEMORY)
    finally:
        os.umask(mask)
    for path in (tmp_path / FOLDER, tmp_path / FOLDER / NAME):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077
