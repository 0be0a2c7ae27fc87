from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given

from dlcore.errors import ManifestError
from dlcore.manifest import block_bytes_for, decode, document, encode, is_block_length
from dlcore.manifest.geometry import MAX_BLOCKS
from dlcore.model import DEFAULT_BLOCK_BYTES, File, Manifest, Object
from tests.manifest.helpers import (
    BLOCK,
    example,
    example_of_schema_1,
    manifests,
    object_of,
    with_digests_of_files,
)


@given(manifests())
def test_a_manifest_survives_the_round_trip(manifest: Manifest) -> None:
    data = encode(manifest)
    assert decode(data, source="test") == manifest
    assert encode(decode(data, source="test")) == data


def test_the_document_is_what_the_format_says() -> None:
    manifest = Manifest(1, "ABC00012", 1, BLOCK, (object_of(3),), (File("é", 3, 0),))
    digest = "X+zrZv/IbzjZUnhsbWlsecLbwjndTpG0ZynXOif7V+k="  # of b"0", by openssl
    name = object_of(3).name
    assert encode(manifest).decode() == (
        '{"schema":1,"package_id":"ABC00012","version":1,"block_bytes":4096,'
        f'"objects":[{{"name":"{name}","length_bytes":3,"digests":"{digest}"}}],'
        '"files":[{"path":"é","length_bytes":3,"object":0}],"folders":[]}'
    )


def test_a_packed_file_has_its_digest_in_the_document() -> None:
    manifest = with_digests_of_files(
        Manifest(1, "ABC00012", 1, BLOCK, (object_of(3),), (File("a", 1, 0), File("b", 2, 0, 1)))
    )
    digest = "ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs="  # of b"a", by openssl
    assert f'{{"path":"a","length_bytes":1,"object":0,"sha256":"{digest}"}}' in (
        encode(manifest).decode()
    )


def test_a_manifest_of_schema_1_is_read_and_written_as_it_is() -> None:
    manifest = example_of_schema_1()
    assert "sha256" not in encode(manifest).decode()
    assert decode(encode(manifest), source="test") == manifest


@pytest.mark.parametrize(
    ("offset_bytes", "length_bytes", "is_packed"),
    [
        (0, BLOCK, False),
        (0, 2 * BLOCK, False),
        (BLOCK, BLOCK, False),
        (2 * BLOCK, 10, False),  # the last block, up to the end of the object
        (0, 2 * BLOCK + 10, False),  # the whole object
        (0, BLOCK - 1, True),
        (0, BLOCK + 1, True),
        (BLOCK - 1, BLOCK + 11, True),
        (2 * BLOCK + 1, 9, True),
        (2 * BLOCK, 9, True),
    ],
)
def test_a_file_is_packed_if_it_shares_a_block(
    offset_bytes: int, length_bytes: int, is_packed: bool
) -> None:
    file = File("x", length_bytes, 0, offset_bytes)
    item = object_of(2 * BLOCK + 10)
    assert Manifest(2, "ABC00012", 1, BLOCK, (item,), (file,)).is_packed(file) is is_packed


