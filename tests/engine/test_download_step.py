"""Download Package Content: where packages go, which variables tell, what a failure means."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.engine.download_step import copy_tree, download_content
from dlcore.engine.executor import CANNOT_RUN
from dlcore.errors import ConfigError, DlcoreError, NotFoundError, StorageError
from dlcore.tasksequence import Step, Variables, read
from tests.engine.scene import make_tree, sequence, step
from tests.store.helpers import read_back

A, B, C = "ABC0000A", "ABC0000B", "ABC0000C"


@pytest.fixture
def stored(tmp_path: Path) -> dict[str, Path | DlcoreError]:
    return {name: make_tree(tmp_path / name, {"x": 10, "y/z": 20}) for name in (A, B, C)}


def download(**parameters: str) -> Step:
    xml = step(
        "get",
        "DownloadPackageContentAction",
        **{"OSDDownloadDownloadPackages": f"{A},{B},{C}", **parameters},
    )
    return read(sequence(xml), source="test").steps[0]


async def test_the_cache_of_the_sequence_is_the_store(
    stored: dict[str, Path | DlcoreError],
) -> None:
    variables = Variables()
    step = download(OSDDownloadDestinationVariable="Got")
    assert (await download_content(step, variables, stored)).exit_code == 0
    assert [variables[f"Got{n:02}"] for n in (1, 2, 3)] == [str(path) for path in stored.values()]
    assert variables[f"_SMSTSPackageCacheLocation{A}"] == str(stored[A])


@pytest.mark.parametrize(
    ("kind", "variable"),
    [("CCMCache", "_SMSTSClientCache"), ("Custom", "OSDDownloadDestinationPath")],
)
async def test_a_copy_goes_where_the_step_says(
    stored: dict[str, Path | DlcoreError], tmp_path: Path, kind: str, variable: str
) -> None:
    variables = Variables({variable: "%ROOT%/there", "ROOT": str(tmp_path)})
    step = download(OSDDownloadDestinationLocationType=kind, OSDDownloadDestinationVariable="Got")
    assert (await download_content(step, variables, stored)).exit_code == 0
    for number, (name, source) in enumerate(stored.items(), start=1):
        assert isinstance(source, Path)
        assert variables[f"Got{number:02}"] == str(tmp_path / "there" / name)
        assert read_back(tmp_path / "there" / name) == read_back(source)


async def test_a_variable_has_the_last_word(
    stored: dict[str, Path | DlcoreError], tmp_path: Path
) -> None:
    step = download(OSDDownloadDestinationLocationType="Custom", OSDDownloadDestinationPath="/no")
    variables = Variables({"OSDDownloadDestinationPath": str(tmp_path / "yes")})
    await download_content(step, variables, stored)
    assert (tmp_path / "yes" / A).is_dir()


@pytest.mark.parametrize(("goes_on", "others"), [("", True), ("true", True), ("false", False)])
async def test_a_missing_package_stops_the_others_only_if_asked(
    stored: dict[str, Path | DlcoreError], goes_on: str, others: bool
) -> None:
    stored[B] = NotFoundError("gone for good")
    variables = Variables({"OSDDownloadContinueDownloadOnError": goes_on})
    step = download(OSDDownloadDestinationVariable="Got")
    outcome = await download_content(step, variables, stored)
    assert (outcome.exit_code, outcome.message) == (CANNOT_RUN, "gone for good")
    assert ("Got01" in variables, "Got02" in variables) == (True, False)
    assert ("Got03" in variables) == others


@pytest.mark.parametrize(
    ("kind", "complaint"), [("Custom", "OSDDownloadDestinationPath is empty"), ("Else", "'Else'")]
)
async def test_a_destination_that_cannot_be_used_is_named(
    stored: dict[str, Path | DlcoreError], kind: str, complaint: str
) -> None:
    step = download(OSDDownloadDestinationLocationType=kind)
    with pytest.raises(ConfigError, match=complaint):
        await download_content(step, Variables(), stored)


def test_a_copy_replaces_an_old_one(tmp_path: Path) -> None:
    old = make_tree(tmp_path / "to" / "old", {"left": 3})
    source = make_tree(tmp_path / "source", {"x": 10})
    copy_tree(source, old)
    assert read_back(old) == read_back(source)


def test_a_copy_that_fails_leaves_the_old_one_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = make_tree(tmp_path / "to" / "old", {"left": 3})
    source = make_tree(tmp_path / "source", {"x": 10, "y": 5})

    def fail(source: str, destination: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", fail)
    with pytest.raises(StorageError):
        copy_tree(source, old)
    assert list(read_back(old)) == ["left"]
    assert [path.name for path in old.parent.iterdir()] == ["old"]
