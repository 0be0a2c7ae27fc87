"""Folders are walked through and deleted however deep they are, and nothing else is."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.disk.clearing import clear, left_in
from dlcore.disk.system import make_folders, stop_walk
from dlcore.disk.trees import contents_first, walk
from tests.users import ORDINARY, folder_of, run_as_ordinary_user

Tree = dict[str, "Tree | None"]
"""What a folder holds, by name: other folders, and None for files."""

if sys.platform != "win32":
    from dlcore.disk.trees import ignore, remove_tree

POSIX = pytest.mark.posix_only(reason="Windows deletes by paths")
NAMES = st.sampled_from("abc")
TREES: st.SearchStrategy[Tree] = st.recursive(
    st.just({}), lambda inner: st.dictionaries(NAMES, st.none() | inner, max_size=3), max_leaves=20
)


def make(folder: Path, tree: Tree) -> None:
    folder.mkdir()
    for name, inner in tree.items():
        if inner is None:
            (folder / name).write_bytes(b"content")
        else:
            make(folder / name, inner)


def nest(folder: Path, levels: int) -> Path:
    """Make folders in each other, deeper than a path can be. Returns the top."""
    folder.mkdir()
    fd = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("y", dir_fd=fd)
        below = os.open("y", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    return folder


@given(TREES)
def test_walking_is_that_of_python(tree: Tree) -> None:
    with TemporaryDirectory() as folder:
        place = Path(folder)
        make(place / "top", tree)
        expected = {
            (Path(parent), frozenset(folders), frozenset(files))
            for parent, folders, files in os.walk(place / "top")
        }
        walked = [*walk(place / "top")]
        assert {(at, frozenset(folders), frozenset(files)) for at, folders, files in walked} == (
            expected
        )
        assert len(walked) == len(expected)


@given(TREES)
def test_the_contents_of_a_folder_come_before_it(tree: Tree) -> None:
    with TemporaryDirectory() as folder:
        place = Path(folder)
        make(place / "top", tree)
        for path, is_folder in contents_first(place / "top"):
            (os.rmdir if is_folder else os.unlink)(path)
        assert not list(place.iterdir())


@pytest.mark.wine_cannot(reason="makes no symbolic links")
def test_what_a_link_leads_to_is_no_content(tmp_path: Path) -> None:
    make(tmp_path / "top", {})
    make(tmp_path / "beside", {"a": None})
    (tmp_path / "top" / "link").symlink_to(tmp_path / "beside", target_is_directory=True)
    assert [*contents_first(tmp_path / "top")] == [
        (str(tmp_path / "top" / "link"), False),
        (str(tmp_path / "top"), True),
    ]
    with pytest.raises(NotADirectoryError):
        next(contents_first(tmp_path / "top" / "link"))


@pytest.mark.wine_cannot(reason="makes no symbolic links")
def test_a_folder_that_became_a_link_is_not_gone_through(tmp_path: Path) -> None:
    """Fault: a folder is replaced by a link before its turn comes to be deleted by its path. dlcore
    does not go where the link leads.
    """
    make(tmp_path / "beside", {"a": None})
    make(tmp_path / "top", {"b": {"a": None}, "c": None})
    contents = contents_first(tmp_path / "top")
    next(contents)  # the file; now the folder is known
    (tmp_path / "top" / "b").rename(tmp_path / "moved")
    (tmp_path / "top" / "b").symlink_to(tmp_path / "beside", target_is_directory=True)
    assert [path for path, _ in contents] == [str(tmp_path / "top" / "b"), str(tmp_path / "top")]


@POSIX
@given(TREES)
def test_all_of_a_tree_is_deleted_and_nothing_beside_it(tree: Tree) -> None:
    with TemporaryDirectory() as folder:
        place = Path(folder)
        make(place / "top", tree)
        make(place / "beside", tree)
        (place / "top" / "link").symlink_to(place / "beside")
        remove_tree(place / "top", None, stop_walk)
        assert [path.name for path in place.iterdir()] == ["beside"]
        assert len([*walk(place / "beside")]) == len([*os.walk(place / "beside")])


@POSIX
@pytest.mark.parametrize("levels", [1_200, 3_000])
def test_a_thousand_nested_folders_are_deleted(tmp_path: Path, levels: int) -> None:
    """Fault: a program leaves folders that are nested a thousand times and more, below which no
    path leads. dlcore deletes them.
    """
    remove_tree(nest(tmp_path / "removed", levels), None, stop_walk)
    clear(nest(tmp_path / "cleared", levels))
    assert not list(tmp_path.iterdir())


@POSIX
def test_a_thousand_nested_folders_are_made_and_walked_through(tmp_path: Path) -> None:
    deepest = tmp_path.joinpath("top", *["y"] * 1_200)
    make_folders(deepest)
    assert len([*walk(tmp_path / "top")]) == 1_201
    assert len([*contents_first(tmp_path / "top")]) == 1_201
    assert left_in(tmp_path / "top") == deepest
    clear(tmp_path / "top")


@POSIX
@pytest.mark.parametrize("stops", [False, True])
def test_what_is_refused_is_told_with_its_path(stops: bool) -> None:
    def work(place: Path) -> None:
        (place / "top" / "closed").mkdir(parents=True)
        (place / "top" / "closed" / "file").touch()
        (place / "top" / "other").touch()
        (place / "top" / "closed").chmod(0o500)
        told: list[str] = []

        def refused(error: OSError) -> None:
            told.append(str(error.filename))
            if stops:
                raise error

        try:
            remove_tree(place / "top", None, refused)
        except PermissionError:
            assert stops
        (place / "top" / "closed").chmod(0o700)
        file, closed, top = (place / "top" / "closed" / "file", place / "top/closed", place / "top")
        assert told == ([str(file)] if stops else [str(file), str(closed), str(top)])
        assert not (place / "top" / "other").exists()

    with folder_of(ORDINARY) as place:
        run_as_ordinary_user(lambda: work(place))


@POSIX
def test_nothing_is_deleted_where_a_folder_was_moved_meanwhile() -> None:
    """Fault: another process moves a folder while it is deleted. dlcore does not go on where that
    is now.
    """

    def work(place: Path) -> None:
        deep = place.joinpath("top", *["y"] * 70)
        deep.mkdir(parents=True)
        (deep / "file").touch()
        deep.chmod(0o500)
        (place / "elsewhere" / "y").mkdir(parents=True)
        (place / "elsewhere" / "kept").touch()

        def move(error: OSError) -> None:
            if deep.exists():
                deep.parent.rename(place / "elsewhere" / "y")

        with pytest.raises(FileNotFoundError, match="moved while it was deleted"):
            remove_tree(place / "top", None, move)
        assert (place / "elsewhere" / "kept").exists()
        (place / "elsewhere" / "y" / "y").chmod(0o700)

    with folder_of(ORDINARY) as place:
        run_as_ordinary_user(lambda: work(place))


@POSIX
def test_a_link_and_what_is_not_there_are_no_trees(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    for name in ("link", "none"):
        with pytest.raises(OSError, match=name):
            remove_tree(tmp_path / name, None, ignore)
    shutil.rmtree(tmp_path / "folder")
