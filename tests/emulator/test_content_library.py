"""The content library that the emulator writes, against the package that it was made of."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dlcore.emulator.content_library import write_library
from dlcore.emulator.published_folder import PublishedFolder
from dlcore.errors import NotFoundError
from dlcore.manifest import FolderDigests, has_content_hash
from dlcore.manifest.content_library import (
    decode_content_file,
    decode_latest_version,
    decode_stated_hash,
)
from tests.emulator.helpers import CONTENT, EMPTY_FOLDER, PACKAGE_ID, Sample


def written(sample: Sample, root: Path) -> tuple[Path, Path]:
    return write_library(PublishedFolder(sample.folder), (root / "D", root / "E"))


def test_it_says_what_the_package_is(sample: Sample, tmp_path: Path) -> None:
    first, _ = written(sample, tmp_path)
    listing = (first / "PkgLib" / f"{PACKAGE_ID}.INI").read_bytes()
    assert decode_latest_version(listing, source="listing", package_id=PACKAGE_ID) == 3
    tree = first / "DataLib" / f"{PACKAGE_ID}.3"
    assert (tree / EMPTY_FOLDER).is_dir()
    for path, data in CONTENT.items():
        stated = decode_content_file((tree / f"{path}.INI").read_bytes(), source=path)
        assert stated == (len(data), hashlib.sha256(data).digest())
    told = decode_stated_hash(tree.with_name(f"{tree.name}.INI").read_bytes(), source="content")
    digests = {path: hashlib.sha256(data).digest() for path, data in CONTENT.items()}
    assert has_content_hash(FolderDigests(digests, (EMPTY_FOLDER,)), told)


def test_each_drive_has_some_of_the_files_by_their_digests(sample: Sample, tmp_path: Path) -> None:
    found = []
    for drive in written(sample, tmp_path):
        files = [path for path in (drive / "FileLib").rglob("*") if path.is_file()]
        assert files
        for path in files:
            name = hashlib.sha256(path.read_bytes()).hexdigest().upper()
            assert (path.parent.name, path.name) == (name[:4], name)
        found += [path.read_bytes() for path in files]
    assert sorted(found) == sorted(CONTENT.values())


def test_what_is_there_is_not_written_again(sample: Sample, tmp_path: Path) -> None:
    first, _ = written(sample, tmp_path)
    marked = first / "DataLib" / f"{PACKAGE_ID}.3" / "setup.exe.INI"
    marked.write_bytes(b"[mine]")
    written(sample, tmp_path)
    assert marked.read_bytes() == b"[mine]"
    listing = first / "PkgLib" / f"{PACKAGE_ID}.INI"
    listing.write_bytes(listing.read_bytes().replace(sample.digest.encode(), b"0" * 64))
    written(sample, tmp_path)
    assert marked.read_bytes() != b"[mine]"


def test_a_package_that_is_not_complete_is_not_listed(sample: Sample, tmp_path: Path) -> None:
    (sample.folder / "objects" / sample.large.name).unlink()
    with pytest.raises(NotFoundError, match=sample.large.name):
        written(sample, tmp_path)
    assert not list((tmp_path / "D").rglob("PkgLib/*.INI"))