@given(manifests())
def test_the_packed_files_are_those_that_have_a_neighbour_in_one_of_their_blocks(
    manifest: Manifest,
) -> None:
    neighbours: dict[tuple[int, int], set[str]] = {}
    for file in manifest.files:
        for at in range(file.offset_bytes, file.offset_bytes + file.length_bytes):
            neighbours.setdefault((file.object, at // BLOCK), set()).add(file.path)
    shared = {path for paths in neighbours.values() if len(paths) > 1 for path in paths}
    assert {file.path for file in manifest.files if manifest.is_packed(file)} == shared


def test_an_object_with_one_digest_of_the_whole_is_accepted() -> None:
    item = Object("ab" * 32, 5, sha256=b"\xab" * 32)
    manifest = Manifest(1, "ABC00012", 1, BLOCK, (item,), (File("a", 5, 0),))
    assert decode(encode(manifest), source="test") == manifest


def test_lengths_beyond_four_gibibytes_are_kept() -> None:
    """Fault X6: a file is longer than 4 GiB or 32 TiB. dlcore keeps its length exactly."""
    length = (1 << 45) + 1
    item = Object("ab" * 32, length, sha256=b"\xab" * 32)
    manifest = Manifest(1, "ABC00012", 1, 16 << 20, (item,), (File("a", length, 0),))
    assert decode(encode(manifest), source="test").content_bytes == length


def change(**members: Any) -> Manifest:
    return msgspec.structs.replace(example(), **members)


A, B = object_of(30), object_of(2 * BLOCK + 1)
FILES = example().files
UNPROVEN = example_of_schema_1().files
HUGE = Object("ab" * 32, (1 << 62) + 1, sha256=b"\xab" * 32)

BROKEN: dict[str, tuple[Manifest, str]] = {
    "schema 0": (change(schema=0), "schema 0"),
    "later schema": (change(schema=4), "schema 4"),
    "digest of a packed file missing": (
        change(files=(File("a.txt", 10, 0, 0), *FILES[1:])),
        "file 'a.txt': sha256 is 0 bytes long, not 32",
    ),
    "digest of a packed file cut": (
        change(files=(File("a.txt", 10, 0, 0, b"\xab" * 31), *FILES[1:])),
        "file 'a.txt': sha256 is 31 bytes long, not 32",
    ),
    "digest of a file that is not packed": (
        change(files=(*FILES[:3], msgspec.structs.replace(FILES[3], sha256=b"\xab" * 32))),
        "file 'install.wim': sha256 is 32 bytes long, not 0",
    ),
    "digest of an empty file": (
        change(files=(*FILES[:2], File("drivers/empty", 0, sha256=b"\xab" * 32), FILES[3])),
        "file 'drivers/empty': sha256 is 32 bytes long, not 0",
    ),
    "digests of files in schema 1": (change(schema=1), "sha256 is 32 bytes long, not 0"),
    "digest of a file of a whole object missing": (
        change(objects=(Object("ab" * 32, 30, sha256=b"\xab" * 32), B), files=UNPROVEN),
        "file 'a.txt': sha256 is 0 bytes long, not 32",
    ),
    "package id": (change(package_id="../../etc"), "package id"),
    "package id in lower case": (change(package_id="abc00012"), "package id"),
    "version": (change(version=0), "version 0"),
    "block of 0": (change(block_bytes=0), "block_bytes 0"),
    "negative block": (change(block_bytes=-4096), "block_bytes -4096"),
    "odd block": (change(block_bytes=5000), "block_bytes 5000"),
    "small block": (change(block_bytes=2048), "block_bytes 2048"),
    "large block": (change(block_bytes=32 << 20), "block_bytes"),
    "empty object": (change(objects=(Object("x", 0), B)), "objects[0]: length_bytes 0"),
    "negative object": (change(objects=(Object("x", -1), B)), "objects[0]: length_bytes -1"),
    "object of 2**64": (change(objects=(Object("x", 1 << 64), B)), "objects[0]: length_bytes"),
    "no digest": (change(objects=(Object(A.name, 30), B)), "must have either digests or sha256"),
    "both digests": (
        change(objects=(Object(A.name, 30, A.digests, A.digests), B)),
        "must have either digests or sha256",
    ),
    "digest missing": (
        change(objects=(A, Object(B.name, B.length_bytes, B.digests[:-32]))),
        "objects[1]: digests is 64 bytes long, not 96",
    ),
    "short sha256": (
        change(objects=(Object("ab", 30, sha256=b"\xab"), B)),
        "sha256 is 1 bytes long",
    ),
    "wrong name": (change(objects=(Object("00" * 32, 30, A.digests), B)), "does not match"),
    "name that is a path": (change(objects=(Object("../x", 30, A.digests), B)), "does not match"),
    "sum": (
        change(objects=(HUGE, HUGE), files=(File("a", 1 << 62, 0), File("b", 1 << 62, 1))),
        "2**53",
    ),
    "blocks": (
        change(
            block_bytes=4096,
            objects=(Object("ab" * 32, 1 << 40, sha256=b"\xab" * 32),),
            files=(File("a", 1 << 40, 0),),
        ),
        "268435456 blocks, but at most 4194304",
    ),
    "files out of order": (change(files=FILES[::-1]), "out of order"),
    "file twice": (change(files=(FILES[0], *FILES)), "repeated"),
    "hostile file name": (change(files=(File("..", 0), *FILES)), "'..'"),
    "hostile folder name": (change(folders=("/abs",)), "absolute"),
    "folders out of order": (change(folders=("z", "y")), "out of order"),
    "folder is a file": (change(folders=("a.txt",)), "a.txt"),
    "folder that is not empty": (change(folders=("drivers",)), "drivers"),
    "case": (change(folders=("A.TXT",)), "differ only in case"),
    "unknown object": (change(files=(*FILES[:3], File("x", 5, 2))), "object 2 does not exist"),
    "no object": (change(files=(*FILES[:3], File("x", 5))), "object -1 does not exist"),
    "negative index": (change(files=(*FILES[:3], File("x", 5, -2))), "object -2"),
    "empty file in an object": (change(files=(File("0", 0, 0), *FILES)), "is empty, but placed"),
    "empty file with offset": (change(files=(File("0", 0, -1, 5), *FILES)), "is empty, but placed"),
    "negative length": (change(files=(File("0", -5, 0), *FILES)), "out of range"),
    "negative offset": (change(files=(File("0", 5, 0, -5), *FILES)), "out of range"),
    "overlap": (
        change(files=(FILES[0], File("b", 20, 0, 9), *FILES[2:])),
        "objects[0]: bytes from 9 are in two files",
    ),
    "gap": (
        change(files=(FILES[0], File("b", 19, 0, 11), *FILES[2:])),
        "objects[0]: bytes from 10 are not in any file",
    ),
    "end missing": (change(files=FILES[:3]), "objects[1]: its files end at byte 0"),
    "beyond the end": (
        change(files=(*FILES[:3], File("x", B.length_bytes + 1, 1))),
        "objects[1]: its files end at byte 8194, but it ends at 8193",
    ),
}


@pytest.mark.parametrize(("manifest", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_rule_is_refused_with_place_and_remedy(manifest: Manifest, reason: str) -> None:
    """Fault M4: numbers of a manifest are negative, huge, overlapping or do not add up. dlcore
    refuses it.
    """
    with pytest.raises(ManifestError) as caught:
        decode(msgspec.json.encode(manifest), source="https://dp/manifest")
    assert caught.value.message.startswith("https://dp/manifest: ")
    assert reason in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize(("manifest", "reason"), BROKEN.values(), ids=BROKEN)
def test_what_would_be_refused_is_never_written(manifest: Manifest, reason: str) -> None:
    with pytest.raises(ManifestError) as caught:
        encode(manifest)
    assert reason in caught.value.message


TEXT = encode(example()).decode()
MALFORMED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "not a manifest"),
    "cut short": (TEXT[:-1].encode(), "not a manifest"),
    "more behind": ((TEXT + "{}").encode(), "not a manifest"),
    "unknown member": (TEXT.replace('"schema"', '"x":1,"schema"').encode(), "unknown field `x`"),
    "unknown member inside": (TEXT.replace('"path"', '"mode":1,"path"', 1).encode(), "mode"),
    "member twice": (TEXT.replace('"schema":2', '"schema":2,"schema":2').encode(), "twice"),
    "unknown member of a later schema": (
        TEXT.replace('"schema":2', '"schema":4,"x":1').encode(),
        "schema 4 is not supported",
    ),
    "member twice inside": (
        TEXT.replace('"length_bytes":10', '"length_bytes":9,"length_bytes" : 10').encode(),
        "'length_bytes' is given twice",
    ),
    "member twice in disguise": (
        TEXT.replace('"version":3', '"version":3,"\\u0076ersion":3').encode(),
        "'version' is given twice",
    ),
    "fraction": (TEXT.replace('"version":3', '"version":3.5').encode(), "$.version"),
    "infinity": (TEXT.replace('"version":3', '"version":1e999').encode(), "not a manifest"),
    "NaN": (TEXT.replace('"version":3', '"version":NaN').encode(), "not a manifest"),
    "26 digits": (TEXT.replace('"version":3', f'"version":{"9" * 26}').encode(), "version 9999"),
    "9,000 digits": (TEXT.replace('"version":3', f'"version":{"9" * 9000}').encode(), "manifest"),
    "not base64": (TEXT.replace('"digests":"', '"digests":"*').encode(), "base64"),
    "not UTF-8": (TEXT.encode().replace(b"a.txt", b"\xff.txt"), "utf-8"),
    "half a surrogate": (TEXT.replace("a.txt", "\\ud800").encode(), "surrogate"),
    "byte order mark": (b"\xef\xbb\xbf" + TEXT.encode(), "not a manifest"),
    "array": (b"[]", "Expected `object`"),
    "deep": (b"[" * 200_000, "not a manifest"),
    "deep inside": (b'{"folders":' + b'[{"a":' * 100_000, "not a manifest"),
    "escape sequence": (b'{"\\u001b[2J":1}', "unknown field"),
}


@pytest.mark.parametrize(("data", "reason"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_json_is_refused_in_a_printable_message(data: bytes, reason: str) -> None:
    """Fault M4, M5: a manifest repeats members or is nested too deep. dlcore refuses it."""
    with pytest.raises(ManifestError) as caught:
        decode(data, source="dp")
    assert reason.lower() in caught.value.message.lower()
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 300


def test_white_space_and_order_of_members_do_not_matter() -> None:
    members = json.loads(TEXT)
    shuffled = json.dumps(dict(reversed(members.items())), indent=2).encode()
    assert decode(shuffled, source="test") == example()


def test_a_document_over_the_limit_is_refused_unparsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault M5: a manifest is longer than the limit. dlcore refuses it unparsed."""
    monkeypatch.setattr(document, "MAX_MANIFEST_BYTES", len(TEXT) - 1)
    with pytest.raises(ManifestError, match="at most"):
        decode(TEXT.encode(), source="test")
    with pytest.raises(ManifestError, match="would be"):
        encode(example())


def test_nesting_that_exhausts_the_stack_is_refused() -> None:
    nested = b'{"schema":' + b"[" * 100_000
    with pytest.raises(ManifestError):
        decode(nested, source="test")


@pytest.mark.parametrize("length_bytes", [0, 1, 1 << 42, (1 << 42) + 1, 1 << 46])
def test_the_length_of_blocks_follows_that_of_the_content(length_bytes: int) -> None:
    block_bytes = block_bytes_for(length_bytes)
    assert is_block_length(block_bytes)
    assert -(-length_bytes // block_bytes) <= MAX_BLOCKS
    is_shortest = block_bytes == DEFAULT_BLOCK_BYTES or length_bytes > MAX_BLOCKS * block_bytes // 2
    assert is_shortest


def test_content_that_is_too_long_for_any_block_is_refused() -> None:
    """Fault: a server claims 65 TiB and more. dlcore refuses it before anything is reserved."""
    length = (1 << 46) + 1
    item = Object("ab" * 32, length, sha256=b"\xab" * 32)
    manifest = Manifest(1, "ABC00012", 1, block_bytes_for(length), (item,), (File("a", length, 0),))
    with pytest.raises(ManifestError, match="blocks"):
        encode(manifest)
