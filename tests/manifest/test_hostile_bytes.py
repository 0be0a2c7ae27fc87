"""Whatever bytes come in, nothing but a refusal comes out."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from dlcore.errors import ManifestError
from dlcore.manifest import decode, decode_catalog, encode, encode_catalog, read_any
from dlcore.model import Catalog, CatalogEntry
from tests.manifest.documents import METALINK, PHF_ONE
from tests.manifest.helpers import example

DOCUMENTS = [
    encode(example()),
    encode_catalog(Catalog(1, {"ABC00012": CatalogEntry(1, "ab" * 32, 500, 10)})),
    PHF_ONE,
    METALINK,
]
TOKENS = [
    *(b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\0", b"\xff", b"-1", b"1e999", b"null"),
    *(b"<", b">", b"&", b"<!DOCTYPE a>", b"&#0;", b"\\ud800", b"/../", b"99999999999999999999"),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = draw(st.sampled_from(DOCUMENTS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 20)))
        middle = draw(
            st.sampled_from(TOKENS) | st.binary(max_size=8) | st.just(data[start:end] * 2)
        )
        data = data[:start] + middle + data[end:]
    return data


def _read_all_ways(data: bytes) -> None:
    for read in (decode, decode_catalog):
        with contextlib.suppress(ManifestError):
            read(data, source="test")
    with contextlib.suppress(ManifestError):
        read_any(data, source="test", package_id="ABC00012")


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    _read_all_ways(data)


@given(mutated())
def test_mutated_documents_are_read_or_refused(data: bytes) -> None:
    _read_all_ways(data)


@given(mutated())
def test_what_is_read_can_be_written_again(data: bytes) -> None:
    with contextlib.suppress(ManifestError):
        manifest = read_any(data, source="test", package_id="ABC00012").manifest
        assert decode(encode(manifest), source="test") == manifest
