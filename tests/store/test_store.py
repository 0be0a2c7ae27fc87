"""A package on its way through the store, and what the store keeps of it."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

from dlcore.errors import InternalError, ManifestError, StorageError
from dlcore.model import BlockInPackage
from dlcore.native import block_checksums
from dlcore.store import Partial, Store, journal
from dlcore.store.files import Files
from dlcore.store.journal import Claim
from tests.open_files import open_files, opened_since
from tests.store.helpers import BLOCK_BYTES, LINK, PIPE, Package, fill, make_package, read_back

PACKAGE = make_package()
WHOLE = make_package(whole=True)
BLOCKS = PACKAGE.manifest.first_blocks[-1]


def publish(store: Store, package: Package = PACKAGE) -> Path:
    partial = store.begin(package.manifest, package.document)
    fill(partial, package)
    return partial.finish()


def resume(state: Path, package: Package = PACKAGE) -> tuple[Store, Partial]:
    store = Store.open(state)
    return store, store.begin(package.manifest, package.document)


def leave_filled(state: Path, numbers: list[int], *, package: Package = PACKAGE) -> Path:
    """Write and sync some blocks, then end. Returns the partial's folder."""
    with Store.open(state) as store:
        partial = store.begin(package.manifest, package.document)
        fill(partial, package, numbers)
        partial.sync()
    return next((state / "partial").iterdir())


@pytest.mark.parametrize("package", [PACKAGE, WHOLE], ids=["blocks", "whole"])
def test_a_filled_package_has_exactly_its_files(tmp_path: Path, package: Package) -> None:
    with Store.open(tmp_path / "new" / "state") as store:
        assert store.prove(package.manifest, package.document, to_write=False) is None
        content = publish(store, package)
        assert store.prove(package.manifest, package.document, to_write=False) == content
        assert store.read_manifest("ABC00012", 1, package.digest) == package.document
    assert read_back(content) == package.contents
    assert (content / "empty/inner").is_dir()
    assert sorted(p.name for p in content.parent.iterdir()) == ["content", "manifest.json"]
    assert not list((tmp_path / "new" / "state" / "partial").iterdir())


def test_a_package_without_bytes_is_finished_at_once(tmp_path: Path) -> None:
    package = make_package({"empty.txt": 0})
    with Store.open(tmp_path) as store:
        partial = store.begin(package.manifest, package.document)
        assert partial.complete
        assert read_back(partial.finish()) == {"empty.txt": b""}


@pytest.mark.posix_only(reason="modes are POSIX's")
def test_the_state_is_for_the_owner_alone(tmp_path: Path) -> None:
    with Store.open(tmp_path / "state") as store:
        content = publish(store)
        modes = {stat.S_IMODE(p.stat().st_mode) for p in [tmp_path / "state", content]}
        assert modes == {0o700}
        assert stat.S_IMODE((content / "long.bin").stat().st_mode) == 0o600


def test_of_a_new_package_no_block_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = list[int]()

    def has_data(self: Files, fd: int, offset: int, length_bytes: int) -> bool:
        looked.append(offset)
        return False

    monkeypatch.setattr(Files, "has_data", has_data)
    with Store.open(tmp_path) as store:
        store.begin(PACKAGE.manifest, PACKAGE.document).close()
        assert not looked
    store, partial = resume(tmp_path)
    with store:
        assert looked, "where there was a process before, something may be"
        assert partial.missing() == BLOCKS


def test_a_journal_without_its_content_claims_nothing(tmp_path: Path) -> None:
    leave_filled(tmp_path, [0, 2, 5])
    for content in tmp_path.glob("partial/*/content"):
        shutil.rmtree(content)
    store, partial = resume(tmp_path)
    with store:
        assert partial.missing() == BLOCKS
        assert partial.discarded_blocks == 3


