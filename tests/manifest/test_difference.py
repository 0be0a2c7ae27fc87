"""What differs between two manifests, whatever the files are packed with."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.manifest import Change, FileChange, difference
from dlcore.model import File, Manifest, Object

TREES = st.dictionaries(st.sampled_from("abcdef"), st.binary(max_size=3), max_size=6)


def packed(tree: dict[str, bytes]) -> Manifest:
    """A manifest whose files lie one behind the other in a single object."""
    content, files = b"", []
    for path, data in sorted(tree.items()):
        sha256 = hashlib.sha256(data).digest() if data else b""
        place = (0, len(content)) if data else (-1, 0)
        files.append(File(path, len(data), *place, sha256))
        content += data
    digests = hashlib.sha256(content).digest()
    objects = (Object(digests.hex(), len(content), digests),) if content else ()
    return Manifest(2, "ABC00012", 1, 1 << 20, objects, tuple(files))


def alone(data: bytes, block_bytes: int = 1 << 20) -> Manifest:
    """A manifest of one file that has an object of its own."""
    digests = b"".join(
        hashlib.sha256(data[at : at + block_bytes]).digest()
        for at in range(0, len(data), block_bytes)
    )
    item = Object(hashlib.sha256(digests).hexdigest(), len(data), digests)
    return Manifest(2, "ABC00012", 1, block_bytes, (item,), (File("a", len(data), 0),))


@given(old=TREES, new=TREES)
def test_exactly_the_files_that_differ_are_told(
    old: dict[str, bytes], new: dict[str, bytes]
) -> None:
    expected = [
        (path, old.get(path), new.get(path))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    ]
    found = difference(packed(old), packed(new))
    assert [change.path for change in found] == [path for path, _, _ in expected]
    for change, (_, was, now) in zip(found, expected, strict=True):
        assert change.old_bytes == (None if was is None else len(was))
        assert change.new_bytes == (None if now is None else len(now))
        kind = Change.ADDED if was is None else Change.REMOVED if now is None else Change.CHANGED
        assert change.change is kind


def test_a_file_with_an_object_of_its_own_is_known_by_it() -> None:
    assert difference(alone(b"one"), alone(b"one")) == ()
    changed = FileChange("a", Change.CHANGED, 3, 3)
    assert difference(alone(b"one"), alone(b"two")) == (changed,)


@pytest.mark.parametrize(
    "new",
    [
        alone(b"one", block_bytes=2),
        msgspec.structs.replace(alone(b"one"), files=(File("a", 3, 0, 0, b"d" * 32),)),
    ],
    ids=["other blocks", "packed now"],
)
def test_what_cannot_be_told_counts_as_changed(new: Manifest) -> None:
    assert [change.change for change in difference(alone(b"one"), new)] == [Change.CHANGED]
