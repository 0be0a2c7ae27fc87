"""Every way in which a folder can differ from its manifest is named, and nothing else."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.errors import ManifestError, NotFoundError, StorageError
from dlcore.store import Bad, Reason, verify_tree
from dlcore.store.files import Files
from dlcore.store.verify import compare_tree
from tests.store.helpers import BLOCK_BYTES, Package, make_package

PACKAGE = make_package()
WHOLE = make_package(whole=True)
OLD = make_package(schema=1)
SMALL = ("b/c/three.txt", "b/c/two.txt", "b/one.txt")  # share the pack object


def lay_out(folder: Path, package: Package = PACKAGE) -> Path:
    for path, data in package.contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    (folder / "empty/inner").mkdir(parents=True)
    return folder


@pytest.mark.parametrize("package", [PACKAGE, WHOLE], ids=["blocks", "whole"])
def test_a_right_folder_has_nothing_bad(tmp_path: Path, package: Package) -> None:
    assert verify_tree(lay_out(tmp_path, package), package.manifest) == []


def test_progress_ends_at_the_length_of_the_content(tmp_path: Path) -> None:
    told: list[int] = []
    verify_tree(lay_out(tmp_path), PACKAGE.manifest, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == PACKAGE.manifest.content_bytes


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.integers(0, len(PACKAGE.contents["a/large.bin"]) - 1), st.integers(0, 7))
def test_any_flipped_bit_of_a_large_file_is_named_with_its_block(
    tmp_path_factory: pytest.TempPathFactory, at: int, bit: int
) -> None:
    folder = lay_out(tmp_path_factory.mktemp("tree"))
    change(folder / "a/large.bin", lambda d: d[:at] + bytes([d[at] ^ 1 << bit]) + d[at + 1 :])
    start = at // BLOCK_BYTES * BLOCK_BYTES
    assert verify_tree(folder, PACKAGE.manifest) == [Bad("a/large.bin", start, Reason.MISMATCH)]


@pytest.mark.parametrize("path", SMALL)
def test_of_the_files_that_share_a_bad_block_only_the_wrong_one_is_named(
    tmp_path: Path, path: str
) -> None:
    """Fault: a small file that shares its block is damaged. `verify` names that file alone."""
    folder = lay_out(tmp_path)
    change(folder / path, lambda data: bytes([data[0] ^ 1]) + data[1:])
    bad = verify_tree(folder, PACKAGE.manifest)
    assert {(b.path, b.reason) for b in bad} == {(path, Reason.MISMATCH)}


@pytest.mark.parametrize("package", [PACKAGE, WHOLE], ids=["blocks", "whole"])
@settings(derandomize=True, deadline=None, max_examples=20)
@given(wrong=st.sets(st.sampled_from(SMALL)), missing=st.sets(st.sampled_from(SMALL)))
def test_exactly_the_small_files_that_are_wrong_or_missing_are_named(
    tmp_path_factory: pytest.TempPathFactory,
    package: Package,
    wrong: set[str],
    missing: set[str],
) -> None:
    folder = lay_out(tmp_path_factory.mktemp("tree"), package)
    for path in wrong:
        change(folder / path, lambda data: data[:-1] + bytes([data[-1] ^ 1]))
    for path in missing:
        (folder / path).unlink()
    bad = verify_tree(folder, package.manifest)
    assert {b.path for b in bad if b.reason is Reason.MISMATCH} == wrong - missing
    assert {b.path for b in bad if b.reason is Reason.MISSING} == missing
    assert {b.path for b in bad} == wrong | missing


def test_without_digests_of_files_all_that_share_a_bad_block_are_named(tmp_path: Path) -> None:
    folder = lay_out(tmp_path, OLD)
    change(folder / "b/c/three.txt", lambda data: b"\0" + data[1:])
    bad = verify_tree(folder, OLD.manifest)
    assert {b.reason for b in bad} == {Reason.MISMATCH}
    assert "b/c/three.txt" in {b.path for b in bad} <= set(SMALL)


def test_a_manifest_whose_digests_contradict_each_other_proves_no_file(tmp_path: Path) -> None:
    """Fault X3: the digests of a block and its files disagree. `verify` names all the files."""
    folder = lay_out(tmp_path)
    packed = PACKAGE.manifest.files[2].object
    objects = list(PACKAGE.manifest.objects)
    wrong = bytes(len(objects[packed].digests))
    objects[packed] = msgspec.structs.replace(objects[packed], digests=wrong)
    contradictory = msgspec.structs.replace(PACKAGE.manifest, objects=tuple(objects))
    bad = verify_tree(folder, contradictory)
    assert {(b.path, b.reason) for b in bad} == {(path, Reason.MISMATCH) for path in SMALL}


def test_an_object_with_one_digest_names_its_file_from_the_beginning(tmp_path: Path) -> None:
    folder = lay_out(tmp_path, WHOLE)
    change(folder / "a/large.bin", lambda data: data[:-1] + b"\0")
    assert verify_tree(folder, WHOLE.manifest) == [Bad("a/large.bin", 0, Reason.MISMATCH)]


@pytest.mark.parametrize(
    ("path", "edit", "expected"),
    [
        ("long.bin", lambda d: d + b"x", Bad("long.bin", BLOCK_BYTES + 1, Reason.LONGER)),
        ("long.bin", lambda d: d[:-1], Bad("long.bin", 0, Reason.SHORTER)),
        ("b/empty.txt", lambda d: b"x", Bad("b/empty.txt", 0, Reason.LONGER)),
    ],
    ids=["longer", "shorter", "not empty"],
)
def test_a_wrong_length_is_named(
    tmp_path: Path, path: str, edit: Callable[[bytes], bytes], expected: Bad
) -> None:
    change(lay_out(tmp_path) / path, edit)
    assert verify_tree(tmp_path, PACKAGE.manifest) == [expected]


def test_a_missing_file_is_named_and_so_are_those_that_cannot_be_checked_without_it(
    tmp_path: Path,
) -> None:
    (lay_out(tmp_path, OLD) / "b/one.txt").unlink()
    bad = verify_tree(tmp_path, OLD.manifest)
    assert Bad("b/one.txt", 0, Reason.MISSING) in bad
    others = [b for b in bad if b.path != "b/one.txt"]
    assert {b.reason for b in others} == {Reason.UNCHECKED}
    assert {b.path for b in others} <= set(SMALL)


def test_what_the_manifest_does_not_know_is_named(tmp_path: Path) -> None:
    folder = lay_out(tmp_path)
    (folder / "extra").mkdir()
    (folder / "extra/file").write_text("x")
    assert verify_tree(folder, PACKAGE.manifest) == [
        Bad("extra", 0, Reason.UNEXPECTED),
        Bad("extra/file", 0, Reason.UNEXPECTED),
    ]


def test_a_missing_empty_folder_is_named(tmp_path: Path) -> None:
    (lay_out(tmp_path) / "empty/inner").rmdir()
    assert verify_tree(tmp_path, PACKAGE.manifest) == [Bad("empty/inner", 0, Reason.MISSING)]


@pytest.mark.wine_cannot(reason="makes no symbolic links")
def test_a_link_to_the_right_bytes_is_not_a_file(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "tree")
    (folder / "long.bin").rename(tmp_path / "elsewhere")
    (folder / "long.bin").symlink_to(tmp_path / "elsewhere")
    assert verify_tree(folder, PACKAGE.manifest) == [Bad("long.bin", 0, Reason.NOT_A_FILE)]


@pytest.mark.posix_only(reason="folders hold no pipes")
def test_a_pipe_does_not_hang_the_check(tmp_path: Path) -> None:
    (lay_out(tmp_path) / "long.bin").unlink()
    os.mkfifo(tmp_path / "long.bin")
    assert verify_tree(tmp_path, PACKAGE.manifest) == [Bad("long.bin", 0, Reason.NOT_A_FILE)]


def test_a_folder_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such folder"):
        verify_tree(tmp_path / "none", PACKAGE.manifest)


def test_nothing_outside_is_read_even_if_the_manifest_says_so(tmp_path: Path) -> None:
    with pytest.raises(ManifestError):
        verify_tree(tmp_path, make_package({"../secret": 10}).manifest)


class ForbiddenFile(Files):
    """A disk on which one file may not be read: root may read it whatever its mode says."""

    def open_to_read(self, path: Path) -> int:
        if path.name == "long.bin":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return super().open_to_read(path)


def test_a_file_that_may_not_be_read_is_a_storage_error(tmp_path: Path) -> None:
    """Fault D2: a file may not be read. `verify` stops and names it."""
    with pytest.raises(StorageError, match="verify") as caught:
        compare_tree(ForbiddenFile(), lay_out(tmp_path), PACKAGE.manifest, None, strict=True)
    assert caught.value.path == tmp_path / "long.bin"


class FailingDisk(Files):
    """A disk on which the n-th read of content fails."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._left = at

    def read_at(self, fd: int, view: memoryview, offset: int) -> int:
        self._left -= 1
        if self._left == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read_at(fd, view, offset)


