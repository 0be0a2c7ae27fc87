"""A package that was published nowhere: a content library says what it is, and has its files."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from dlcore.engine.documents.content_library import describe
from dlcore.engine.download.asking import Asking
from dlcore.engine.download.retry import Retry
from dlcore.engine.events import Event, PackageTruth
from dlcore.engine.fetching.call import FetchItem
from dlcore.engine.fetching.fetch import fetch
from dlcore.engine.fetching.fetch_into import Fetched
from dlcore.engine.fetching.fetch_many import fetch_many
from dlcore.errors import (
    ConfigError,
    ContentNotFoundError,
    DlcoreError,
    ExhaustedError,
    IntegrityError,
    ManifestError,
    NotFoundError,
)
from dlcore.manifest import FolderDigests, content_hash
from dlcore.model import EndpointKind, EndpointSettings
from dlcore.store import folder_digests
from dlcore.transfer import ContentLibraryEndpoint
from tests.publish.helpers import content, write_tree
from tests.publish.library import PACKAGE_ID, file_of, ini, write_library

LARGE = content((3 << 20) + 5)
TREE: Mapping[str, bytes | None] = {
    "setup.exe": LARGE,
    "drivers/net.inf": content(700),
    "drivers/twin.inf": content(700),
    "empty": b"",
    "none": None,
}
APPLICATION = "Content_4f1d9a3e-0c52-4b0a-9d55-6d1c5b0e7a11.2"
UPDATE = "4f1d9a3e-0c52-4b0a-9d55-6d1c5b0e7a11"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return write_library(tmp_path / "SCCMContentLib", TREE)


def fetched(
    what: str, *drives: Path, to: Path | None = None, told: str = "", catalog: Path | None = None
) -> Fetched:
    parent = drives[0].parent
    return asyncio.run(
        fetch(
            what,
            to=to or parent / "to",
            endpoints=[f"content-library+{drive}" for drive in drives],
            deliveries=parent / "records",
            content_hash=told,
            catalog=catalog,
            retry=Retry(0),
        )
    )


def refused(kind: type[DlcoreError], what: str, *drives: Path, told: str = "") -> DlcoreError:
    with pytest.raises(kind) as caught:
        fetched(what, *drives, told=told)
    assert not (drives[0].parent / "to").exists(), "nothing may be delivered"
    return caught.value


def tree_at(folder: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if path.is_file() or not any(path.iterdir())
    }


def place_of(library: Path, path: str, text: str) -> Path:
    place = library / "DataLib" / f"{PACKAGE_ID}.3" / f"{path}.INI"
    place.write_text(text)
    return place


def test_a_package_is_fetched_that_nobody_published(library: Path) -> None:
    found = fetched(PACKAGE_ID, library)
    assert tree_at(library.parent / "to") == TREE
    assert (found.package, found.version, found.truth) == (PACKAGE_ID, 3, "content-library")
    assert found.content_bytes == len(LARGE) + 1400
    again = fetched(PACKAGE_ID, library)
    assert again.bytes_fetched == 0


@pytest.mark.parametrize("what", [APPLICATION, UPDATE])
def test_the_content_of_an_application_and_an_update(library: Path, what: str) -> None:
    """They have no package id: they are named by their folder in DataLib."""
    (library / "DataLib" / f"{PACKAGE_ID}.3").rename(library / "DataLib" / what)
    (library / "PkgLib" / f"{PACKAGE_ID}.INI").unlink()
    assert fetched(what, library).truth == "content-library"
    assert tree_at(library.parent / "to") == TREE


def test_each_drive_serves_what_it_has(library: Path) -> None:
    other = library.parent / "E" / "SCCMContentLib"
    moved = file_of(library, LARGE)
    there = other / moved.relative_to(library)
    there.parent.mkdir(parents=True)
    moved.rename(there)
    settings = [
        EndpointSettings(name, EndpointKind.CONTENT_LIBRARY, str(place))
        for name, place in (("D", library), ("E", other))
    ]
    found = asyncio.run(
        fetch(
            PACKAGE_ID,
            to=library.parent / "to",
            endpoints=settings,
            deliveries=library.parent / "records",
        )
    )
    assert tree_at(library.parent / "to") == TREE
    assert found.endpoints == {"D": 700, "E": len(LARGE)}  # two of its files are equal
    assert fetched(PACKAGE_ID, other, library, to=library.parent / "again").truth


def test_a_drive_that_is_not_named_is_told(library: Path) -> None:
    """Fault: a drive of a content library is not named. dlcore says so, with status 4."""
    other = library.parent / "E" / "SCCMContentLib"
    moved = file_of(library, LARGE)
    (other / moved.parent.relative_to(library)).mkdir(parents=True)
    moved.rename(other / moved.relative_to(library))
    error = refused(ContentNotFoundError, PACKAGE_ID, library)
    assert (error.exit_status, "setup.exe" in error.message) == (4, True)
    assert "name all of them, each with its own --from 'content-library+FOLDER'" in error.remedy
    error = refused(NotFoundError, PACKAGE_ID, other)
    assert f"there is no content library at {other}: it has no folder PkgLib" in error.message
    assert "each with its own --from 'content-library+FOLDER'" in error.remedy
    shutil.rmtree(library / "FileLib")
    error = refused(ContentNotFoundError, PACKAGE_ID, library)
    assert "name all of them" in error.remedy
    error = refused(NotFoundError, "ABC00099", other, library)
    assert error.message == "package 'ABC00099' is not in the content library SCCMContentLib #2"


def test_a_flipped_bit_is_named_by_its_file(library: Path) -> None:
    """Fault: a file of a content library has rotted. dlcore names it, and delivers nothing."""
    place = file_of(library, LARGE)
    data = bytearray(LARGE)
    data[2 << 20] ^= 1
    place.write_bytes(data)
    error = refused(IntegrityError, PACKAGE_ID, library)
    assert "setup.exe" in error.message
    place.write_bytes(LARGE)
    fetched(PACKAGE_ID, library)
    assert tree_at(library.parent / "to") == TREE


def test_an_ini_file_that_says_something_else_is_not_believed(library: Path) -> None:
    """Fault: an INI file states another length than the file has. dlcore delivers nothing."""
    place_of(library, "setup.exe", ini(LARGE, size=len(LARGE) - 1))
    assert "setup.exe" in refused(ExhaustedError, PACKAGE_ID, library).message


def test_a_file_that_is_missing_is_not_left_out(library: Path) -> None:
    """Fault: a content library lacks a file that it lists. dlcore delivers nothing."""
    file_of(library, LARGE).unlink()
    assert "setup.exe" in refused(ContentNotFoundError, PACKAGE_ID, library).message


@pytest.mark.parametrize(
    "text",
    [ini(LARGE, digest="../../../../etc/passwd"), "", "[File]\nSize=1\n"],
    ids=["digest", "", "no digest"],
)
def test_a_malformed_ini_file_is_named(library: Path, text: str) -> None:
    place_of(library, "setup.exe", text)
    assert "setup.exe.INI" in refused(ManifestError, PACKAGE_ID, library).message


def test_a_name_is_held_to_the_rules_of_manifests(library: Path) -> None:
    """Fault: a content library has a file whose name ends in a space. dlcore refuses it."""
    place_of(library, "ends ", ini(b"x"))
    assert "ends" in refused(ManifestError, PACKAGE_ID, library).message


def test_a_stray_file_is_named(library: Path) -> None:
    (library / "DataLib" / f"{PACKAGE_ID}.3" / "stray").touch()
    assert "stray" in refused(ManifestError, PACKAGE_ID, library).message


def test_what_is_not_there_is_named(library: Path) -> None:
    assert "ABC00099" in refused(NotFoundError, "ABC00099", library).message
    assert UPDATE in refused(NotFoundError, UPDATE, library).message
    (library / "DataLib" / f"{PACKAGE_ID}.3").rename(library / "DataLib" / "moved")
    assert f"{PACKAGE_ID}.3" in refused(NotFoundError, PACKAGE_ID, library).message


def test_the_content_hash_is_compared_before_anything_is_fetched(
    library: Path, tmp_path: Path
) -> None:
    """Fault: a content library states files that are not the package's. dlcore refuses them."""
    plain = write_tree(tmp_path / "plain", TREE)
    told = content_hash(folder_digests(plain))
    assert fetched(PACKAGE_ID, library, told=told, to=tmp_path / "right").bytes_fetched
    place_of(library, "drivers/net.inf", ini(LARGE))
    error = refused(IntegrityError, PACKAGE_ID, library, told=told)
    assert told in error.message
    refused(ConfigError, PACKAGE_ID, library, told=told[:-1])


