"""Names that another program holds: with refusals as Windows makes them, and with real handles.

On Windows a file that Python holds open cannot be renamed or deleted: Python does not share that
right, as many programs do not. The pause between two attempts closes it, so nothing sleeps.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dlcore.disk import held_files, renames
from dlcore.disk.faults import storage_error
from dlcore.disk.held_files import Patience
from dlcore.disk.system import make_folders
from dlcore.long_path import long_path

windows_only = pytest.mark.skipif(
    sys.platform != "win32", reason="elsewhere an open file can be renamed and deleted"
)


class RefusedError(PermissionError):
    """A refusal with a code of Windows, on any system."""

    winerror = 0

    def __init__(self, code: int) -> None:
        super().__init__(errno.EACCES, "held")
        self.winerror = code


class Held:
    """A name that is refused with a code of Windows, some times."""

    def __init__(self, code: int, times: int) -> None:
        self.code = code
        self.left = times

    def call(self) -> None:
        if self.left:
            self.left -= 1
            raise RefusedError(self.code)


@pytest.mark.parametrize("code", [5, 32, 145], ids=["access denied", "sharing", "not empty yet"])
def test_a_name_is_tried_until_it_is_released(code: int) -> None:
    """Fault D11: a virus scanner holds a file. dlcore tries again, at growing intervals."""
    held, pauses_s = Held(code, 10), list[float]()
    Patience(pause=pauses_s.append).until_released(held.call)
    assert held.left == 0
    assert pauses_s == [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("code", [2, 17, 112, 183])
def test_another_refusal_is_told_at_once(code: int) -> None:
    pauses_s = list[float]()
    with pytest.raises(OSError, match="held"):
        Patience(pause=pauses_s.append).until_released(Held(code, 1).call)
    assert not pauses_s


def test_patience_ends_and_covers_all_names_together() -> None:
    """Fault D11: a file that is never released. dlcore waits a minute in all, and says so."""
    pauses_s = list[float]()
    patience = Patience(pause=pauses_s.append)
    with pytest.raises(PermissionError):
        patience.until_released(Held(32, 1000).call)
    assert 60 <= sum(pauses_s) < 61
    with pytest.raises(PermissionError):
        patience.until_released(Held(32, 1).call)
    assert sum(pauses_s) < 61


def test_a_file_that_stays_open_has_a_remedy_of_its_own() -> None:
    """Fault: a program never closes a file that is to go. dlcore asks to close that program."""
    error = storage_error(RefusedError(32), "remove package ABC00012", Path("file"))
    assert "Close the program" in str(error.remedy)
    error = storage_error(RefusedError(5), "remove package ABC00012", Path("file"))
    assert "right to write" in str(error.remedy)


class Program:
    """Another program: it holds a file until dlcore pauses for the second time."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY)
        self.pauses = 0

    def go_on(self, _: float) -> None:
        self.pauses += 1
        if self.pauses == 2:
            os.close(self._fd)


Change = Callable[[Path, Patience], None]


def remove(path: Path, patience: Patience) -> None:
    held_files.remove(path / "file", patience)


def remove_tree(path: Path, patience: Patience) -> None:
    held_files.remove_tree(path, patience)


def move(path: Path, patience: Patience) -> None:
    if sys.platform == "win32":
        held_files.move(path / "file", path / "new", patience=patience)


def replace(path: Path, patience: Patience) -> None:
    if sys.platform == "win32":
        (path / "fresh").write_bytes(b"new")
        held_files.move(path / "fresh", path / "file", patience=patience)


@windows_only
@pytest.mark.parametrize("change", [remove, remove_tree, move, replace])
def test_a_file_that_a_program_holds_is_changed_later(change: Change, tmp_path: Path) -> None:
    """Fault: a program has a file open that is to go. dlcore waits until it is closed."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_bytes(b"old")
    program = Program(folder / "file")
    change(folder, Patience(pause=program.go_on))
    assert program.pauses == 2
    assert not (folder / "file").exists() or (folder / "file").read_bytes() == b"new"


@windows_only
@pytest.mark.parametrize("change", [remove, remove_tree, replace])
def test_a_file_that_is_marked_read_only_is_changed(change: Change, tmp_path: Path) -> None:
    """Fault: a package's file was marked read-only. dlcore deletes it as on other systems."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_bytes(b"old")
    (folder / "file").chmod(stat.S_IREAD)
    change(folder, Patience(0.0))
    assert not (folder / "file").exists() or (folder / "file").read_bytes() == b"new"


@windows_only
def test_a_refusal_has_no_full_stop_inside_a_message(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as refused:
        move(tmp_path, Patience(0.0))
    assert refused.value.strerror
    assert not refused.value.strerror.endswith(".")


def test_a_tree_goes_with_everything_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "a" / "b").mkdir(parents=True)
    for name in ("file", "a/file", "a/b/file"):
        (folder / name).write_bytes(b"content")
    held_files.remove_tree(folder, Patience(0.0))
    assert not folder.exists()


def test_a_thousand_nested_folders_go_by_their_paths(tmp_path: Path) -> None:
    """Fault: a program leaves a thousand nested folders. Windows' paths lead to them too."""
    top = long_path(tmp_path / "top")
    make_folders(top.joinpath(*["y"] * 1_200))
    held_files.remove_tree(top, Patience(0.0))
    assert not top.exists()


def test_what_is_not_there_cannot_be_removed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        held_files.remove(tmp_path / "missing")
    with pytest.raises(FileNotFoundError):
        held_files.remove_tree(tmp_path / "missing")


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_move_to_a_free_name_replaces_nothing(kind: str, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    for path in (source, target):
        if kind == "file":
            path.write_bytes(path.name.encode())
        else:
            path.mkdir()
    with pytest.raises(FileExistsError):
        renames.move_to_free_name(source, target)
    assert source.exists()
    if kind == "file":
        assert target.read_bytes() == b"target"


@windows_only
def test_a_file_never_takes_the_place_of_a_folder(tmp_path: Path) -> None:
    """Fault: a folder in the place of a document. dlcore says so at once, without waiting."""
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "folder").mkdir()
    if sys.platform == "win32":
        with pytest.raises(FileExistsError):
            held_files.move(tmp_path / "file", tmp_path / "folder")
