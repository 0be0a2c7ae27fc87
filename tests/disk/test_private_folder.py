"""What lies in a private folder is reached by handles, never through a link."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dlcore.disk.private_folder import (
    HAS_HANDLES,
    MAX_FOLDERS,
    PrivateFolder,
    make_folder,
    make_way,
    open_file,
    place_anywhere,
)
from dlcore.errors import InternalError, OwnershipError
from tests.users import ADVERSARY, ORDINARY, folder_of, give, needs_root, run_as_ordinary_user

WAYS = [True, False] if HAS_HANDLES else [False]
NO_LINKS = pytest.mark.wine_cannot(reason="makes no symbolic links")
MODES = pytest.mark.posix_only(reason="modes are POSIX's")
UMASKS = [0, 0o022, 0o077, 0o277, 0o777]
Opened = Callable[[Path], PrivateFolder]


@pytest.fixture(params=WAYS, ids=lambda handles: "handles" if handles else "paths")
def opened(request: pytest.FixtureRequest) -> Opened:
    """Makes a private folder that uses handles, or paths as on Windows."""
    return lambda path: PrivateFolder(path, has_handles=request.param)


def write(folder: PrivateFolder, path: Path, data: bytes) -> None:
    fd = open_file(path, folder.place(path), create=True)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def open_below(folder: Path) -> int:
    """How many descriptors of this process are open on a folder and what is in it."""
    count = 0
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # of the listing itself
            count += link.readlink().is_relative_to(folder)
    return count


def test_files_are_made_and_found_at_their_paths(tmp_path: Path, opened: Opened) -> None:
    folder = opened(tmp_path)
    make_folder(folder.place(tmp_path / "a"))
    make_folder(folder.place(tmp_path / "a" / "b"))
    write(folder, tmp_path / "top", b"1")
    write(folder, tmp_path / "a" / "b" / "deep", b"2")
    assert (tmp_path / "top").read_bytes() == b"1"
    assert (tmp_path / "a" / "b" / "deep").read_bytes() == b"2"


@MODES
@pytest.mark.parametrize("umask", UMASKS, ids=oct)
def test_modes_hold_whatever_the_umask_is(umask: int) -> None:
    """Fault: a umask of 0, or one that forbids the owner. dlcore's modes are 0700 and 0600."""

    def make(folder: Path) -> None:
        os.umask(umask)
        make_way(folder / "way" / "state")
        private = PrivateFolder(folder / "way" / "state")
        make_folder(private.place(folder / "way" / "state" / "inner"))
        write(private, folder / "way" / "state" / "inner" / "file", b"data")
        write(private, folder / "way" / "state" / "inner" / "file", b"more")

    with folder_of(ORDINARY) as folder:
        run_as_ordinary_user(lambda: make(folder))
        found = {path.name: oct(mode(path)) for path in folder.rglob("*")}
    assert found == {"way": "0o700", "state": "0o700", "inner": "0o700", "file": "0o600"}


@MODES
@pytest.mark.parametrize("earlier", [0o666, 0o644, 0o640])
def test_a_file_that_others_could_open_becomes_private(tmp_path: Path, earlier: int) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "file").chmod(earlier)
    write(PrivateFolder(tmp_path), tmp_path / "file", b"data")
    assert mode(tmp_path / "file") == 0o600


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("link", marks=NO_LINKS),
        pytest.param("link to nothing", marks=NO_LINKS),
        "hard link",
        pytest.param(
            "pipe", marks=pytest.mark.posix_only(reason="pipes have no place in a folder")
        ),
        "folder",
    ],
)
def test_what_is_not_a_plain_file_is_refused(tmp_path: Path, opened: Opened, kind: str) -> None:
    """Fault: a link, a second name or a pipe is in the place of a file. dlcore refuses it."""
    victim, place = tmp_path / "victim", tmp_path / "state" / "file"
    victim.write_text("precious")
    place.parent.mkdir(mode=0o700)
    match kind:
        case "link":
            place.symlink_to(victim)
        case "link to nothing":
            place.symlink_to(tmp_path / "new")
        case "hard link":
            place.hardlink_to(victim)
        case "pipe":
            os.mkfifo(place)
        case _:
            place.mkdir()
    folder = opened(tmp_path / "state")
    for flags, create in ((os.O_RDWR, True), (os.O_RDWR, False), (os.O_RDONLY, False)):
        with pytest.raises(OSError) as refused:
            os.close(open_file(place, folder.place(place), flags, create=create))
        assert refused.value.filename == str(place)
    assert victim.read_text() == "precious"
    assert not (tmp_path / "new").exists()


