"""A look at what folders have of a package says what a download would keep, and changes nothing."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.store import Store
from dlcore.store.keys import package_key
from dlcore.store.present import (
    missing_bytes,
    missing_objects,
    present_blocks,
    present_in_state,
    united,
)
from tests.pipes import needs_pipes, without_waiting
from tests.store.helpers import Package, fill, make_package

PACKAGE = make_package()
WHOLE = make_package(whole=True)
PACKAGES = pytest.mark.parametrize("package", [PACKAGE, WHOLE], ids=["blocks", "whole"])


def blocks_of(package: Package) -> int:
    return package.manifest.first_blocks[-1]


def in_state(package: Package, state: Path) -> bytearray:
    digest = hashlib.sha256(package.document).hexdigest()
    return present_in_state(package.manifest, digest, state)


def files(folder: Path) -> dict[Path, tuple[int, bytes]]:
    return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()}


@given(st.booleans(), st.sets(st.integers(0, 200)))
def test_law_of_a_partial_package(is_whole: bool, chosen: set[int]) -> None:
    """What is present is what the next `begin` keeps."""
    package = WHOLE if is_whole else PACKAGE
    numbers = sorted(number % blocks_of(package) for number in chosen)
    state = Path(tempfile.mkdtemp())
    try:
        with Store.open(state / "state") as store:
            partial = store.begin(package.manifest, package.document)
            fill(partial, package, list(dict.fromkeys(numbers)))
            partial.sync()
        before = files(state)
        found = in_state(package, state / "state")
        assert files(state) == before
        with Store.open(state / "state") as store:
            partial = store.begin(package.manifest, package.document)
            assert found == partial.have
            assert missing_bytes(package.manifest, found) == partial.missing_bytes()
    finally:
        shutil.rmtree(state)


@PACKAGES
def test_a_finished_package_is_present(tmp_path: Path, package: Package) -> None:
    assert not any(in_state(package, tmp_path / "none"))
    with Store.open(tmp_path) as store:
        partial = store.begin(package.manifest, package.document)
        fill(partial, package)
        content = partial.finish()
    assert all(in_state(package, tmp_path))
    assert all(present_blocks(package.manifest, content))
    assert missing_objects(package.manifest, in_state(package, tmp_path)) == []


@PACKAGES
def test_what_is_damaged_or_missing_is_not_present(tmp_path: Path, package: Package) -> None:
    for name, data in package.contents.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    large = tmp_path / "a" / "large.bin"
    large.write_bytes(large.read_bytes()[:-1] + b"\0")
    index = next(f.object for f in package.manifest.files if f.path == "a/large.bin")
    found = present_blocks(package.manifest, tmp_path)
    assert missing_objects(package.manifest, found) == [index]
    first, end = package.manifest.first_blocks[index : index + 2]
    lost = end - first if package is WHOLE else 1
    assert found.count(0) == lost
    large.unlink()
    assert present_blocks(package.manifest, tmp_path).count(0) == end - first


def test_either_folder_is_enough() -> None:
    assert united(bytearray(b"\1\0\0"), bytearray(b"\0\1\0")) == bytearray(b"\1\1\0")


@needs_pipes
def test_a_pipe_in_the_place_of_a_journal_holds_nothing_up(tmp_path: Path) -> None:
    """Fault: a pipe lies in a state folder, in the place of a journal. dlcore takes it for none,
    and does not wait.
    """
    state = tmp_path / "state"
    key = package_key(
        PACKAGE.manifest.package_id,
        PACKAGE.manifest.version,
        hashlib.sha256(PACKAGE.document).hexdigest(),
    )
    pipe = state / "partial" / key / "journal"
    found: list[bytearray] = []
    assert without_waiting(pipe, lambda: found.append(in_state(PACKAGE, state))) is None
    assert found == [bytearray(blocks_of(PACKAGE))]
