"""The form of a path that Windows opens however long it is."""

from __future__ import annotations

import ntpath
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.long_path import (
    long_path,
    marked,
    plain_path,
    plain_text,
    rooted,
    shown,
    unmarked,
    why_no_folder,
    why_no_folder_on_windows,
)

NAMES = st.text(st.characters(codec="utf-8", exclude_characters='<>:"/\\|?*\0'), min_size=1)
ROOTS = st.sampled_from(["C:\\", "Z:\\", "\\\\server\\share\\"])
PATHS = st.builds(lambda root, names: root + "\\".join(names), ROOTS, st.lists(NAMES))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("C:\\a\\b", "\\\\?\\C:\\a\\b"),
        ("\\\\server\\share\\a", "\\\\?\\UNC\\server\\share\\a"),
        ("\\\\?\\C:\\a", "\\\\?\\C:\\a"),
        ("\\\\?\\UNC\\server\\share", "\\\\?\\UNC\\server\\share"),
        ("\\\\.\\NUL", "\\\\.\\NUL"),
    ],
)
def test_the_mark_of_a_long_path(path: str, expected: str) -> None:
    assert marked(path) == expected


@given(PATHS)
def test_the_mark_comes_off_again(path: str) -> None:
    assert unmarked(marked(path)) == path
    assert marked(marked(path)) == marked(path)


@given(PATHS, NAMES)
def test_what_is_joined_to_a_marked_folder_is_marked(path: str, name: str) -> None:
    assert ntpath.join(marked(path), name) == marked(ntpath.join(path, name))


def test_what_no_name_on_windows_has_is_not_shown() -> None:
    r"""Fault: somebody mistypes a signed URL, which Windows takes for a path. dlcore hides it."""
    mistyped = Path("https:/host.invalid/f?sig=SECRET")
    assert shown(mistyped, platform="win32").endswith("?***")
    assert shown(mistyped, platform="linux") == str(mistyped)
    assert shown(Path("a/b"), platform="win32") == str(Path("a/b"))


def test_a_message_is_told_without_marks() -> None:
    told = "cannot move \\\\?\\C:\\a to \\\\?\\UNC\\server\\share\\b: access denied"
    assert unmarked(told) == "cannot move C:\\a to \\\\server\\share\\b: access denied"


def test_the_name_of_a_volume_keeps_its_mark() -> None:
    volume = "\\\\?\\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}\\folder"
    assert unmarked(f"in {volume}") == f"in {volume}"


@pytest.mark.posix_only(reason="Windows has a limit")
def test_paths_stay_as_they_are_where_there_is_no_such_limit() -> None:
    assert long_path(Path("a/../b")) == Path("a/../b")
    assert plain_path(Path("/a/\\\\?\\b")) == Path("/a/\\\\?\\b")
    assert plain_text("in /a/\\\\?\\b") == "in /a/\\\\?\\b"


@pytest.mark.skipif(sys.platform != "win32", reason="only Windows has this limit")
def test_a_relative_path_becomes_absolute_and_gets_the_mark() -> None:
    assert str(long_path(Path("a/../b"))) == f"\\\\?\\{Path.cwd() / 'b'}"
    assert plain_path(long_path(Path("b"))) == Path.cwd() / "b"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("C:\\a\\b", ""),
        ("C:\\", ""),
        ("C:a", ""),
        ("a", ""),
        ("\\\\server\\share\\a", ""),
        ("\\\\?\\C:\\a", ""),
        ("C:\\NUL\\a", ""),
        ("C:\\nullify", ""),
        ("NUL", "NUL is a device, not a folder"),
        ("C:\\a\\com1.txt", "com1.txt is a device, not a folder"),
        ("\\\\.\\COM1", "\\\\.\\COM1 is a device, not a folder"),
        ("C:\\a:b", "a colon may only follow the letter of a drive"),
        ("C:\\a:b\\c", "a colon may only follow the letter of a drive"),
        ("ab:c", "a colon may only follow the letter of a drive"),
    ],
)
def test_a_path_that_no_folder_of_windows_can_have(path: str, reason: str) -> None:
    assert why_no_folder_on_windows(path) == reason
    assert why_no_folder(Path(path)) == (reason if sys.platform == "win32" else "")


@pytest.mark.parametrize(
    "way", ["../to", "folder/../to", "missing/../to", "./folder/../../x/../to"]
)
def test_a_path_of_our_own_has_no_way_up(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "inside"
    (inside / "folder").mkdir(parents=True)
    monkeypatch.chdir(inside)
    path = plain_path(rooted(Path(way)))
    assert ".." not in path.parts
    assert path == Path(os.path.normpath(inside / way))


@pytest.mark.posix_only(reason="Windows takes a way up by its letters")
def test_a_way_up_leads_up_from_where_a_link_leads(tmp_path: Path) -> None:
    (tmp_path / "far" / "folder").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "folder")
    assert rooted(tmp_path / "link" / ".." / "to") == tmp_path / "far" / "to"