@NO_LINKS
@pytest.mark.parametrize("depth", [1, 2], ids=["parent", "above the parent"])
def test_a_link_in_the_place_of_a_folder_is_not_followed(
    tmp_path: Path, opened: Opened, depth: int
) -> None:
    """Fault: a link is in the place of a folder. dlcore refuses it, and writes nothing there."""
    state, outside = tmp_path / "state", tmp_path / "outside"
    (outside / "b").mkdir(parents=True)
    state.mkdir(mode=0o700)
    (state / "a").symlink_to(outside)
    place = state.joinpath("a", "b", "file") if depth == 2 else state / "a" / "file"
    named = str(state / "a")
    with pytest.raises((OSError, OwnershipError), match=re.escape(named)):
        write(opened(state), place, b"data")
    assert not (outside / "file").exists()
    assert not (outside / "b" / "file").exists()


@pytest.mark.skipif(not HAS_HANDLES, reason="needs handles")
def test_a_folder_that_is_exchanged_for_a_link_is_still_the_same(tmp_path: Path) -> None:
    """Fault: a folder is exchanged for a link while it is in use. dlcore stays in the folder."""
    state, outside = tmp_path / "state", tmp_path / "outside"
    (state / "a").mkdir(parents=True)
    outside.mkdir()
    folder = PrivateFolder(state)
    write(folder, state / "a" / "first", b"1")
    (state / "a").rename(state / "moved")
    (state / "a").symlink_to(outside)
    write(folder, state / "a" / "second", b"2")
    assert (state / "moved" / "second").read_bytes() == b"2"
    assert not list(outside.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_a_folder_that_could_be_exchanged_is_refused(tmp_path: Path, opened: Opened) -> None:
    """Fault: others could rename a private folder away. dlcore refuses the folder above it."""
    (tmp_path / "open" / "state").mkdir(parents=True, mode=0o700)
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(OwnershipError, match="open is writable by others"):
        opened(tmp_path / "open" / "state").place(tmp_path / "open" / "state" / "file")
    with pytest.raises(OwnershipError, match="open is writable by others"):
        make_way(tmp_path / "open" / "new")
    assert not (tmp_path / "open" / "new").exists()


@needs_root
@pytest.mark.parametrize("planted", ["folder", "file"])
def test_what_another_user_planted_is_refused_by_name(opened: Opened, planted: str) -> None:
    """Fault: another user's folder or file lies in the state folder. dlcore refuses it by name."""
    with folder_of(ORDINARY) as state:
        (state / "a").mkdir(mode=0o755)
        (state / "a" / "file").write_text("planted")
        (state / "a" / "file").chmod(0o666)
        for path in (state / "a", state / "a" / "file"):
            give(path, ORDINARY)
        evil = give(state / "a" if planted == "folder" else state / "a" / "file", ADVERSARY)

        def refuse() -> None:
            with pytest.raises(OwnershipError, match=f"{evil} is owned by user {ADVERSARY}"):
                write(opened(state), state / "a" / "file", b"data")

        run_as_ordinary_user(refuse)
        assert (state / "a" / "file").read_text() == "planted"


@pytest.mark.parametrize("path", ["..", "a/..", "../x", "a/../../x", "a/../x/y", "/x"])
def test_a_path_that_leads_out_is_a_fault_of_the_caller(
    tmp_path: Path, opened: Opened, path: str
) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(InternalError):
        opened(tmp_path).place(tmp_path / path)


def test_a_missing_folder_is_named_in_full(tmp_path: Path, opened: Opened) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        opened(tmp_path).place(tmp_path / "a" / "b" / "file")
    assert missing.value.filename == str(tmp_path / "a")


def test_a_file_in_the_place_of_a_folder_is_named_in_full(tmp_path: Path, opened: Opened) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(NotADirectoryError) as refused:
        opened(tmp_path).place(tmp_path / "a" / "file")
    assert refused.value.filename == str(tmp_path / "a")


def test_a_folder_that_was_moved_is_forgotten(tmp_path: Path) -> None:
    folder = PrivateFolder(tmp_path)
    make_folder(folder.place(tmp_path / "a"))
    write(folder, tmp_path / "a" / "file", b"1")
    (tmp_path / "a").rename(tmp_path / "b")
    folder.forget_below()
    with pytest.raises(FileNotFoundError):
        write(folder, tmp_path / "a" / "file", b"2")


@pytest.mark.posix_only(reason="folders are never open on Windows")
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc here")
def test_few_folders_are_open_and_none_when_they_are_forgotten(tmp_path: Path) -> None:
    folder = PrivateFolder(tmp_path)
    for number in range(2 * MAX_FOLDERS):
        (tmp_path / f"{number}").mkdir()
        write(folder, tmp_path / f"{number}" / "file", b"")
    assert open_below(tmp_path) == MAX_FOLDERS + 1  # and the private folder itself
    folder.forget_below()
    assert open_below(tmp_path) == 1
    folder.forget()
    assert open_below(tmp_path) == 0


@pytest.mark.skipif(not HAS_HANDLES, reason="needs handles")
def test_a_folder_in_use_stays_open_although_it_is_forgotten(tmp_path: Path) -> None:
    folder = PrivateFolder(tmp_path)
    with folder.place(tmp_path / "file") as (name, parent):
        folder.forget()
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=parent))
    assert (tmp_path / "file").exists()


