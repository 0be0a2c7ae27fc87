"""Equal files of packages are stored once, and nobody writes into another package by that."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcore.errors import DiskFullError, UnexpectedContentError
from dlcore.store import Store
from dlcore.store.cache import equality
from tests.store.cache.contents import package_of
from tests.store.helpers import BLOCK_BYTES, Package, fill, read_back

SHARED = {f"drivers/{n}.dll": bytes([n]) * BLOCK_BYTES * 4 for n in range(8)}
ONE = package_of("ABC00001", SHARED | {"one.exe": b"1" * BLOCK_BYTES * 8})
TWO = package_of("ABC00002", SHARED | {"two.exe": b"2" * BLOCK_BYTES * 8})
THREE = package_of("ABC00003", SHARED)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "state") as opened:
        opened.use_cache()
        yield opened


def finished(store: Store, package: Package) -> Path:
    partial = store.begin(package.manifest, package.document)
    fill(partial, package)
    return partial.finish()


def disk_bytes(folder: Path) -> int:
    """The disk space of all files below a folder, each counted once."""
    found = {path.stat().st_ino: path.stat() for path in folder.rglob("*") if path.is_file()}
    return sum(status.st_size for status in found.values())


def shared(first: Path, second: Path) -> int:
    """How many files of two packages are the same file on disk."""
    return sum((first / name).samefile(second / name) for name in SHARED)


def prove(store: Store, package: Package, *, to_write: bool = False) -> Path | None:
    return store.prove(package.manifest, package.document, lend=True, to_write=to_write)


def test_packages_that_share_most_of_their_files_store_them_once(
    store: Store, tmp_path: Path
) -> None:
    contents = [finished(store, package) for package in (ONE, TWO, THREE)]
    assert shared(contents[0], contents[1]) == shared(contents[0], contents[2]) == len(SHARED)
    once = sum(map(len, SHARED.values())) + 16 * BLOCK_BYTES
    assert disk_bytes(tmp_path / "state" / "packages") < once + 32_000  # and three manifests
    for package, content in zip((ONE, TWO, THREE), contents, strict=True):
        assert prove(store, package) == content
        assert read_back(content) == package.contents


def test_another_process_proves_packages_that_share_files(tmp_path: Path) -> None:
    with Store.open(tmp_path / "state") as store:
        store.use_cache()
        contents = [finished(store, package) for package in (ONE, TWO)]
    with Store.open(tmp_path / "state") as store:  # without a cache
        assert [prove(store, package) for package in (ONE, TWO)] == contents
        assert shared(*contents) == len(SHARED)


def test_a_step_that_writes_into_its_folder_alters_no_other_package(store: Store) -> None:
    one, two = finished(store, ONE), finished(store, TWO)
    assert prove(store, ONE, to_write=True) == one
    assert shared(one, two) == 0
    for name in SHARED:
        (one / name).write_bytes(b"what a setup program wrote")
    assert read_back(two) == TWO.contents
    assert prove(store, TWO) == two


def test_a_package_that_a_step_had_is_no_longer_shared(store: Store) -> None:
    one = finished(store, ONE)
    prove(store, ONE, to_write=True)
    two = finished(store, TWO)
    assert shared(one, two) == 0
    three = finished(store, THREE)
    assert shared(two, three) == len(SHARED)
    assert shared(one, three) == 0


def test_what_a_reader_writes_in_spite_of_all_is_found_in_every_package(store: Store) -> None:
    one, two = finished(store, ONE), finished(store, TWO)
    path = one / "drivers/3.dll"
    path.write_bytes(b"!" + SHARED["drivers/3.dll"][1:])
    for package, content, missing in ((ONE, one, 1), (TWO, two, 0)):
        assert prove(store, package) is None, "it is unfinished again"
        partial = store.begin(package.manifest, package.document)
        assert partial.missing() == missing, "the block that was altered comes once"
        fill(partial, package)
        assert partial.finish() == content
        assert read_back(content) == package.contents
    assert prove(store, ONE) == one
    assert prove(store, TWO) == two


def test_a_package_whose_files_were_shared_is_removed_alone(store: Store) -> None:
    finished(store, ONE)
    two = finished(store, TWO)
    digest = ONE.digest
    assert store.remove("ABC00001", 1, digest)
    assert read_back(two) == TWO.contents
    assert prove(store, TWO) == two
    assert {(two / name).stat().st_nlink for name in SHARED} == {1}


def test_a_name_outside_of_the_store_is_refused(store: Store, tmp_path: Path) -> None:
    """Fault: a shared file has another name elsewhere. dlcore refuses the package by name."""
    one = finished(store, ONE)
    finished(store, TWO)
    os.link(one / "drivers/3.dll", tmp_path / "elsewhere")
    with pytest.raises(UnexpectedContentError, match=r"3\.dll"):
        store.prove(ONE.manifest, ONE.document, lend=False, to_write=False)


def test_short_files_are_not_shared(store: Store) -> None:
    files = {"a.txt": b"x" * 100, "b.txt": b"y" * (BLOCK_BYTES - 1)}
    one = finished(store, package_of("ABC00001", files))
    two = finished(store, package_of("ABC00002", files))
    assert not any((one / name).samefile(two / name) for name in files)


def test_a_package_that_cannot_be_copied_is_handed_out_to_nobody(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = finished(store, ONE), finished(store, TWO)
    monkeypatch.setattr("dlcore.store.cache.sharing.write_fully", full)
    with pytest.raises(DiskFullError):
        prove(store, ONE, to_write=True)
    monkeypatch.undo()
    assert read_back(one) == ONE.contents
    assert prove(store, ONE, to_write=True) == one
    assert shared(one, two) == 0


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_package_that_is_handed_out_while_another_is_finished_stays_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look for equal files and the links, a step gets the package."""
    one = finished(store, ONE)
    real = equality.equal_files

    def then_lent(*arguments: object) -> list[int]:
        found = real(*arguments)  # type: ignore[arg-type]
        prove(store, ONE, to_write=True)
        return found

    monkeypatch.setattr("dlcore.store.cache.cache.equal_files", then_lent)
    two = finished(store, TWO)
    assert shared(one, two) == 0


def test_a_damaged_package_is_mended_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look for equal files and the links, the package turns out to be damaged."""
    one = finished(store, ONE)
    real = equality.equal_files

    def then_damaged(*arguments: object) -> list[int]:
        found = real(*arguments)  # type: ignore[arg-type]
        (one / "one.exe").write_bytes(b"damaged")
        assert prove(store, ONE) is None
        return found

    monkeypatch.setattr("dlcore.store.cache.cache.equal_files", then_damaged)
    two = finished(store, TWO)
    monkeypatch.undo()
    partial = store.begin(ONE.manifest, ONE.document)
    fill(partial, ONE)
    assert read_back(partial.finish()) == ONE.contents
    assert prove(store, TWO) == two


def test_packages_of_a_run_are_kept_apart(store: Store) -> None:
    one, two = finished(store, ONE), finished(store, TWO)
    store.keep_apart(
        [content.parent.name for content in (two,)] + [f"ABC00003.1-{THREE.digest[:16]}"]
    )
    three = finished(store, THREE)
    assert shared(one, three) == 0
    assert store.prove(TWO.manifest, TWO.document, to_write=False) == two
    assert shared(one, two) == 0, "before its step's turn has come"
