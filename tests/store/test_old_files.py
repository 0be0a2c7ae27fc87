"""Old files that are found by their content, and the space where patches wait."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dlcore.long_path import long_path
from dlcore.manifest import digest_of, encode
from dlcore.model import Manifest
from dlcore.store import Store
from dlcore.store.old_files import OldFolders, read_old_file
from tests.patches.helpers import BLOCK, ID, content, manifest_of
from tests.publish.helpers import write_tree

DATA = content(3 * BLOCK)
SHA256 = hashlib.sha256(DATA).digest()


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    first = write_tree(tmp_path / "first", {"a": DATA[:-1], "b": b"b", "sub/c": b"c"})
    second = write_tree(tmp_path / "second", {"a": DATA, "b": b"other"})
    return [long_path(folder) for folder in (first, second, tmp_path / "not there")]


def test_a_file_is_found_where_it_has_the_digest(folders: list[Path]) -> None:
    old = OldFolders(folders)
    assert old.find(SHA256, len(DATA), "a") == folders[1] / "a"
    assert old.find(SHA256, len(DATA), "b") is None
    assert old.find(b"x" * 32, len(DATA), "a") is None
    assert old.find(SHA256, len(DATA) - 1, "a") is None


@pytest.mark.parametrize("path", ["../first/a", "/etc/passwd", "sub", "a/b", "C:\\x"])
def test_a_path_that_leads_elsewhere_finds_nothing(folders: list[Path], path: str) -> None:
    """Fault: a patch list names a path outside the old version. dlcore does not look there."""
    assert OldFolders(folders).find(SHA256, len(DATA), path) is None


@pytest.mark.wine_cannot(reason="makes no symbolic links")
def test_a_link_is_not_followed(folders: list[Path], tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(DATA)
    (folders[0] / "a").unlink()
    (folders[0] / "a").symlink_to(tmp_path / "secret")
    assert OldFolders(folders[:1]).find(SHA256, len(DATA), "a") is None
    with pytest.raises(OSError):
        read_old_file(folders[0] / "a", len(DATA))


def test_no_more_is_read_of_an_old_file_than_it_should_have(folders: list[Path]) -> None:
    """Fault: an old file has grown since it was looked at. dlcore reads no more than it had."""
    (folders[1] / "a").write_bytes(DATA * 9)
    assert read_old_file(folders[1] / "a", len(DATA)) == DATA


def test_files_in_their_place_are_those_of_the_same_length(folders: list[Path]) -> None:
    manifest = manifest_of({"a": DATA, "b": b"x", "n": b"new"})
    assert OldFolders(folders).in_place(manifest) == [folders[1] / "a", folders[0] / "b", None]


def test_what_was_made_is_forgotten_and_patches_are_taken_over(tmp_path: Path) -> None:
    first = manifest_of({"1": content(5 * BLOCK, 1), "2": content(100)})
    then = manifest_of({"1": content(5 * BLOCK, 1), "3": content(4 * BLOCK, 3)})
    state = tmp_path / "state"
    with Store.open(state) as store:
        space = store.patch_space
        partial = space.store.begin(first, encode(first))
        partial.write_extent(1, 0, memoryview(content(5 * BLOCK, 1)))
        partial.sync()
        made = space.write(ID, 7, DATA)
        assert made.read_bytes() == DATA
    with Store.open(state) as store:
        space = store.patch_space
        assert not made.exists()
        space.take_over(then, encode(then))
        again = space.store.begin(then, encode(then))
        assert again.reused_bytes == 5 * BLOCK
        again.close()
        key = f"{ID}.1-{digest_of(encode(then))[:16]}"
        assert [path.name for path in (state / "patches" / "partial").iterdir()] == [key]
        space.forget_patches(ID)
        assert not list((state / "patches" / "partial").iterdir())


def test_patches_in_use_stay_whatever_becomes_of_another_version(tmp_path: Path) -> None:
    """Fault: another version of a package ends while its patches are fetched. They stay."""
    second = manifest_of({"1": content(5 * BLOCK, 1)}, 2)
    third = manifest_of({"1": content(4 * BLOCK, 3)}, 3)
    with Store.open(tmp_path / "state") as store:
        space = store.patch_space
        with space.using(second, encode(second)):
            fetched = space.store.begin(second, encode(second))
            with space.using(third, encode(third)):
                space.take_over(third, encode(third))
            space.forget_patches(ID)
            finish(store, manifest_of({"a": content(9)}, 4), content(9))
            fetched.write_extent(0, 0, memoryview(content(5 * BLOCK, 1)))
            assert (fetched.finish() / "1").read_bytes() == content(5 * BLOCK, 1)
            assert not list((tmp_path / "state" / "patches" / "partial").iterdir())
            finish(store, manifest_of({"a": content(9)}, 5), content(9))
            assert list((tmp_path / "state" / "patches" / "packages").iterdir())
        finish(store, manifest_of({"a": content(9)}, 6), content(9))
        assert not list((tmp_path / "state" / "patches" / "packages").iterdir())


def test_what_was_made_of_one_version_is_not_that_of_another(tmp_path: Path) -> None:
    with Store.open(tmp_path / "state") as store:
        space = store.patch_space
        made = space.write(f"{ID}.2-0123456789abcdef", 7, DATA)
        space.write(f"{ID}.3-0123456789abcdef", 7, b"other")
        space.forget_made(f"{ID}.3-0123456789abcdef")
        assert made.read_bytes() == DATA


def finish(store: Store, manifest: Manifest, data: bytes) -> None:
    """Finish a package that has one block."""
    partial = store.begin(manifest, encode(manifest))
    partial.write_extent(0, 0, memoryview(data))
    partial.finish()


def test_older_versions_in_a_state_directory_come_latest_first(tmp_path: Path) -> None:
    with Store.open(tmp_path / "state") as store:
        manifests = {v: manifest_of({"a": content(9, v)}, v) for v in (2, 10, 9)}
        for version, manifest in manifests.items():
            finish(store, manifest, content(9, version))
        of_nine = digest_of(encode(manifests[9]))
        found = store.contents_of(ID, but=of_nine)
        assert [(path / "a").read_bytes() for path in found] == [content(9, 10), content(9, 2)]
        assert store.contents_of("ABC0001") == []
