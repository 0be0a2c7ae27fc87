"""What packages have in common is fetched once: files, blocks, and what a single file has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcore.store import Store
from tests.store.cache.contents import package_of
from tests.store.helpers import BLOCK_BYTES, Package, fill

LARGE = bytes(range(256)) * (BLOCK_BYTES // 256) * 5


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "state") as opened:
        opened.use_cache()
        yield opened


def finished(store: Store, package: Package) -> Path:
    partial = store.begin(package.manifest, package.document)
    fill(partial, package)
    return partial.finish()


def test_a_file_of_another_package_is_not_fetched_again(store: Store) -> None:
    small = {f"driver/{n}.inf": b"driver %d " % n * 40 for n in range(30)}
    finished(store, package_of("ABC00001", small | {"setup.exe": LARGE}))
    other = package_of("ABC00002", {"renamed.exe": LARGE, "new.txt": b"x" * (BLOCK_BYTES * 2)})
    partial = store.begin(other.manifest, other.document)
    assert partial.reused_bytes == len(LARGE)
    assert partial.missing_bytes() == BLOCK_BYTES * 2


def test_small_files_are_found_however_they_are_packed(store: Store) -> None:
    small = {f"{n}.inf": b"driver %d " % n * 40 for n in range(60)}
    finished(store, package_of("ABC00001", small))
    shifted = {"0.aaa": b"new and first", **{f"sub/{k}": v for k, v in small.items()}}
    other = package_of("ABC00002", shifted)
    partial = store.begin(other.manifest, other.document)
    assert partial.missing() == 1  # the block that has the new file


def test_blocks_of_a_changed_file_are_taken_over(store: Store) -> None:
    finished(store, package_of("ABC00001", {"image.wim": LARGE}))
    changed = bytearray(LARGE)
    changed[BLOCK_BYTES * 2 + 5] ^= 1
    other = package_of("ABC00001", {"image.wim": bytes(changed) + b"and more"}, version=2)
    partial = store.begin(other.manifest, other.document)
    assert [at for at, held in enumerate(partial.have) if not held] == [2, 5]


def test_a_package_that_is_being_filled_is_a_source_too(store: Store) -> None:
    first = package_of("ABC00001", {"image.wim": LARGE})
    partial = store.begin(first.manifest, first.document)
    partial.write_extent(*first.block(1))
    other = package_of("ABC00002", {"copy.wim": LARGE})
    begun = store.begin(other.manifest, other.document)
    assert list(begun.have) == [0, 1, 0, 0, 0]
    fill(partial, first)
    assert store.reuse(begun) == [0, 2, 3, 4]
    assert begun.complete
    begun.finish()


def test_a_file_that_was_altered_is_no_source(store: Store) -> None:
    content = finished(store, package_of("ABC00001", {"image.wim": LARGE, "a.txt": b"small"}))
    altered = bytearray(LARGE)
    altered[0] ^= 1
    (content / "image.wim").write_bytes(altered)
    (content / "a.txt").write_bytes(b"SMALL")
    other = package_of("ABC00002", {"image.wim": LARGE, "a.txt": b"small"})
    partial = store.begin(other.manifest, other.document)
    assert list(partial.have) == [0, 0, 1, 1, 1, 1]


def test_without_a_cache_nothing_is_taken_over(tmp_path: Path) -> None:
    with Store.open(tmp_path / "state") as store:
        finished(store, package_of("ABC00001", {"image.wim": LARGE}))
        other = package_of("ABC00002", {"image.wim": LARGE})
        assert store.begin(other.manifest, other.document).missing() == 5
    assert not list((tmp_path / "state").glob("cache.db*"))
