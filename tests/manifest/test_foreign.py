from __future__ import annotations

import base64
import hashlib
import json

import msgspec
import pytest

from dlcore.errors import ManifestError
from dlcore.manifest import decode, digest_of, encode, metalink, object_name, read_any
from dlcore.manifest.described import Described
from dlcore.model import File, Manifest
from dlcore.package_ids import LOCAL_ID
from tests.manifest.documents import EICAR_DIGEST, METALINK, PHF_FIVE, PHF_ONE
from tests.manifest.helpers import example


def read(data: bytes) -> Described:
    return read_any(data, source="test", package_id="XYZ00001", path="a.bin")


@pytest.mark.parametrize("data", [PHF_ONE, PHF_FIVE], ids=["one block", "five blocks"])
def test_the_content_address_is_the_published_hash_of_hashes(data: bytes) -> None:
    members = json.loads(data)
    digests = b"".join(map(base64.b64decode, members["Pieces"]))
    name = object_name(members["ContentLength"], members["PieceSize"], digests)
    assert base64.b64encode(bytes.fromhex(name)).decode() == members["HashOfHashes"]


def test_a_published_block_digest_is_plain_sha_256_of_the_block() -> None:
    assert hashlib.sha256(b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE").digest() == EICAR_DIGEST


def test_digest_of_a_document_is_sha_256_in_hex() -> None:
    assert digest_of(b"abc").startswith("ba7816bf8f01cfea414140de5dae2223b00361a396177a9c")


def test_a_native_manifest_is_recognised() -> None:
    assert read(encode(example())) == Described(example())


def test_a_native_manifest_may_have_a_file_named_as_a_member_of_piece_hash_files() -> None:
    """Fault: a package has a file named "HashOfHashes". Its manifest is read as a native one."""
    files = (File("HashOfHashes", 0), *example().files)
    manifest = msgspec.structs.replace(example(), files=files)
    assert read(encode(manifest)).manifest == manifest


def test_a_piece_hash_file_becomes_a_package_of_one_file() -> None:
    manifest = read(PHF_FIVE).manifest
    assert (manifest.package_id, manifest.version) == ("XYZ00001", 1)
    assert [(file.path, file.length_bytes) for file in manifest.files] == [("a.bin", 4642818)]
    assert manifest.block_count(0) == 5
    assert manifest.objects[0].digests[:4].hex() == "59775df4"


def test_a_piece_hash_file_of_an_empty_file_has_no_object() -> None:
    name = base64.b64encode(bytes.fromhex(object_name(0, 1 << 20, b""))).decode()
    empty = {"MajorVersion": 1, "HashOfHashes": name, "ContentLength": 0, "PieceSize": 1 << 20}
    manifest = read(json.dumps(empty | {"Pieces": []}).encode()).manifest
    assert manifest.objects == ()
    assert manifest.files[0].length_bytes == 0


@pytest.mark.parametrize(
    ("member", "value", "reason"),
    [
        ("HashOfHashes", "aGZA/I8Lc2F+ZsPzrXhTrcZaVte+PexJ5cOai52WjpQ=", "does not match"),
        ("ContentLength", 244531, "does not match"),
        ("ContentLength", -1, "out of range"),
        ("ContentLength", 1 << 64, "ContentLength"),
        ("PieceSize", 1 << 19, "does not match"),
        ("PieceSize", 1000, "PieceSize 1000"),
        ("PieceSize", 0, "PieceSize 0"),
        ("MajorVersion", 2, "MajorVersion 2"),
        ("Pieces", [], "does not match"),
        ("Pieces", "x", "Pieces"),
    ],
)
def test_a_piece_hash_file_that_contradicts_itself_is_refused(
    member: str, value: object, reason: str
) -> None:
    with pytest.raises(ManifestError, match=reason):
        read(json.dumps(json.loads(PHF_ONE) | {member: value}).encode())


def test_a_metalink_becomes_one_object_for_each_file_with_content() -> None:
    manifest = read(METALINK).manifest
    assert (manifest.version, manifest.block_bytes) == (1, 262144)
    assert [(f.path, f.length_bytes, f.object) for f in manifest.files] == [
        ("empty", 0, -1),
        ("notes.txt", 12, 0),
        ("os/install.wim", 300000, 1),
    ]
    whole, cut = manifest.objects
    assert (whole.sha256, whole.digests) == (b"\xab" * 32, b"")
    assert cut.digests == b"\x11" * 32 + b"\x22" * 32


def test_the_urls_of_a_metalink_are_in_order_of_priority_and_stand_as_they_are() -> None:
    assert read(METALINK).urls == (
        (),
        (
            "http://first.example/install.wim",
            "https://second.example/install.wim?a=b&c=%2F",
            "https://last.example/install.wim",
        ),
    )


def test_a_file_on_another_grid_is_verified_as_a_whole() -> None:
    data = METALINK.replace(b'length="262144"', b'length="100000"')
    manifest = read(data).manifest
    assert manifest.block_bytes == 1 << 20
    assert manifest.objects[1].sha256 == b"\x0a" * 32


def local(data: bytes) -> Manifest:
    return read_any(data, source="test", package_id=LOCAL_ID).manifest


def test_a_file_without_sha256_is_verified_by_its_strongest_digest() -> None:
    hashes = f'<hash type="sha-1">{"01" * 20}</hash><hash type="sha-512">{"02" * 64}</hash>'
    data = METALINK.replace(WHOLE + b"AB" * 32 + b"</hash>", hashes.encode())
    whole, _ = local(data).objects
    assert (whole.given, whole.name) == (f"sha-512={'02' * 64}", "02" * 64)
    data = data.replace(b'"sha-512"', b'"sha3-512"')
    assert local(data).objects[0].given == f"sha-1={'01' * 20}"


def test_a_package_has_no_digests_but_sha256() -> None:
    data = METALINK.replace(WHOLE + b"AB" * 32, b'<hash type="sha-1">' + b"01" * 20)
    with pytest.raises(ManifestError, match="SHA-256 only"):
        read(data)
    manifest = local(data)
    with pytest.raises(ManifestError, match="SHA-256 only"):
        encode(msgspec.structs.replace(manifest, package_id="ABC00012"))
    document = encode(manifest)
    assert decode(document, source="here") == manifest
    with pytest.raises(ManifestError, match="40 hexadecimal digits"):
        decode(document.replace(b"sha-1=01", b"sha-1=0"), source="here")


DTD = b'<!DOCTYPE metalink [<!ENTITY a "b">]><metalink xmlns'
WHOLE = b'<hash type="sha-256">'
BROKEN_METALINKS = {
    "DTD": (METALINK.replace(b"<metalink xmlns", DTD), "DTD"),
    "cut short": (METALINK[:-20], "XML"),
    "version 3": (METALINK.replace(b"urn:ietf:params:xml:ns:metalink", b"x"), "Metalink 4"),
    "no size": (METALINK.replace(b"<size>12</size>", b""), "size is missing"),
    "negative size": (METALINK.replace(b"<size>12<", b"<size>-12<"), "not a number"),
    "other digits": (METALINK.replace(b"<size>12<", "<size>١٢<".encode()), "not a number"),
    "huge size": (METALINK.replace(b"<size>12<", b"<size>9999999999999999999<"), "length_bytes"),
    "only MD5": (METALINK.replace(WHOLE, b'<hash type="md5">'), "no usable digest"),
    "too short": (METALINK.replace(WHOLE, b'<hash type="sha-512">'), "128 hexadecimal digits"),
    "digest too short": (METALINK.replace(b"AB" * 32, b"AB"), "not a SHA-256"),
    "blocks missing": (METALINK.replace(b"300000", b"600000"), "number of pieces does not"),
    "parent": (METALINK.replace(b"notes.txt", b"../notes.txt"), "'..'"),
    "home": (METALINK.replace(b"notes.txt", b"C:/notes.txt"), "Windows reserves"),
    "file twice": (METALINK.replace(b"notes.txt", b"os/install.wim"), "repeated"),
    "no host": (METALINK.replace(b"//last.example", b""), "no host"),
    "line feed": (METALINK.replace(b"last.example/", b"last.example/&#10;"), "characters"),
    "bad port": (METALINK.replace(b"//last.example", b"//[last.example"), "Metalink"),
    "unknown encoding": (METALINK.replace(b"UTF-8", b"nope"), "encoding"),
}


@pytest.mark.parametrize(("data", "reason"), BROKEN_METALINKS.values(), ids=BROKEN_METALINKS)
def test_a_broken_metalink_is_refused(data: bytes, reason: str) -> None:
    """Fault X7, M9: a description has only weak digests. dlcore refuses it."""
    with pytest.raises(ManifestError) as caught:
        read(data)
    assert reason in caught.value.message


def test_a_url_with_credentials_is_refused_without_showing_them() -> None:
    data = METALINK.replace(b"https://last", b"https://user:CANARY@last")
    with pytest.raises(ManifestError, match="holds credentials") as caught:
        read(data)
    assert "CANARY" not in repr(caught.value) + caught.value.remedy


def test_a_metalink_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metalink, "MAX_METALINK_BYTES", 100)
    with pytest.raises(ManifestError, match="at most 100"):
        read(METALINK)
