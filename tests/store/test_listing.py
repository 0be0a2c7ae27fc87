"""A folder is listed by the descriptor that was checked, not by its path."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.store.files import Files


class Exchanged(Files):
    """A disk on which a folder is exchanged right after it was opened."""

    def watch(self, folder: Path) -> int | None:
        fd = super().watch(folder)
        if fd is None:
            pytest.skip("no folder can be held open here")
        folder.rename(folder.with_name("moved"))
        folder.mkdir()
        (folder / "planted").touch()
        return fd


def test_a_folder_that_is_exchanged_is_listed_as_it_was_opened(tmp_path: Path) -> None:
    """Fault: a folder is exchanged while it is listed. dlcore lists the one that it opened."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "own").touch()
    assert [name for name, _ in Exchanged().entries(tmp_path / "folder")] == ["own"]
