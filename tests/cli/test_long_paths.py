"""Content deeper than Windows' limit for plain paths is published, fetched, verified, repaired."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dlcore.long_path import long_path, plain_path
from tests.cli.helpers import Here
from tests.cli.long_paths import refused_paths

PATH_CHARACTERS = 300
FOLDER = "a folder with a long name " * 2
DATA = b"in the deep" * 1000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with a file whose whole path has 300 characters."""
    root = tmp_path / "source"
    deep = root
    while len(str(deep)) + len(FOLDER) < PATH_CHARACTERS - 60:
        deep /= FOLDER.strip()
    name = "x" * (PATH_CHARACTERS - len(str(deep)) - 1)
    long_path(deep).mkdir(parents=True)
    long_path(deep / name).write_bytes(DATA)
    (root / "setup.txt").write_text("short")
    return root


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def dlcore(here: Here) -> Run:
    """Runs a command, which names no path that Windows refuses. Returns what it says as JSON."""

    def run(*arguments: str | Path) -> dict[str, Any]:
        with refused_paths() as refused:
            ended = here(*arguments, "--json")
        assert not refused
        assert ended.status == 0, ended.err
        assert "\\\\?\\" not in ended.err
        told: dict[str, Any] = ended.document
        assert "\\\\?\\" not in json.dumps(told)
        return told

    return run


def only_file(folder: Path) -> Path:
    found = [path for path in long_path(folder).rglob("x*") if path.is_file()]
    assert len(found) == 1
    return found[0]


def test_a_path_of_300_characters_is_delivered_and_repaired(
    dlcore: Run, source: Path, tmp_path: Path
) -> None:
    """Fault: Windows refuses long paths. dlcore opens them in the form that has no limit."""
    assert len(str(source / only_file(source).relative_to(long_path(source)))) == PATH_CHARACTERS
    site, output = tmp_path / "site", tmp_path / "output"
    dlcore("publish", source, "--package-id", "ABC00001", "--to", site)
    fetch = ("fetch", "ABC00001", "--from", site, "-o", output)
    assert Path(dlcore(*fetch)["path"]) == output
    delivered = only_file(output)
    assert delivered.read_bytes() == DATA
    assert dlcore("verify", site)["verified"] is True

    delivered.write_bytes(b"damaged".ljust(len(DATA)))
    assert dlcore(*fetch)["repaired"] == [delivered.relative_to(long_path(output)).as_posix()]
    assert only_file(output).read_bytes() == DATA


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """A folder whose own path is too long for Windows."""
    folder = tmp_path
    while len(str(folder)) < PATH_CHARACTERS:
        folder /= FOLDER.strip()
    long_path(folder).mkdir(parents=True)
    return folder


def test_folders_that_are_named_by_300_characters_are_read(
    dlcore: Run, deep: Path, tmp_path: Path
) -> None:
    """Fault: a user names folders that Windows refuses for their length. dlcore reads them."""
    source, site, output = tmp_path / "source", tmp_path / "site", tmp_path / "output"
    source.mkdir()
    (source / "setup.txt").write_bytes(DATA)
    dlcore("publish", source, "--package-id", "ABC00001", "--to", site)
    shutil.move(site, long_path(deep / "site"))
    assert (
        Path(dlcore("fetch", "ABC00001", "--from", deep / "site", "-o", output)["path"]) == output
    )
    assert dlcore("verify", deep / "site")["verified"] is True
    shutil.move(output, long_path(deep / "output"))
    manifest = plain_path(next(long_path(deep / "site/manifests").iterdir()))
    assert dlcore("verify", deep / "output", "--manifest", manifest)["verified"] is True


@pytest.mark.wine_cannot(reason="does not resolve a path of over 260 characters")
def test_folders_that_are_named_by_300_characters_are_written(dlcore: Run, deep: Path) -> None:
    """Fault: a user names folders that Windows refuses for their length. dlcore writes to them."""
    source, site, output = deep / "source", deep / "site", deep / "output"
    long_path(source).mkdir()
    long_path(source / "setup.txt").write_bytes(DATA)
    dlcore("publish", source, "--package-id", "ABC00001", "--to", site)
    assert Path(dlcore("fetch", "ABC00001", "--from", site, "-o", output)["path"]) == output
    assert long_path(output / "setup.txt").read_bytes() == DATA
