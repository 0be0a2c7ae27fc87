"""Room on the disk is looked at before anything is written, and the reserve is left free."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.disk.faults import translated
from dlcore.errors import DiskFullError
from dlcore.model import BlockInPackage, File, Manifest, Object
from dlcore.store import Reserve, Space, Store
from dlcore.store.files import Files
from dlcore.store.free_space import GIB, check_room
from dlcore.store.held_blocks import HeldBlocks
from tests.store.helpers import fill, make_package
from tests.store.test_full_disk import tiny_disk

__all__ = ["tiny_disk"]
TIB = 1 << 40
SIZES = st.integers(0, 1 << 53)


class Disk(Files):
    """A disk with a given free space."""

    def __init__(
        self, free_bytes: int, disk_bytes: int, *, is_reserving: bool = Files.is_reserving
    ) -> None:
        super().__init__()
        self.is_reserving = is_reserving
        self._free_bytes = free_bytes
        self._disk_bytes = disk_bytes

    def free_bytes(self, path: Path) -> int:
        return self._free_bytes

    def disk_bytes(self, path: Path) -> int:
        return self._disk_bytes


def huge(length_bytes: int) -> Manifest:
    """A package that claims this length and has a single digest."""
    item = Object("ab" * 32, length_bytes, sha256=b"\xab" * 32)
    return Manifest(1, "ABC00001", 1, 16 << 20, (item,), (File("a", length_bytes, 0),))


@given(SIZES, SIZES, SIZES)
def test_what_is_accepted_leaves_the_reserve_free(
    needed_bytes: int, free_bytes: int, disk_bytes: int
) -> None:
    reserve = Reserve()
    assert reserve.of(disk_bytes) <= min(GIB, disk_bytes / 50)
    try:
        check_room("ABC00001", needed_bytes, Space(free_bytes, disk_bytes), reserve, Path("/s"))
    except DiskFullError:
        assert needed_bytes > free_bytes - reserve.of(disk_bytes)
    else:
        assert not needed_bytes or free_bytes - needed_bytes >= reserve.of(disk_bytes)


def test_a_reserve_that_is_set_counts_on_a_small_disk_too() -> None:
    assert Reserve.exactly(1000).of(2000) == 1000
    assert Reserve.exactly(3000).of(2000) == 2000
    with pytest.raises(DiskFullError, match="500 are free, and 400 of these are to stay free"):
        check_room("ABC00001", 101, Space(500, 1000), Reserve.exactly(400), Path("/s"))
    check_room("ABC00001", 100, Space(500, 1000), Reserve.exactly(400), Path("/s"))


def test_what_is_complete_needs_no_room() -> None:
    check_room("ABC00001", 0, Space(0, 1000), Reserve.exactly(400), Path("/s"))


def test_a_package_of_8_tib_is_refused_before_a_byte_of_it_is_written(tmp_path: Path) -> None:
    """Fault M4: a manifest claims 8 TiB. dlcore refuses it with numbers, and reserves nothing."""
    store = Store(tmp_path / "state", Disk(500 * GIB, TIB))
    store.prepare()
    with pytest.raises(DiskFullError, match=f"needs {8 * TIB} bytes more") as caught:
        store.check_room(huge(8 * TIB), b"manifest", Reserve())
    assert str(500 * GIB) in caught.value.message
    assert not any((tmp_path / "state" / "partial").iterdir())


def test_what_a_package_has_already_needs_no_room(tiny_disk: Path) -> None:
    package = make_package({"a.bin": 1_000_000})
    with Store.open(tiny_disk / "state") as store:
        store.check_room(package.manifest, package.document, Reserve())
        fill(store.begin(package.manifest, package.document), package)
        (tiny_disk / "filler").write_bytes(bytes(700_000))
        store.check_room(package.manifest, package.document, Reserve())
        other = make_package({"b.bin": 1_000_000})
        with pytest.raises(DiskFullError):
            store.check_room(other.manifest, other.document, Reserve())


def test_what_a_package_has_in_part_counts_towards_its_room(tmp_path: Path) -> None:
    package = make_package({"a.bin": 600_000, "b.bin": 400_000})
    disk = Disk(500_000, TIB)
    store = Store(tmp_path / "state", disk)
    store.prepare()
    store.begin(package.manifest, package.document).close()
    store.check_room(package.manifest, package.document, Reserve.exactly(0))
    for folder in (tmp_path / "state" / "partial").iterdir():
        (folder / "content" / "a.bin").unlink()
    with pytest.raises(DiskFullError, match="500000 are free") as caught:
        store.check_room(package.manifest, package.document, Reserve.exactly(0))
    needed = re.search(r"needs (\d+) bytes more", caught.value.message)
    assert needed is not None
    assert 550_000 < int(needed[1]) <= 600_000  # less the small files beside the content


@pytest.mark.parametrize("is_reserving", [True, False])
def test_what_other_packages_will_still_take_is_not_free(
    tmp_path: Path, is_reserving: bool
) -> None:
    """Fault: a disk that reserves nothing. dlcore counts what packages under way will take."""
    first = make_package({"a.bin": 300_000})
    second = make_package({"b.bin": 300_000}, version=2)
    disk = Disk(500_000, TIB, is_reserving=is_reserving)  # constant: what was reserved is off it
    store = Store(tmp_path / "state", disk)
    store.prepare()
    partial = store.begin(first.manifest, first.document)

    def check_second() -> None:
        store.check_room(second.manifest, second.document, Reserve.exactly(0))

    if is_reserving:
        check_second()
    else:
        with pytest.raises(DiskFullError, match="needs 600000 bytes more"):
            check_second()
        fill(partial, first, list(range(partial.missing() // 2)))
        check_second()
        partial.close()
    check_second()


# Errors cost the same however much is missing


@given(st.lists(st.integers(1, 50_000), min_size=1, max_size=4), st.integers())
def test_the_missing_bytes_are_those_of_the_missing_blocks(lengths: list[int], seed: int) -> None:
    chance = random.Random(seed)
    manifest = make_package({f"{n}.bin": length for n, length in enumerate(lengths)}).manifest
    blocks = HeldBlocks(manifest)
    missing_bytes = 0
    for number in range(len(blocks.have)):
        blocks.have[number] = chance.choice((0, 1))
        if not blocks.have[number]:
            start, end = manifest.block_span(*manifest.locate_block(BlockInPackage(number)))
            missing_bytes += end - start
    assert blocks.missing_bytes() == missing_bytes


def test_the_error_of_a_full_disk_looks_at_no_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault D1: the disk is full with millions of blocks to come. dlcore says so at once."""
    manifest = huge(60 * TIB)
    blocks = HeldBlocks(manifest)
    monkeypatch.setattr(Manifest, "block_span", None)
    monkeypatch.setattr(Manifest, "locate_block", None)
    full = OSError(28, "No space left on device", str(tmp_path))
    with (
        pytest.raises(DiskFullError, match=re.escape(f"{60 * TIB} bytes are still to come")),
        translated("write", tmp_path, lambda: 0, blocks.missing_bytes),
    ):
        raise full
