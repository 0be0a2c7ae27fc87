"""Packages of which a content hash is stated, in runs: a library says what they are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from dlcore import manifest as documents
from dlcore.deployment import Deployment, StatedPackage
from dlcore.engine.client import Client
from dlcore.engine.documents.catalog import ReadCatalog
from dlcore.engine.documents.stated_packages import StatedPackages
from dlcore.engine.listeners import run_records as records
from dlcore.engine.listeners.lines import decode_lines
from dlcore.engine.preflight_facts import preflight
from dlcore.engine.running.report import Report
from dlcore.engine.running.run import run_sequence
from dlcore.errors import (
    DlcoreError,
    Fault,
    IntegrityError,
    NotFoundError,
    PreflightError,
    TransferError,
)
from dlcore.manifest import FolderDigests, content_hash
from dlcore.model import Catalog
from dlcore.publish import publish
from dlcore.steps.interface import Job, Outcome
from dlcore.tasksequence import read
from dlcore.timeline import timeline_of
from dlcore.transfer import ContentLibraryEndpoint
from tests.engine.scene import sequence, step
from tests.engine.virtual_time import virtually
from tests.library_points import LARGE, TREE, Asked, point, serving_point
from tests.publish.helpers import write_tree
from tests.publish.library import PACKAGE_ID, file_of, write_content, write_library
from tests.stated_packages import stating, write_point

SEQUENCE = read(sequence(step("tools", package=PACKAGE_ID)), source="sequence")
FILES = {path: data for path, data in TREE.items() if data is not None}


class Steps:
    """An executor that notes what the package of a step holds."""

    def __init__(self) -> None:
        self.found: list[dict[str, bytes]] = []

    def obstacle(self, step: object, variables: Mapping[str, str]) -> str:
        return ""

    async def run(self, job: Job) -> Outcome:
        for folder in job.content.values():
            files = (path for path in folder.rglob("*") if path.is_file())
            self.found.append({f.relative_to(folder).as_posix(): f.read_bytes() for f in files})
        return Outcome()


async def ran(settings: Deployment, state: Path, steps: Steps) -> Report:
    async with Client(settings, state) as client:
        return await run_sequence(client, SEQUENCE, steps)


async def test_a_step_gets_a_package_that_nobody_published(tmp_path: Path) -> None:
    library, told = write_point(tmp_path)
    steps = Steps()
    async with serving_point(point(library)) as url:
        report = await ran(stating(url, told), tmp_path / "state", steps)
    assert steps.found == [FILES]
    assert report.outcome == "succeeded"
    (told_of,) = report.unpublished
    assert (told_of.package, told_of.truth, told_of.content_hash) == (
        PACKAGE_ID,
        "content-library",
        told,
    )
    assert report.endpoints["dp1"].bytes_fetched >= sum(map(len, FILES.values()))


async def test_the_record_of_a_run_says_what_vouches_for_its_packages(tmp_path: Path) -> None:
    library, told = write_point(tmp_path)
    async with serving_point(point(library)) as url:
        await ran(stating(url, told), tmp_path / "state", Steps())
    lines = records.read(tmp_path / "state", 0).splitlines(keepends=True)
    (package,) = timeline_of(decode_lines(lines, source="record")).packages
    assert (package.package, package.outcome) == (PACKAGE_ID, "ready")
    assert (package.truth, package.truth_known) == ("content-library", "before-the-first-byte")
    assert package.content_hash == told


async def test_a_flipped_byte_never_reaches_a_step(tmp_path: Path) -> None:
    """Fault: a package is known by its content hash, and a file on the distribution point has a
    flipped byte. The step does not run, and the run says that the file does not match.
    """
    library, told = write_point(tmp_path)
    file_of(library, LARGE).write_bytes(LARGE[:-1] + bytes([LARGE[-1] ^ 1]))
    steps = Steps()
    async with serving_point(point(library)) as url:
        settings = stating(url, told, '[variables]\nSMSTSDownloadRetryCount = "0"')
        report = await ran(settings, tmp_path / "state", steps)
    assert (report.outcome, steps.found) == ("failed", [])
    assert "does not match" in report.steps[0].message


@pytest.mark.parametrize("version", [None, 3])
async def test_a_hash_of_other_content_is_refused_before_anything_is_fetched(
    version: int | None, tmp_path: Path
) -> None:
    """Fault: the content hash that is stated is that of another version. Nothing of the package is
    fetched, and preflight says which hash the content has.
    """
    library, told = write_point(tmp_path)
    asked = Asked()
    async with serving_point(point(library), asked) as url:
        settings = stating(url, "AB" * 32, version=version)
        with pytest.raises(PreflightError):
            await ran(settings, tmp_path / "state", Steps())
        async with Client(settings, tmp_path / "state") as client:
            (failed,) = [
                check for check in await preflight(client, SEQUENCE) if check.name == "catalog"
            ]
            with pytest.raises(IntegrityError, match=told):
                await client.fetch(PACKAGE_ID)
    assert failed.outcome == "failed"
    assert told in failed.remedy
    assert not asked.of("FileLib")


async def test_a_version_that_is_stated_is_asked_for(tmp_path: Path) -> None:
    library, told = write_point(tmp_path)
    async with serving_point(point(library)) as url:
        for version in (3, 11):
            async with Client(stating(url, told, version=version), tmp_path / "state") as client:
                assert (await client.package_index()).entry(PACKAGE_ID).version == version
        async with Client(stating(url, told, version=4), tmp_path / "state") as client:
            with pytest.raises(NotFoundError, match=r"ABC00012\.4"):
                (await client.package_index()).entry(PACKAGE_ID)


async def test_without_a_hash_a_package_is_not_known(tmp_path: Path) -> None:
    library, _ = write_point(tmp_path)
    async with serving_point(point(library)) as url:
        with pytest.raises(PreflightError):
            await ran(stating(url, ""), tmp_path / "state", Steps())


async def test_what_is_stated_counts_before_the_catalog(tmp_path: Path) -> None:
    library, told = write_point(tmp_path)
    other = write_tree(tmp_path / "other", {"setup.exe": b"another one"})
    publish(other, package_id=PACKAGE_ID, version=12, destination=str(tmp_path / "published"))
    catalog = f"[catalog]\npath = '{tmp_path / 'published' / 'catalog.json'}'"
    async with serving_point(point(library)) as url:
        for stated, version in ((told, 11), ("", 12)):
            settings = stating(url, stated, catalog)
            async with Client(settings, tmp_path / "state") as client:
                assert (await client.package_index()).entry(PACKAGE_ID).version == version


async def test_a_run_goes_on_with_what_it_began_with(tmp_path: Path) -> None:
    """Its catalog is kept, with the hash; the library is asked again only for what is missing."""
    library, told = write_point(tmp_path)
    kept = tmp_path / "kept"
    async with serving_point(point(library)) as url:
        async with Client(stating(url, told), tmp_path / "state") as client:
            kept.mkdir(mode=0o700)
            pin = await client.catalogs.pin(kept)
        async with Client(stating(url, ""), tmp_path / "state") as client:
            await client.catalogs.use_pinned(pin, may_change=True, folder=kept)
            folder = await client.fetch(PACKAGE_ID)
    assert (folder / "setup.exe").read_bytes() == LARGE


async def test_a_library_that_cannot_be_read_hides_no_other_package(tmp_path: Path) -> None:
    """Fault: the content library of a stated package cannot be read. The others are known, and
    whoever asks for that package is told why it is not.
    """
    library, told = write_point(tmp_path)
    other = write_tree(tmp_path / "other", {"setup.exe": b"another one"})
    publish(other, package_id="ABC00099", version=1, destination=str(tmp_path / "published"))
    catalog = f"[catalog]\npath = '{tmp_path / 'published' / 'catalog.json'}'"
    asked = Asked()
    asked.refused = ("/Datalib",)
    async with (
        serving_point(point(library), asked) as url,
        Client(stating(url, told, catalog), tmp_path / "state") as client,
    ):
        known = await client.package_index()
        assert known.entry("ABC00099").version == 1
        with pytest.raises(DlcoreError, match="dp1"):
            known.entry(PACKAGE_ID)
        asked.refused = ()
        newer = await client.catalogs.newer()
        assert newer is not None
        assert newer.catalog.packages[PACKAGE_ID].content_hash == told


NO_CATALOG = ReadCatalog(Catalog(1, {}), b"", "")


def hash_of(tree: Mapping[str, bytes]) -> str:
    return content_hash(FolderDigests({path: sha256(data).digest() for path, data in tree.items()}))


async def test_the_library_that_describes_a_package_as_before_is_found(tmp_path: Path) -> None:
    """Fault: a run goes on, and the first of two distribution points describes a package in another
    way with the same content hash. dlcore asks the other one.
    """
    stated = {PACKAGE_ID: StatedPackage(hash_of({"setup.exe": b"x"}))}
    other = ContentLibraryEndpoint("a", write_library(tmp_path / "a", {"Setup.exe": b"x"}))
    same = ContentLibraryEndpoint("b", write_library(tmp_path / "b", {"setup.exe": b"x"}))
    before = await StatedPackages(stated, [same], lambda _: None).added_to(NO_CATALOG)
    entry = before.catalog.packages[PACKAGE_ID]
    document = await StatedPackages(stated, [other, same], lambda _: None).document(
        PACKAGE_ID, entry
    )
    assert documents.digest_of(document) == entry.manifest
    with pytest.raises(NotFoundError, match="a describes package ABC00012 version 3 in another"):
        await StatedPackages(stated, [other], lambda _: None).document(PACKAGE_ID, entry)


class Silent(ContentLibraryEndpoint):
    """A content library on a server that never answers."""

    async def entries(self, key: str) -> list[tuple[str, bool]]:
        await asyncio.sleep(20)
        raise TransferError("no answer", fault=Fault.STALL, endpoint=self.name)

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        await self.entries(key)
        return b""


def test_a_silent_library_is_waited_for_once_and_not_for_each_package(tmp_path: Path) -> None:
    """Fault: the first of two distribution points does not answer, and many packages are stated.
    dlcore asks the other one first from then on.
    """
    stated: dict[str, StatedPackage] = {}
    for number in range(12):
        tree = {"setup.exe": b"%d" % number}
        write_content(tmp_path / "library", f"ABC{number:05}.3", tree)
        stated[f"ABC{number:05}"] = StatedPackage(hash_of(tree))

    async def described_s() -> float:
        silent = Silent("silent", tmp_path)
        library = ContentLibraryEndpoint("library", tmp_path / "library")
        began_s = asyncio.get_running_loop().time()
        packages = StatedPackages(stated, [silent, library], lambda _: None)
        assert len((await packages.added_to(NO_CATALOG)).catalog.packages) == len(stated)
        return asyncio.get_running_loop().time() - began_s

    assert virtually(described_s()) < 100
