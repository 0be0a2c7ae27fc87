"""Some files of a package as a manifest of their own: every byte has the digest that it had."""

from __future__ import annotations

import hashlib
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.errors import ManifestError
from dlcore.manifest import Patterns, decode, encode, select
from dlcore.manifest.identity import object_name
from dlcore.model import File, Manifest, Object

BLOCK_BYTES = 4096
LENGTHS = st.lists(st.sampled_from([0, 1, 700, 4095, 4096, 4097, 3 * 4096]), min_size=2, max_size=8)


def package(lengths: list[int]) -> tuple[Manifest, dict[str, bytes], list[bytes]]:
    """A package: its files one after the other in one object, but the last, which has its own."""
    contents = [random.Random(n).randbytes(length) for n, length in enumerate(lengths)]
    files: list[File] = []
    bodies = [b"".join(contents[:-1]), contents[-1]]
    indices = {body: n for n, body in enumerate(body for body in bodies if body)}
    for number, content in enumerate(contents):
        body = bodies[number == len(contents) - 1]
        offset = sum(map(len, contents[:number])) if body is bodies[0] else 0
        place = (indices[body], offset) if content else (-1, 0)
        files.append(File(f"{number}.bin", len(content), *place))
    bodies = [body for body in bodies if body]
    plain = Manifest(
        2, "ABC00012", 1, BLOCK_BYTES, tuple(map(_object, bodies)), tuple(files), ("empty",)
    )
    packed = [
        msgspec.structs.replace(file, sha256=hashlib.sha256(content).digest())
        if plain.is_packed(file)
        else file
        for file, content in zip(files, contents, strict=True)
    ]
    named = {file.path: content for file, content in zip(files, contents, strict=True)}
    return msgspec.structs.replace(plain, files=tuple(packed)), named, bodies


def _object(body: bytes) -> Object:
    blocks = [body[at : at + BLOCK_BYTES] for at in range(0, len(body), BLOCK_BYTES)]
    digests = b"".join(hashlib.sha256(block).digest() for block in blocks)
    return Object(object_name(len(body), BLOCK_BYTES, digests), len(body), digests)


@given(LENGTHS, st.sets(st.integers(0, 7), min_size=1))
def test_each_object_of_a_selection_has_the_digests_of_its_bytes(
    lengths: list[int], numbers: set[int]
) -> None:
    manifest, contents, bodies = package(lengths)
    selection = select(manifest, Patterns(tuple(f"{number}.bin" for number in numbers)))
    assert selection is not None  # the empty folder is not in it
    chosen = selection.manifest
    assert decode(encode(chosen), source="test") == chosen
    expected = {f"{number}.bin" for number in numbers if number < len(lengths)}
    assert {file.path for file in chosen.files} == expected
    for file in chosen.files:
        if file.is_empty:
            continue
        item, part = chosen.objects[file.object], selection.origins[file.object]
        body = bodies[part.object][part.offset_bytes : part.offset_bytes + item.length_bytes]
        assert body == contents[file.path]
        if item.digests:
            assert item.digests == _object(body).digests
        else:
            assert item.sha256 == hashlib.sha256(body).digest()


def test_all_of_a_package_is_no_selection() -> None:
    manifest, _, _ = package([1, 2])
    assert select(manifest, Patterns()) is None
    assert select(manifest, Patterns(("*",))) is None


def test_empty_folders_are_selected_by_their_names() -> None:
    manifest, _, _ = package([1, 2])
    selection = select(manifest, Patterns(("empty",)))
    assert selection
    assert (selection.manifest.files, selection.manifest.folders) == ((), ("empty",))


def test_a_file_without_a_digest_of_its_own_is_not_fetched_alone() -> None:
    manifest, _, _ = package([700, 700, 1])
    files = tuple(msgspec.structs.replace(file, sha256=b"") for file in manifest.files)
    old = msgspec.structs.replace(manifest, schema=1, files=files)
    with pytest.raises(ManifestError, match=r"'0\.bin' cannot be fetched alone"):
        select(old, Patterns(("0.bin",)))
    assert select(old, Patterns(("2.bin",)))
