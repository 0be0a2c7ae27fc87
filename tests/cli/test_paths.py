"""Paths as people type them, rightly and wrongly."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dlcore.cli.quotation_marks import check_quotation_marks
from dlcore.errors import ConfigError
from tests.cli.conftest import Site
from tests.cli.helpers import Here, refused

windows_only = pytest.mark.skipif(sys.platform != "win32", reason="names as Windows has them")


def test_a_message_shows_a_path_as_it_was_given(here: Here, tmp_path: Path) -> None:
    folder = tmp_path / "a\\b"  # on Windows two folders
    folder.mkdir(parents=True)
    message = refused(here("plan", folder, "--json"), 2, "config")["message"]
    assert message == f"SEQUENCE: '{folder}' is a folder, not a file"
    message = refused(here("verify", folder, "--log-file", folder, "--json"), 2, "config")[
        "message"
    ]
    assert message == f"--log-file: '{folder}' is a folder, not a file"
    ended = here("fetch", folder / "none", "--from", folder, "-o", tmp_path / "to", "--json")
    message = str(refused(ended, 4, "not-found")["message"])
    assert message.startswith(f"'{folder / 'none'}' is neither a package id")


NO_NAMES = ["x" * 300, "9" * 5000]
if sys.platform != "win32":  # where a path may be as long as that
    NO_NAMES.append("y/" * 3000 + "y")


@pytest.mark.parametrize("name", NO_NAMES)
@pytest.mark.parametrize(
    "line",
    [
        "report NAME",
        "fetch NAME -o to",
        "fetch -i NAME -o to",
        "prune NAME --keep 1",
        "publish SITE --package-id ABC00001 --to NAME",
        "publish NAME --package-id ABC00001 --to to",
        "publish SITE --package-id ABC00001 --to to --patch-from NAME",
        "trust init NAME --keys keys",
        "list NAME",
        "verify NAME",
    ],
)
def test_a_name_that_no_file_has_is_told(
    line: str,
    name: str,
    here: Here,
    site: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fault: a path is longer than the file system has names, or below a folder that is closed to
    this user. dlcore says so, and names the path.
    """
    monkeypatch.chdir(tmp_path)
    places = {"NAME": name, "SITE": str(site.published)}
    ended = here(*(places.get(word, word) for word in line.split()), "--json")
    assert ended.status in {2, 4, 9}, ended.err
    assert name[:40] in ended.error["message"]


@pytest.mark.parametrize("command", ["publish", "serve", "plan", "verify"])
def test_an_empty_path_is_not_the_current_folder(command: str, here: Here) -> None:
    """Fault: a variable that is not set makes a path empty. dlcore does not take the current
    folder for it.
    """
    ended = here(command, "", "--json")
    assert "The path is empty" in str(refused(ended, 2, "config")["message"])


def test_a_folder_to_fetch_into_is_not_empty_text(here: Here, site: Site) -> None:
    ended = here("fetch", "ABC00001", "--from", site.published, "-o", "", "--json")
    assert "The path is empty" in str(refused(ended, 2, "config")["message"])


@pytest.mark.parametrize("path", ['C:\\a b" -q', '\\\\server\\share\\a b" -q', 'c:/a"'])
def test_a_backslash_before_a_quotation_mark_is_explained(path: str) -> None:
    """Fault: a path in quotation marks ends with a backslash, and so Windows takes the arguments
    behind it for a part of it. dlcore says which character to leave out.
    """
    with pytest.raises(ConfigError, match="contains a quotation mark") as told:
        check_quotation_marks(["fetch", "-o", path], platform="win32")
    assert "Leave out the backslash" in told.value.remedy
    check_quotation_marks(["fetch", "-o", path], platform="linux")


def test_quotation_marks_in_other_arguments_are_allowed() -> None:
    arguments = ['Install="C:\\a b\\setup.exe" /q', "C:\\a b", '"', ""]
    check_quotation_marks(arguments, platform="win32")


@windows_only
def test_a_path_that_has_swallowed_arguments_is_status_2(here: Here) -> None:
    refused(here("verify", 'C:\\a b" -q', "--json"), 2, "config")


@windows_only
@pytest.mark.parametrize("name", ["NUL", "com1", "aux.txt"])
def test_a_device_is_no_folder(name: str, here: Here, site: Site, tmp_path: Path) -> None:
    """Fault: an output folder has the name of a device of Windows. dlcore refuses it by name."""
    told = f"{name} is a device, not a folder"
    ended = here("fetch", "ABC00002", "--from", site.published, "-o", tmp_path / name, "--json")
    assert told in str(refused(ended, 2, "config")["message"])
    source = ("publish", site.source("ABC00002"), "--package-id", "ABC00002")
    ended = here(*source, "--to", tmp_path / name, "--json")
    assert told in str(refused(ended, 2, "config")["message"])


@windows_only
def test_a_stream_of_a_file_is_no_folder(here: Here, site: Site, tmp_path: Path) -> None:
    """Fault: an output folder has a colon in its name. dlcore does not take a part of the path for
    a drive, and refuses it.
    """
    for name in ("a:b", "a:b\\c"):
        to = f"{tmp_path}\\{name}"
        ended = here("fetch", "ABC00002", "--from", site.published, "-o", to, "--json")
        assert "a colon" in str(refused(ended, 2, "config")["message"])
    assert list(tmp_path.iterdir()) == []


@windows_only
def test_a_drive_that_does_not_exist_is_named(here: Here, site: Site) -> None:
    """Fault: a drive is not there. dlcore names it, whatever should be written to it."""
    drive = next(f"{letter}:\\" for letter in "QRSTUVW" if not Path(f"{letter}:\\").exists())
    ended = here("fetch", "ABC00002", "--from", site.published, "-o", f"{drive}to", "--json")
    assert drive in str(refused(ended, 9, "storage")["message"])
    source = ("publish", site.source("ABC00002"), "--package-id", "ABC00002")
    ended = here(*source, "--to", f"{drive}site", "--json")
    assert drive in str(refused(ended, 9, "storage")["message"])
    ended = here("verify", f"{drive}site", "--json")
    assert drive in str(refused(ended, 4, "not-found")["message"])
    ended = here("serve", site.published, "--state", f"{drive}state", "--json")
    assert drive in str(refused(ended, 9, "storage")["message"])
    where = ("--config", site.gateway.config, "--state", f"{drive}state", "--json")
    ended = here("run", site.sequence, *where, "--simulate", "0")
    assert drive in str(refused(ended, 9, "storage")["message"])
