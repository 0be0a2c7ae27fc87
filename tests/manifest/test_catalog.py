from __future__ import annotations

import msgspec
import pytest

from dlcore.errors import ManifestError
from dlcore.manifest import catalog as room
from dlcore.manifest import decode_catalog, encode_catalog
from dlcore.model import Catalog, CatalogEntry

ENTRY = CatalogEntry(3, "ab" * 32, 500, 1 << 40)


def one(**members: object) -> Catalog:
    return Catalog(1, {"ABC00012": msgspec.structs.replace(ENTRY, **members)})


def test_a_catalog_is_sorted_by_package_id_and_survives_the_round_trip() -> None:
    catalog = Catalog(1, {"XYZ00001": ENTRY, "ABC00012": ENTRY})
    data = encode_catalog(catalog)
    assert data.index(b"ABC00012") < data.index(b"XYZ00001")
    assert decode_catalog(data, source="test") == catalog
    assert data.startswith(b'{"schema":1,"packages":{"ABC00012":{"version":3,"manifest":"abab')


def test_only_an_entry_that_was_described_has_a_content_hash() -> None:
    catalog = one(content_hash="AB" * 32)
    assert decode_catalog(encode_catalog(catalog), source="test") == catalog
    assert b"content_hash" not in encode_catalog(one())


@pytest.mark.parametrize(
    ("catalog", "reason"),
    [
        (Catalog(2, {}), "schema 2"),
        (Catalog(1, {"../x": ENTRY}), "package id"),
        (one(version=0), "package ABC00012: version 0"),
        (one(version=1 << 63), "version"),
        (one(manifest="AB" * 32), "lower-case hex"),
        (one(manifest="../../../etc/passwd"), "lower-case hex"),
        (one(manifest="ab" * 32 + "\n"), "lower-case hex"),
        (one(manifest_bytes=0), "manifest_bytes 0"),
        (one(manifest_bytes=1 << 40), "manifest_bytes"),
        (one(content_hash="ab" * 32), "upper-case hex"),
        (one(content_hash="AB" * 32 + "\n"), "upper-case hex"),
        (one(content_bytes=-1), "content_bytes -1"),
        (one(content_bytes=(1 << 53) + 1), "content_bytes"),
    ],
)
def test_a_broken_catalog_is_neither_read_nor_written(catalog: Catalog, reason: str) -> None:
    with pytest.raises(ManifestError) as caught:
        decode_catalog(msgspec.json.encode(catalog), source="dp")
    assert caught.value.message.startswith("dp: ")
    assert reason in caught.value.message
    with pytest.raises(ManifestError):
        encode_catalog(catalog)


def test_a_package_listed_twice_is_refused() -> None:
    entry = msgspec.json.encode(ENTRY)
    data = b'{"schema":1,"packages":{"ABC00012":%b,"ABC00012":%b}}' % (entry, entry)
    with pytest.raises(ManifestError, match="'ABC00012' is given twice"):
        decode_catalog(data, source="dp")


def test_a_catalog_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_CATALOG_BYTES", 10)
    with pytest.raises(ManifestError, match="at most 10"):
        decode_catalog(encode_catalog(one()), source="dp")
