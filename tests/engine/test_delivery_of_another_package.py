"""What a delivery finds where dlcore has put another package: nothing of it is replaced."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from dlcore.engine.delivery.deliveries import Deliveries
from dlcore.engine.delivery.one_file import OneFile
from dlcore.engine.delivery.own_folder import OwnFolder
from dlcore.engine.delivery.target import Standing, Target
from dlcore.errors import ConfigError
from dlcore.package_ids import LOCAL_ID
from tests.engine.deliveries import V1, V2, Memory, bring, put, write
from tests.store.helpers import BLOCK_BYTES, Package, make_package, read_back


def of_id(package: Package, package_id: str) -> Package:
    """The same content as another package."""
    manifest = msgspec.structs.replace(package.manifest, package_id=package_id)
    return package._replace(manifest=manifest, document=msgspec.json.encode(manifest))


def refused(goal: Target, package: Package, *words: str) -> None:
    """Check that a delivery is refused before anything is fetched, and changes nothing."""
    before = read_back(goal.source)
    source = Memory(package)
    with pytest.raises(ConfigError) as caught:
        bring(goal, package, source)
    assert all(word in caught.value.message for word in words), caught.value.message
    assert source.fills == 0
    assert read_back(goal.source) == before


def test_the_files_of_another_package_are_refused_by_name(folder: Path, records: Path) -> None:
    """Fault: the folder holds another package. dlcore refuses its files by name."""
    put(of_id(V1, "XYZ00001"), folder, records)
    write(folder, {"old/only.txt": b"edited by the user"})
    refused(OwnFolder(folder, Deliveries(records)), V2, "old/only.txt")


def test_another_package_that_shares_most_of_its_files_is_not_an_older_version(
    folder: Path, records: Path
) -> None:
    """Fault: the folder holds another package with files of the same names. dlcore refuses it."""
    put(of_id(V2, "XYZ00001"), folder, records)
    write(folder, {"setup.exe": b"edited by the user"})
    words = "holds package XYZ00001 version 2", V2.manifest.package_id
    refused(OwnFolder(folder, Deliveries(records)), V2, *words)


def test_right_content_of_another_package_is_right(folder: Path, records: Path) -> None:
    put(of_id(V2, "XYZ00001"), folder, records)
    assert put(V2, folder, records).standing is Standing.RIGHT


def test_content_without_an_id_replaces_only_what_has_the_same_names(
    folder: Path, records: Path
) -> None:
    """Fault: content without a package id goes where other such content is. dlcore refuses it."""
    put(of_id(V1, LOCAL_ID), folder, records)
    refused(OwnFolder(folder, Deliveries(records)), of_id(V2, LOCAL_ID), "old/only.txt")
    same_names = make_package(dict.fromkeys(V1.contents, 9), seed=9)
    put(of_id(same_names, LOCAL_ID), folder, records)
    assert read_back(folder) == same_names.contents


def test_a_file_of_another_package_is_refused(folder: Path, records: Path) -> None:
    """Fault: a file of another package has the name of what is fetched. dlcore leaves it there."""
    goal = OneFile(folder, "file.iso", Deliveries(records))
    first = of_id(make_package({"file.iso": BLOCK_BYTES}), "XYZ00001")
    bring(goal, first, Memory(first))
    refused(goal, make_package({"file.iso": BLOCK_BYTES}, seed=2), "file.iso is there already")
