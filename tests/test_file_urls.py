"""Paths as ``file:`` URLs, on POSIX and on Windows."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.errors import ConfigError
from dlcore.file_urls import is_file_url, path_of_file_url

NAMES = st.text(st.characters(codec="utf-8", exclude_characters='\0/\\:*?"<>|'), min_size=1)


@pytest.mark.parametrize(
    ("url", "is_windows", "path"),
    [
        ("file:///srv/a%20site", False, "/srv/a site"),
        ("FILE://localhost/srv", False, "/srv"),
        ("file:/srv", False, "/srv"),
        ("file:///C:/My%20Site", True, r"C:\My Site"),
        ("file://localhost/c:/site", True, r"c:\site"),
        ("file://server/share/a%23b", True, r"\\server\share\a#b"),
        ("file:////server/share/x", True, r"\\server\share\x"),
    ],
)
def test_a_url_means_a_path(url: str, path: str, *, is_windows: bool) -> None:
    assert is_file_url(url)
    assert path_of_file_url(url, is_windows=is_windows) == path


@pytest.mark.parametrize(
    ("url", "is_windows", "why"),
    [
        ("file://server/share/x", False, "names another computer, server"),
        ("file:srv", False, "not an absolute path"),
        ("file:///srv/a?b", False, "has a query"),
        ("file:///srv/a%00b", False, "not an absolute path"),
        ("file://C:/site", True, "three slashes"),
        ("file:///srv", True, "names no drive"),
        ("file://[x/y", False, "cannot be read"),
    ],
)
def test_a_url_that_means_no_path_here_is_refused(url: str, why: str, *, is_windows: bool) -> None:
    with pytest.raises(ConfigError, match=why):
        path_of_file_url(url, is_windows=is_windows)


@given(st.lists(NAMES, min_size=1))
def test_a_path_of_windows_survives_as_a_url(names: list[str]) -> None:
    path = PureWindowsPath("C:/", *names)
    assert path_of_file_url(path.as_uri(), is_windows=True) == str(path)


def test_a_path_of_this_system_survives_as_a_url(tmp_path: Path) -> None:
    assert path_of_file_url((tmp_path / "a b%#?").as_uri()) == str(tmp_path / "a b%#?")
