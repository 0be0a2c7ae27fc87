"""A file that a user names is written to, and nothing that another user has planted there."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from dlcore.disk.named_files import not_planted
from dlcore.errors import OwnershipError
from tests.users import ADVERSARY, folder_of, give, needs_root

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")


def write(path: Path, mode: str = "a") -> None:
    with open(path, mode, encoding="utf-8", opener=not_planted) as file:
        file.write("text")


def test_a_file_is_made_appended_to_and_replaced(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write(file)
    write(file)
    assert file.read_text() == "texttext"
    write(file, "w")
    assert file.read_text() == "text"
    with pytest.raises(FileExistsError):
        write(file, "x")
    write(tmp_path / "new", "x")
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "nowhere" / "file")


def test_the_null_device_is_written_to() -> None:
    write(Path(os.devnull))


@pytest.mark.wine_cannot(reason="makes no symbolic links")
@pytest.mark.parametrize("is_there", [False, True])
def test_a_link_of_this_user_is_followed(tmp_path: Path, is_there: bool) -> None:
    if is_there:
        (tmp_path / "file").touch()
    try:
        (tmp_path / "link").symlink_to("file")
    except OSError:
        pytest.skip("this user may not make links")
    write(tmp_path / "link")
    assert (tmp_path / "file").read_text() == "text"


@needs_pipes
def test_a_pipe_that_the_user_names_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write(pipe)
        assert os.read(reader, 10) == b"text"
    finally:
        os.close(reader)


@pytest.mark.posix_only(reason="open files have no paths on Windows")
def test_an_open_file_of_the_process_is_written_to(tmp_path: Path) -> None:
    """As standard error is, which may be a pipe or a file that was removed."""
    reader, writer = os.pipe()
    gone = os.open(tmp_path / "gone", os.O_RDWR | os.O_CREAT)
    (tmp_path / "gone").unlink()
    try:
        write(Path(f"/dev/fd/{writer}"))
        assert os.read(reader, 10) == b"text"
        write(Path(f"/dev/fd/{gone}"))
        assert os.pread(gone, 10, 0) == b"text"
    finally:
        for each in (reader, writer, gone):
            os.close(each)
    assert not [*tmp_path.glob("gone*")]


def made_meanwhile(place: Path, make: Callable[[], object]) -> Callable[[str, int], int]:
    """An opener for which something appears right after it saw that nothing is there."""

    def lstat(path: Path) -> os.stat_result:
        try:
            return path.lstat()
        except FileNotFoundError:
            if path.name == place.name and next(looks):
                make()
            raise

    looks = iter([False, True, False, False])  # the second look decides
    return partial(not_planted, lstat=lstat)


def test_a_log_that_another_command_makes_at_this_moment_is_appended_to(tmp_path: Path) -> None:
    log = tmp_path / "log"
    opener = made_meanwhile(log, lambda: log.write_text("of the other command"))
    with open(log, "a", encoding="utf-8", opener=opener) as file:
        file.write("text")
    assert log.read_text() == "of the other commandtext"


@needs_root
def test_a_link_that_is_planted_at_this_moment_is_refused(tmp_path: Path) -> None:
    """Fault: another user plants a link right after dlcore saw that its log is not there yet.
    dlcore refuses the link.
    """

    def plant() -> None:
        place.symlink_to(tmp_path / "new")
        give(place, ADVERSARY)

    with folder_of(None, mode=0o1777) as folder:
        place = folder / "log"
        with pytest.raises(OwnershipError, match="is a link of"):
            made_meanwhile(place, plant)(str(place), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    assert not (tmp_path / "new").exists()


@needs_root
@pytest.mark.parametrize("mode", ["a", "w"])
@pytest.mark.parametrize("planted", ["link", "dangling link", "folder link", "file", "pipe"])
def test_what_another_user_plants_is_refused(tmp_path: Path, planted: str, mode: str) -> None:
    """Fault: another user plants a link, a file or a pipe where dlcore is to write a log or a
    report. dlcore refuses it by name.
    """
    victim = tmp_path / "victim"
    victim.write_text("of this user")
    with folder_of(None, mode=0o1777) as folder:
        place = folder / "place"
        match planted:
            case "link":
                place.symlink_to(victim)
            case "dangling link":
                place.symlink_to(tmp_path / "new")
            case "folder link":
                place.symlink_to(tmp_path)
            case "file":
                place.touch()
            case _:
                os.mkfifo(place)
        give(place, ADVERSARY)
        with pytest.raises(OwnershipError, match="place is ") as refused:
            write(place / "victim" if planted == "folder link" else place, mode)
        assert refused.value.path == place
        assert refused.value.remedy
        assert planted != "file" or place.read_text() == ""
    assert not (tmp_path / "new").exists()
    assert victim.read_text() == "of this user"


@pytest.mark.posix_only(reason="makes a folder that is open to all, with a sticky bit")
@pytest.mark.parametrize("mode", ["a", "w"])
def test_another_name_of_a_file_is_refused_where_everyone_may_write(
    tmp_path: Path, mode: str
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("of this user")
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o1777)
    (folder / "log").hardlink_to(victim)
    with pytest.raises(OwnershipError, match="several names"):
        write(folder / "log", mode)
    assert victim.read_text() == "of this user"
