"""What may not be deleted takes room in the state directory, and stops nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from dlcore.disk.clearing import left_in
from dlcore.store.files import Files
from dlcore.store.removal import Removal


class Stubborn(Files):
    """A disk on which no folder can be deleted."""

    def remove_tree(self, path: Path) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path / "file"))


def package(tmp_path: Path) -> Path:
    folder = tmp_path / "packages" / "one"
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(b"content")
    return folder


def test_a_folder_that_may_not_be_deleted_is_out_of_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault: a file of a package that is removed may not be deleted, as an immutable one. dlcore
    takes the package out of its place, names the file in its log, and goes on.
    """
    removed = tmp_path / "removed"
    removed.mkdir()
    for names in (["one"], ["one", "one.1"]):
        removal = Removal(Stubborn(), removed)
        removal.remove(package(tmp_path))
        assert sorted(os.listdir(removed)) == names  # noqa: PTH208  # names only
        removal.finish()
    assert f"{removed / 'one' / 'file'} cannot be deleted" in caplog.text
    Removal(Files(), removed).finish()
    assert not [*removed.iterdir()]


@pytest.mark.posix_only(reason="Windows deletes by paths")
def test_what_is_refused_is_named_with_its_whole_path(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as told:
        Files().remove_tree(tmp_path / "nothing")
    assert told.value.filename == str(tmp_path / "nothing")


def test_what_is_left_is_told(tmp_path: Path) -> None:
    assert left_in(tmp_path / "gone") is None
    assert left_in(package(tmp_path).parent) == tmp_path / "packages" / "one" / "file"
    (tmp_path / "empty").mkdir()
    assert left_in(tmp_path / "empty") == tmp_path / "empty"