@pytest.mark.parametrize("package", [PACKAGE, WHOLE], ids=["blocks", "whole"])
def test_no_reading_error_is_swallowed(tmp_path: Path, package: Package) -> None:
    """Fault D3: any read fails while content is verified. `verify` stops with a storage error."""
    folder = lay_out(tmp_path, package)
    change(folder / "b/one.txt", lambda data: bytes([data[0] ^ 1]))
    reads = 0
    while True:
        try:
            bad = compare_tree(FailingDisk(reads + 1), folder, package.manifest, None, strict=True)
        except StorageError:
            reads += 1
        else:
            break
    assert {b.path for b in bad} == {"b/one.txt"}  # this time every read succeeded
    assert reads > len(package.manifest.files)  # at least one of each file, and one file again


class ShrinkingDisk(Files):
    """A disk on which a file loses its last byte between the look at its length and its opening."""

    def __init__(self, victim: Path) -> None:
        super().__init__()
        self._victim = victim

    def open_to_read(self, path: Path) -> int:
        if path == self._victim:
            os.truncate(path, path.stat().st_size - 1)
        return super().open_to_read(path)


@pytest.mark.parametrize("path", ["a/large.bin", "b/c/two.txt", "b/one.txt"])
@pytest.mark.parametrize("package", [PACKAGE, WHOLE, OLD], ids=["blocks", "whole", "schema 1"])
def test_a_file_that_shrinks_meanwhile_is_named(
    tmp_path: Path, package: Package, path: str
) -> None:
    """Fault D8: a file becomes shorter while it is verified. `verify` stops and names that file."""
    victim = lay_out(tmp_path, package) / path
    with pytest.raises(StorageError, match="ends early") as caught:
        compare_tree(ShrinkingDisk(victim), tmp_path, package.manifest, None, strict=True)
    assert caught.value.path == victim


def change(path: Path, edit: Callable[[bytes], bytes]) -> None:
    path.write_bytes(edit(path.read_bytes()))