def test_synced_blocks_are_reused_by_the_next_process(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        partial = store.begin(PACKAGE.manifest, PACKAGE.document)
        assert (partial.reused_bytes, partial.rechecked_bytes) == (0, 0)
        partial.close()
    leave_filled(tmp_path, [0, 2, 5])
    store, partial = resume(tmp_path)
    with store:
        assert [n for n, held in enumerate(partial.have) if held] == [0, 2, 5]
        assert partial.missing() == BLOCKS - 3
        if sys.platform == "linux":  # Windows tells in units of 64 KiB what was written
            assert partial.reused_bytes == partial.rechecked_bytes
        assert partial.discarded_blocks == 0
        fill(partial, PACKAGE)
        assert read_back(partial.finish()) == PACKAGE.contents


@pytest.mark.wine_cannot(reason="tells no allocated ranges: all of the package is read")
def test_blocks_that_were_never_written_are_not_read(tmp_path: Path) -> None:
    """Fault: a resume that reads all of a package. dlcore reads only what was written."""
    package = make_package({"large": 1 << 20}, block_bytes=1 << 16)
    with Store.open(tmp_path) as store:
        partial = store.begin(package.manifest, package.document)
        fill(partial, package, [0, 7])
        partial.sync()
    with Store.open(tmp_path) as store:
        partial = store.begin(package.manifest, package.document)
        assert [n for n, held in enumerate(partial.have) if held] == [0, 7]
        assert partial.rechecked_bytes == 2 << 16


def test_blocks_that_were_not_synced_are_found_by_their_digest(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        fill(store.begin(PACKAGE.manifest, PACKAGE.document), PACKAGE, [1, 3])
    store, partial = resume(tmp_path)
    with store:
        assert [n for n, held in enumerate(partial.have) if held] == [1, 3]


@pytest.mark.parametrize("garbled", [None, b"", b"garbage" * 100], ids=["lost", "empty", "garbled"])
@pytest.mark.parametrize("package", [PACKAGE, WHOLE], ids=["blocks", "whole"])
def test_without_its_journal_a_package_is_reused_by_its_digests(
    tmp_path: Path, garbled: bytes | None, package: Package
) -> None:
    folder = leave_filled(tmp_path, list(range(BLOCKS)), package=package)
    if garbled is None:
        (folder / "journal").unlink()
    else:
        (folder / "journal").write_bytes(garbled)
    store, partial = resume(tmp_path, package)
    with store:
        assert partial.complete
        assert partial.reused_bytes == package.manifest.content_bytes


def test_a_byte_that_rotted_since_costs_its_block_only(tmp_path: Path) -> None:
    """Fault D6: a byte on disk rots between two runs. dlcore fetches its block again."""
    folder = leave_filled(tmp_path, list(range(BLOCKS)))
    flip(folder / "content" / "a" / "large.bin", 2 * BLOCK_BYTES + 7)
    store, partial = resume(tmp_path)
    with store:
        assert partial.missing() == partial.discarded_blocks == 1
        fill(partial, PACKAGE)
        assert read_back(partial.finish()) == PACKAGE.contents


@pytest.mark.parametrize("package", [PACKAGE, WHOLE], ids=["blocks", "whole"])
def test_a_forged_journal_does_not_make_altered_bytes_verified(
    tmp_path: Path, package: Package
) -> None:
    """Fault D7: a forged journal whose checksums match altered bytes. dlcore compares with
    SHA-256.
    """
    folder = leave_filled(tmp_path, list(range(BLOCKS)), package=package)
    file = folder / "content" / "a" / "large.bin"
    flip(file, 2 * BLOCK_BYTES + 7)
    index = package.objects.index(package.contents["a/large.bin"])
    altered = file.read_bytes()
    claims = journal.Claims.none(BLOCKS)
    for number in range(BLOCKS):
        item, block = package.manifest.locate_block(BlockInPackage(number))
        start, end = package.manifest.block_span(item, block)
        data = (altered if item == index else package.objects[item])[start:end]
        claims.set(Claim(number, block_checksums(data, BLOCK_BYTES)))
    (folder / "journal").write_bytes(journal.encode(bytes.fromhex(package.digest), claims))
    store, partial = resume(tmp_path, package)
    with store:
        first = package.manifest.first_blocks[index]
        assert not partial.have[first + 2]
        assert partial.missing() == (6 if package is WHOLE else 1)
        fill(partial, package)
        assert read_back(partial.finish()) == package.contents


def test_a_wrong_claim_of_the_journal_costs_nothing_but_a_hash(tmp_path: Path) -> None:
    folder = leave_filled(tmp_path, [0, 1])
    flip(folder / "journal", 60)
    store, partial = resume(tmp_path)
    with store:
        assert [n for n, held in enumerate(partial.have) if held] == [0, 1]


@pytest.mark.parametrize("length", [0, BLOCK_BYTES, 9 * BLOCK_BYTES])
def test_a_file_of_another_length_gets_its_own_again(tmp_path: Path, length: int) -> None:
    folder = leave_filled(tmp_path, list(range(BLOCKS)))
    os.truncate(folder / "content" / "a" / "large.bin", length)
    store, partial = resume(tmp_path)
    with store:
        fill(partial, PACKAGE)
        assert read_back(partial.finish()) == PACKAGE.contents


def test_a_damaged_manifest_is_never_returned_and_is_written_again(tmp_path: Path) -> None:
    folder = leave_filled(tmp_path, [0])
    flip(folder / "manifest.json", 3)
    with Store.open(tmp_path) as store:
        assert store.read_manifest("ABC00012", 1, PACKAGE.digest) is None
        store.begin(PACKAGE.manifest, PACKAGE.document)
        assert store.read_manifest("ABC00012", 1, PACKAGE.digest) == PACKAGE.document


def test_another_version_lies_beside_the_first(tmp_path: Path) -> None:
    newer = make_package(version=2)
    with Store.open(tmp_path) as store:
        first, second = publish(store), publish(store, newer)
        assert store.prove(PACKAGE.manifest, PACKAGE.document, to_write=False) == first
        assert store.prove(newer.manifest, newer.document, to_write=False) == second


def test_a_removed_package_is_gone_and_can_be_filled_again(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        publish(store)
        assert store.remove("ABC00012", 1, PACKAGE.digest)
        assert store.prove(PACKAGE.manifest, PACKAGE.document, to_write=False) is None
        assert not store.remove("ABC00012", 1, PACKAGE.digest)
        assert read_back(publish(store)) == PACKAGE.contents


def test_what_a_removal_left_behind_is_deleted_at_the_next_opening(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        content = publish(store)
        content.parent.rename(tmp_path / "removed" / content.parent.name)
    with Store.open(tmp_path) as store:
        assert not list((tmp_path / "removed").iterdir())
        assert read_back(publish(store)) == PACKAGE.contents


def test_a_package_is_filled_by_one_at_a_time(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.begin(PACKAGE.manifest, PACKAGE.document).close()
        store.begin(PACKAGE.manifest, PACKAGE.document)
        with pytest.raises(InternalError, match="being filled"):
            store.begin(PACKAGE.manifest, PACKAGE.document)
        with pytest.raises(InternalError, match="being filled"):
            store.remove("ABC00012", 1, PACKAGE.digest)


def test_a_finished_package_is_not_begun_again(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        publish(store)
        with pytest.raises(InternalError, match="finished"):
            store.begin(PACKAGE.manifest, PACKAGE.document)


def test_an_incomplete_package_is_not_finished(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        partial = store.begin(PACKAGE.manifest, PACKAGE.document)
        fill(partial, PACKAGE, [0])
        with pytest.raises(InternalError, match=f"lacks {BLOCKS - 1} blocks"):
            partial.finish()


class ShortNames(Files):
    """A disk that takes a name for that of another file, as Windows takes a short name (8.3)."""

    def status(self, path: Path) -> os.stat_result | None:
        return super().status(self._long(path))

    def open(self, path: Path, *, create: bool = False) -> int:
        return super().open(self._long(path), create=create)

    def _long(self, path: Path) -> Path:
        return path.with_name("long name") if path.name == "LONGNA~1" else path


def test_two_names_of_one_file_are_refused_by_name(tmp_path: Path) -> None:
    """Fault: a file has the short name that Windows gave to another one. dlcore names it."""
    package = make_package({"LONGNA~1": BLOCK_BYTES, "long name": 2 * BLOCK_BYTES})
    store = Store(tmp_path, ShortNames())
    store.prepare()
    partial = store.begin(package.manifest, package.document)
    fill(partial, package)
    with pytest.raises(StorageError, match="the name of its file LONGNA~1"):
        partial.finish()
    store.close()


@pytest.mark.parametrize("planted", [LINK, "folder", PIPE, "hard link"])
def test_something_else_in_the_place_of_a_file_is_refused(tmp_path: Path, planted: str) -> None:
    """Fault D8: a folder, pipe or link stands in the place of a file. dlcore refuses it."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    place = leave_filled(tmp_path / "state", [0]) / "content" / "long.bin"
    place.unlink()
    plant(planted, place, victim)
    with Store.open(tmp_path / "state") as store, pytest.raises(StorageError, match=r"long\.bin"):
        store.begin(PACKAGE.manifest, PACKAGE.document)
    assert victim.read_bytes() == b"precious"


@pytest.mark.wine_cannot(reason="makes no symbolic links")
def test_a_link_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    """Fault D8, M3: a link stands in the place of a folder. dlcore refuses it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    content = leave_filled(tmp_path / "state", [0]) / "content"
    (content / "b").rename(tmp_path / "moved")
    (content / "b").symlink_to(outside)
    with (
        Store.open(tmp_path / "state") as store,
        pytest.raises(StorageError, match=r"content[/\\]b"),
    ):
        store.begin(PACKAGE.manifest, PACKAGE.document)
    assert not list(outside.iterdir())


@pytest.mark.parametrize("path", ["../out", "a/../../out", "/out", "a//b", "C:x", "a\\..\\b", "."])
def test_a_path_that_leads_out_is_refused_even_if_the_manifest_was_not(
    tmp_path: Path, path: str
) -> None:
    package = make_package({path: 10})
    with Store.open(tmp_path / "state") as store, pytest.raises(ManifestError):
        store.begin(package.manifest, package.document)
    assert [p.name for p in tmp_path.iterdir()] == ["state"]


@pytest.mark.parametrize("package_id", ["../x", "a/b", "", "."])
def test_a_package_id_that_is_no_name_is_refused(tmp_path: Path, package_id: str) -> None:
    with Store.open(tmp_path) as store, pytest.raises(ManifestError):
        store.read_manifest(package_id, 1, PACKAGE.digest)


def test_a_file_in_the_place_of_the_state_directory_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("hello")
    with pytest.raises(StorageError, match="open the state directory"):
        Store.open(tmp_path / "state")


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    """Fault G6: a store is used and closed. dlcore leaves no descriptor open."""
    before = open_files()
    with Store.open(tmp_path) as store:
        publish(store)
    assert not opened_since(before)


def plant(kind: str, place: Path, victim: Path) -> None:
    match kind:
        case "link":
            place.symlink_to(victim)
        case "folder":
            place.mkdir()
        case "fifo":
            os.mkfifo(place)
        case _:
            place.hardlink_to(victim)


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)
