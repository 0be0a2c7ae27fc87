"""A package from a distribution point's content library: the same as from the folder it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.errors import (
    ConfigError,
    DlcoreError,
    IntegrityError,
    ManifestError,
    NotFoundError,
    StorageError,
)
from dlcore.publish import Progress, Published, Stage, publish
from tests.publish.helpers import (
    BLOCK,
    content,
    files_below,
    from_folder,
    published_tree,
    sample,
    write_tree,
)
from tests.publish.library import PACKAGE_ID, file_of, ini, state_hash, write_library

FILE = content(3 * BLOCK + 5)
TREE = {"setup.exe": FILE, "a/driver.inf": content(700), "a/read me.INI": content(9), "b": None}


def published(library: Path, version: int | None = None) -> Published:
    return publish(
        library,
        package_id=PACKAGE_ID,
        version=version,
        destination=str(library.parent / "out"),
        block_bytes=BLOCK,
        content_library=True,
    )


def refused(library: Path, kind: type[DlcoreError]) -> DlcoreError:
    with pytest.raises(kind) as caught:
        published(library)
    assert caught.value.remedy
    assert not (library.parent / "out" / "catalog.json").exists()
    return caught.value


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return write_library(tmp_path / "SCCMContentLib", TREE)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8-sig", "utf-16"])
def test_what_is_published_is_what_a_folder_would_give(tmp_path: Path, encoding: str) -> None:
    tree = sample()
    library = write_library(tmp_path / "library", tree, encoding=encoding)
    found = published(library)
    plain = publish(
        write_tree(tmp_path / "folder", tree),
        package_id=PACKAGE_ID,
        version=3,
        destination=str(tmp_path / "plain"),
        block_bytes=BLOCK,
    )
    assert found == plain
    assert files_below(tmp_path / "out") == files_below(tmp_path / "plain")
    assert published_tree(from_folder(tmp_path / "out"), PACKAGE_ID) == tree


def test_the_latest_content_is_published_under_its_own_version(tmp_path: Path) -> None:
    library = write_library(tmp_path / "library", TREE, versions=(9, 12, 2))
    assert published(library).version == 12


def test_another_version_may_be_given(library: Path) -> None:
    assert published(library, 7).version == 7


def test_a_plain_folder_without_a_version_is_the_first(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "folder", TREE)
    done = publish(folder, package_id=PACKAGE_ID, destination=str(tmp_path / "out"))
    assert done.version == 1


def test_bytes_that_rotted_on_the_distribution_point_are_not_published(library: Path) -> None:
    """Fault X1: a file of a content library has rotted. dlcore does not publish it."""
    rotten = bytearray(FILE)
    rotten[BLOCK] ^= 1
    file_of(library, FILE).write_bytes(rotten)
    error = refused(library, IntegrityError)
    assert isinstance(error, IntegrityError)
    assert error.path == "setup.exe"
    assert str(file_of(library, FILE)) in error.message


def test_a_file_of_another_length_is_not_published(library: Path) -> None:
    file_of(library, FILE).write_bytes(FILE[:-1])
    assert "not 12293" in refused(library, IntegrityError).message


def test_a_file_that_is_not_there_is_named(library: Path) -> None:
    file_of(library, FILE).unlink()
    assert "setup.exe" in refused(library, NotFoundError).message


def test_an_empty_file_needs_no_content(tmp_path: Path) -> None:
    library = write_library(tmp_path / "library", {"empty": b"", "other": b"x"})
    file_of(library, b"").unlink()
    assert published(library).files == 2


@pytest.mark.parametrize("missing", ["PkgLib", "DataLib", "FileLib"])
def test_what_is_no_content_library_is_told_from_one(library: Path, missing: str) -> None:
    (library / missing).rename(library / "elsewhere")
    assert missing in refused(library, ConfigError).message


def test_a_package_that_is_not_there_is_named_with_the_one_that_was_meant(library: Path) -> None:
    listed = library / "PkgLib" / f"{PACKAGE_ID}.INI"
    listed.rename(listed.with_name(f"{PACKAGE_ID[:-1]}F.INI"))
    message = refused(library, NotFoundError).message
    assert PACKAGE_ID in message
    assert f"(did you mean {PACKAGE_ID[:-1]}F?)" in message


def test_a_version_that_is_listed_and_not_there_is_named(library: Path) -> None:
    (library / "DataLib" / f"{PACKAGE_ID}.3").rename(library / "DataLib" / "moved")
    assert f"{PACKAGE_ID}.3" in refused(library, NotFoundError).message


def test_an_ini_file_that_cannot_be_read_as_one_is_named(library: Path) -> None:
    place = library / "DataLib" / f"{PACKAGE_ID}.3" / "setup.exe.INI"
    place.write_text(ini(FILE, digest="../../../../etc/passwd"))
    assert str(place) in refused(library, ManifestError).message


def test_a_file_that_stands_for_none_is_named(library: Path) -> None:
    (library / "DataLib" / f"{PACKAGE_ID}.3" / "stray").touch()
    assert "stray" in refused(library, ManifestError).message


def test_a_file_of_which_the_library_has_lost_the_description_is_noticed(library: Path) -> None:
    """Fault: a content library has lost the INI file of one file, or never got it. dlcore says that
    the content is not what the library's content hash states.
    """
    state_hash(library, f"{PACKAGE_ID}.3", {**TREE, "empty.txt": b""})
    (library / "DataLib" / f"{PACKAGE_ID}.3" / "empty.txt.INI").write_text(ini(b""))
    assert not published(library).contradicts_itself
    (library / "DataLib" / f"{PACKAGE_ID}.3" / "empty.txt.INI").unlink()
    assert published(library, 4).contradicts_itself
    (library / "DataLib" / f"{PACKAGE_ID}.3.INI").unlink()
    assert not published(library, 5).contradicts_itself, "nothing is stated"


def test_a_name_is_held_to_the_same_rules_without_its_suffix(library: Path) -> None:
    (library / "DataLib" / f"{PACKAGE_ID}.3" / "ends .INI").write_text(ini(FILE))
    assert "ends" in refused(library, ConfigError).message


def test_a_file_that_changes_meanwhile_is_not_published(library: Path) -> None:
    def change(progress: Progress) -> None:
        if progress.stage is Stage.HASH:
            file_of(library, FILE).write_bytes(bytes(len(FILE)))

    with pytest.raises(StorageError, match="changed while it was being published"):
        publish(
            library,
            package_id=PACKAGE_ID,
            destination=str(library.parent / "out"),
            content_library=True,
            progress=change,
        )


def test_each_file_is_checked_once_and_progress_says_so(tmp_path: Path) -> None:
    library = write_library(tmp_path / "library", {"one": FILE, "two": FILE, "other": b"x"})
    told: list[Progress] = []
    publish(
        library,
        package_id=PACKAGE_ID,
        destination=str(tmp_path / "out"),
        content_library=True,
        progress=told.append,
    )
    checked = [p for p in told if p.stage is Stage.CHECK]
    assert checked[-1].done_bytes == checked[-1].total_bytes == len(FILE) + 1