def test_a_catalog_that_is_named_counts(library: Path, tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.json"
    catalog.write_text('{"schema":1,"packages":{}}')
    with pytest.raises(NotFoundError, match="not in the catalog"):
        fetched(PACKAGE_ID, library, catalog=catalog)
    for what in (PACKAGE_ID, file_of(library, LARGE).as_uri()):
        with pytest.raises(ConfigError, match="content hash"):
            fetched(what, library, catalog=catalog, told="AB" * 32)


def test_a_name_in_another_form_of_unicode_is_delivered_in_form_c(tmp_path: Path) -> None:
    decomposed = "u\N{COMBINING DIAERESIS}ber.txt"
    library = write_library(tmp_path / "library", {decomposed: b"x"}, encoding="utf-8-sig")
    told = content_hash(FolderDigests({decomposed: hashlib.sha256(b"x").digest()}))
    fetched(PACKAGE_ID, library, told=told)
    assert tree_at(tmp_path / "to") == {"über.txt": b"x"}


@pytest.mark.posix_only(reason="two names that differ only in case")
def test_a_file_that_is_described_twice_is_refused(library: Path) -> None:
    place = place_of(library, "setup.exe", ini(LARGE))
    place.with_suffix(".ini").write_text(ini(b"x"))
    assert "setup.exe" in refused(ManifestError, PACKAGE_ID, library).message


@pytest.mark.posix_only(reason="links need a right of their own")
def test_no_link_is_followed(library: Path) -> None:
    """Fault: a content library has a link to another folder. dlcore refuses it."""
    tree = library / "DataLib" / f"{PACKAGE_ID}.3"
    (tree / "link").symlink_to(tree / "drivers")
    assert "link" in refused(ManifestError, PACKAGE_ID, library).message


@pytest.mark.parametrize("is_right", [True, False])
def test_the_hash_in_the_library_is_compared_too(
    library: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, is_right: bool
) -> None:
    """Fault: a content library contradicts itself. dlcore says so in the log."""
    told = content_hash(folder_digests(write_tree(tmp_path / "plain", TREE)))
    stated = told if is_right else "AB" * 32
    (library / "DataLib" / f"{PACKAGE_ID}.3.INI").write_text(f"[Info]\nHash={stated}\n")
    fetched(PACKAGE_ID, library)
    assert ("content hash" in caplog.text) is not is_right


def test_too_many_files_are_refused_before_they_are_read(library: Path) -> None:
    """Fault: a content library lists files without end. dlcore refuses it."""

    async def read() -> None:
        endpoint = ContentLibraryEndpoint("D", library)
        await describe(endpoint, PACKAGE_ID, Asking(lambda _: None), max_entries=5)

    with pytest.raises(ManifestError, match="more than 5"):
        asyncio.run(read())


class Winding(ContentLibraryEndpoint):
    """A library whose folders are nested without end: in one place by long names, in another by
    short ones.
    """

    def __init__(self, root: Path) -> None:
        super().__init__("D", root)
        self.asked = 0

    async def entries(self, key: str) -> list[tuple[str, bool]]:
        self.asked += 1
        if "long" in key:
            return [("long" * 60, True)]
        return [("b", True)] if "/b" in key else [("long", True), ("b", True)]


def test_folders_that_lead_ever_deeper_are_refused_whichever_is_listed_last(library: Path) -> None:
    """Fault: a distribution point lists folders that are nested without end, beside shorter ones.
    dlcore refuses it.
    """
    endpoint = Winding(library)
    with pytest.raises(ManifestError, match="nested without end"):
        asyncio.run(describe(endpoint, PACKAGE_ID, Asking(lambda _: None)))
    assert endpoint.asked < 100


def test_long_paths_are_refused_before_they_fill_the_memory(library: Path) -> None:
    """Fault: a distribution point lists paths that do not fit into memory. dlcore refuses it."""

    async def read() -> None:
        endpoint = ContentLibraryEndpoint("D", library)
        await describe(endpoint, PACKAGE_ID, Asking(lambda _: None), max_characters=40)

    with pytest.raises(ManifestError, match="more than 40 characters"):
        asyncio.run(read())


def test_of_several_packages_it_is_told_what_vouches_for_each(library: Path) -> None:
    events: list[Event] = []
    (result,) = asyncio.run(
        fetch_many(
            [FetchItem(PACKAGE_ID)],
            to=library.parent / "to",
            endpoints=[f"content-library+{library}"],
            deliveries=library.parent / "records",
            on_event=events.append,
        )
    )
    assert result.fetched
    assert PackageTruth(PACKAGE_ID, "content-library", "before-the-first-byte") in events