def test_a_very_deep_path_is_reached(tmp_path: Path, opened: Opened) -> None:
    folder, path = opened(tmp_path), tmp_path
    for _ in range(500):
        path = path / "d"
        make_folder(folder.place(path))
    folder.forget()
    write(folder, path / "file", b"deep")


def test_any_path_can_be_opened_without_a_private_folder(tmp_path: Path) -> None:
    make_folder(place_anywhere(tmp_path / "a"))
    os.close(open_file(tmp_path / "a" / "f", place_anywhere(tmp_path / "a" / "f"), create=True))
    assert (tmp_path / "a" / "f").read_bytes() == b""
    if sys.platform != "win32":
        assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "f")) == (0o700, 0o600)


@pytest.mark.skipif(sys.platform != "win32", reason="elsewhere files have no such mark")
def test_a_file_that_is_marked_read_only_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: a step has marked a package's file read-only. dlcore can repair it nevertheless."""
    path, real = tmp_path / "file", os.open

    def refuse(name: str, flags: int, *arguments: object, **options: object) -> int:
        """As Windows does; Wine lets an administrator write."""
        if flags & (os.O_WRONLY | os.O_RDWR) and not Path(name).stat().st_mode & stat.S_IWRITE:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
        return real(name, flags, *arguments, **options)  # type: ignore[arg-type]

    path.write_bytes(b"content")
    path.chmod(stat.S_IREAD)
    monkeypatch.setattr(os, "open", refuse)
    os.close(open_file(path, place_anywhere(path), os.O_RDONLY))
    assert not path.stat().st_mode & stat.S_IWRITE
    os.close(open_file(path, place_anywhere(path)))
    assert path.read_bytes() == b"content"
    assert path.stat().st_mode & stat.S_IWRITE
