"""What is taken over from another folder: what matches, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.store import Store
from dlcore.store.seeding import seed
from tests.store.helpers import BLOCK_BYTES, Package, fill, make_package, read_back

PACKAGE = make_package()
WHOLE = make_package(whole=True)


def write(folder: Path, contents: dict[str, bytes]) -> Path:
    for name, data in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def seeded(tmp_path: Path, package: Package, contents: dict[str, bytes]) -> list[int]:
    """Which blocks are taken over; the others are filled, and the whole is compared."""
    source = write(tmp_path / "source", contents)
    with Store.open(tmp_path / "state") as store:
        partial = store.begin(package.manifest, package.document)
        seed(partial, source)
        taken = [number for number, held in enumerate(partial.have) if held]
        fill(partial, package)
        assert read_back(partial.finish()) == package.contents
    assert read_back(source) == contents
    return taken


@pytest.mark.parametrize("package", [PACKAGE, WHOLE], ids=["blocks", "whole"])
def test_a_copy_is_taken_over_completely(tmp_path: Path, package: Package) -> None:
    taken = seeded(tmp_path, package, package.contents)
    assert taken == list(range(package.manifest.first_blocks[-1]))


def test_of_an_empty_folder_nothing_is_taken_over(tmp_path: Path) -> None:
    assert seeded(tmp_path, PACKAGE, {}) == []


def test_an_object_with_one_digest_is_taken_over_whole_or_not_at_all(tmp_path: Path) -> None:
    contents = dict(WHOLE.contents)
    contents["a/large.bin"] = contents["a/large.bin"][:-1] + b"\0"
    taken = seeded(tmp_path, WHOLE, contents)
    index = next(f.object for f in WHOLE.manifest.files if f.path == "a/large.bin")
    first, end = WHOLE.manifest.first_blocks[index : index + 2]
    assert taken == [n for n in range(WHOLE.manifest.first_blocks[-1]) if not first <= n < end]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Fault: a link stands in the place of a file that is taken over. dlcore does not follow it."""
    outside = tmp_path / "outside"
    outside.write_bytes(PACKAGE.contents["a/exact.bin"])
    source = write(tmp_path / "source", {})
    (source / "a").mkdir(parents=True)
    (source / "a" / "exact.bin").symlink_to(outside)
    with Store.open(tmp_path / "state") as store:
        partial = store.begin(PACKAGE.manifest, PACKAGE.document)
        seed(partial, source)
        assert not any(partial.have)


@settings(max_examples=30, deadline=None)
@given(
    flips=st.sets(
        st.tuples(
            st.sampled_from([name for name, data in PACKAGE.contents.items() if data]),
            st.integers(0, 6 * BLOCK_BYTES),
        ),
        max_size=4,
    ),
    cut=st.sampled_from(["", *PACKAGE.contents]),
)
def test_exactly_the_blocks_that_match_are_taken_over(
    tmp_path_factory: pytest.TempPathFactory, flips: set[tuple[str, int]], cut: str
) -> None:
    contents = dict(PACKAGE.contents)
    for name, at in flips:
        data = bytearray(contents[name])
        data[at % len(data)] ^= 1
        contents[name] = bytes(data)
    contents[cut] = contents[cut][:-1] if cut else b"another"
    contents.pop("", None)
    taken = seeded(tmp_path_factory.mktemp("seeding"), PACKAGE, contents)
    assert taken == [
        number
        for number in range(PACKAGE.manifest.first_blocks[-1])
        if is_right(PACKAGE, number, contents)
    ]


def is_right(package: Package, number: int, contents: dict[str, bytes]) -> bool:
    """Whether a block is in these files, byte by byte."""
    index, block, data = package.block(number)
    start = block * BLOCK_BYTES
    extents = package.manifest.file_extents(index, start, start + len(data))
    found = b"".join(
        contents[package.manifest.files[e.file].path][
            e.offset_bytes : e.offset_bytes + e.length_bytes
        ]
        for e in extents
    )
    return found == bytes(data)
