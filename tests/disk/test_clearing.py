"""A folder is deleted as far as that is possible."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dlcore.disk.clearing import clear


def test_what_is_read_only_goes_too(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "file").write_bytes(b"content")
    (folder / "below" / "file").chmod(0o400)
    for path in (folder / "below", folder):
        path.chmod(0o500)
    clear(folder)
    assert not folder.exists()


@pytest.mark.skipif(sys.platform != "win32", reason="elsewhere an open file can be deleted")
def test_what_a_program_holds_stays_and_all_else_goes(tmp_path: Path) -> None:
    """Fault: a program has a file of a folder open that is to go. dlcore deletes the others."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a", "held", "z"):
        (folder / name).write_bytes(b"content")
    with (folder / "held").open("rb"):
        clear(folder)
        assert [path.name for path in folder.iterdir()] == ["held"]


def test_what_is_not_there_is_no_fault(tmp_path: Path) -> None:
    clear(tmp_path / "missing")
    assert not list(tmp_path.iterdir())
