"""What a middlebox compresses is decoded, and never beyond what was asked for."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import sys
import zlib
from collections.abc import Sequence
from typing import overload

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.errors import Fault, TransferError
from dlcore.transfer.http.content_coding import PIECE_BYTES, Gunzip
from dlcore.transfer.http.readers import read_document, read_range, read_stream
from dlcore.transfer.sink import SinkWriter
from tests.transfer.clients import client_for
from tests.transfer.hostile import CLOSE, Script, hostile
from tests.transfer.responses import (
    ASKED,
    CONTENT,
    END,
    RIGHT,
    START,
    TOTAL,
    fetch,
    partial,
)
from tests.transfer.sinks import Collector

BOMB = gzip.compress(bytes(64 << 20), 9)
"""64 kB that decode to 64 MiB."""

EMPTY = gzip.compress(b"")
LONG_HEADER = b"\x1f\x8b\x08\x08" + bytes(6)
"""Begins a member, and a file name that ends with a zero byte."""


class Endless(Sequence[bytes]):
    """What a server sends that begins with one piece and repeats another for ever, in chunks."""

    def __init__(self, head: bytes, first: bytes, again: bytes) -> None:
        self._pieces = (head, *(b"%x\r\n%b\r\n" % (len(data), data) for data in (first, again)))

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        assert isinstance(index, int)
        return self._pieces[min(index, 2)]

    def __len__(self) -> int:
        return sys.maxsize


def without_end(first: bytes, again: bytes, **headers: str) -> Script:
    head = Script.response(
        "206 Partial Content" if headers else "200 OK",
        b"",
        end=CLOSE,
        Content_Encoding="gzip",
        Transfer_Encoding="chunked",
        **headers,
    ).said[0]
    assert isinstance(head, bytes)
    return Script(Endless(head, first, again))


def decoded(gunzip: Gunzip, pieces: list[bytes]) -> bytes:
    data = b""
    for piece in pieces:
        gunzip.feed(piece)
        while found := gunzip.take():
            assert len(found) <= PIECE_BYTES
            data += found
    return data


@given(
    st.lists(st.binary(max_size=2000) | st.just(bytes(400_000)), max_size=3),
    st.lists(st.integers(0, 5000), max_size=5),
)
def test_all_that_was_compressed_comes_back(parts: list[bytes], cuts: list[int]) -> None:
    coded = b"".join(gzip.compress(part) for part in parts)  # each is a member
    places = sorted({0, *(min(cut, len(coded)) for cut in cuts), len(coded)})
    pieces = [coded[a:b] for a, b in itertools.pairwise(places)]
    gunzip = Gunzip()
    assert decoded(gunzip, pieces) == b"".join(parts)
    assert gunzip.is_complete


@given(st.binary(min_size=1, max_size=300), st.integers(1, 100))
def test_what_ends_early_is_not_complete(data: bytes, cut: int) -> None:
    coded = gzip.compress(data)
    gunzip = Gunzip()
    decoded(gunzip, [coded[: -min(cut, len(coded) - 1)]])
    assert not gunzip.is_complete


@given(st.binary(min_size=1))
def test_what_is_not_gzip_is_told(data: bytes) -> None:
    gunzip = Gunzip()
    with contextlib.suppress(ValueError):
        decoded(gunzip, [data])
        assert not gunzip.is_complete or zlib.decompress(data, 31) is not None


@pytest.mark.parametrize("coding", ["gzip", "X-GZip", " gzip "])
async def test_a_range_that_was_compressed_on_the_way_is_decoded(coding: str) -> None:
    """Fault H8: a middlebox compresses a range. dlcore decodes it; its bytes are verified."""
    sink = Collector(END - START)
    async with hostile(partial(body=gzip.compress(ASKED), Content_Encoding=coding)) as server:
        await fetch(server, sink)
    assert sink.received == ASKED
    assert b"Cache-Control: no-transform\r\n" in server.requests[0]


@pytest.mark.parametrize("span", [(0, TOTAL), (START, END)])
async def test_a_whole_object_that_was_compressed_is_decoded(span: tuple[int, int]) -> None:
    body = gzip.compress(CONTENT)
    whole = Script.response("200 OK", body, Content_Length=str(len(body)), Content_Encoding="gzip")
    sink, client = Collector(span[1] - span[0]), client_for(5)
    async with hostile(whole) as server:
        await read_range(
            client, f"{server.url}/o", span, TOTAL, SinkWriter(sink), from_beginning=True
        )
    await client.aclose()
    assert sink.received == CONTENT[slice(*span)]


async def test_a_document_that_was_compressed_is_decoded() -> None:
    body = gzip.compress(CONTENT)
    length = str(len(body))
    answer = Script.response("200 OK", body, Content_Length=length, Content_Encoding="gzip")
    client = client_for(5)
    async with hostile(answer) as server:
        assert await read_document(client, f"{server.url}/d", TOTAL) == CONTENT
    await client.aclose()


async def test_a_bomb_is_an_error_after_what_was_asked_for() -> None:
    """Fault H8: a few bytes decode to very many. dlcore decodes no more than was asked for."""
    sink = Collector(END - START)
    async with hostile(partial(body=BOMB, Content_Encoding="gzip")) as server:
        with pytest.raises(TransferError) as caught:
            await fetch(server, sink)
    assert caught.value.fault is Fault.RANGE
    assert sink.received == bytes(END - START)


async def test_a_bomb_in_place_of_a_document_is_an_error() -> None:
    answer = Script.response("200 OK", BOMB, Content_Length=str(len(BOMB)), Content_Encoding="gzip")
    client = client_for(5)
    async with hostile(answer) as server:
        with pytest.raises(TransferError) as caught:
            await read_document(client, f"{server.url}/d", TOTAL)
    await client.aclose()
    assert caught.value.fault is Fault.RANGE


@pytest.mark.parametrize(
    ("body", "coding", "fault"),
    [
        (gzip.compress(ASKED)[:-9], "gzip", Fault.TRUNCATED),
        (gzip.compress(ASKED[:-1]), "gzip", Fault.TRUNCATED),
        (gzip.compress(ASKED + b"x"), "gzip", Fault.RANGE),
        (ASKED, "gzip", Fault.REFUSED),
        (gzip.compress(ASKED), "br", Fault.REFUSED),
        (gzip.compress(ASKED), "gzip, gzip", Fault.REFUSED),
    ],
)
async def test_what_does_not_decode_to_what_was_asked_for_is_an_error(
    body: bytes, coding: str, fault: Fault
) -> None:
    sink = Collector(END - START)
    async with hostile(partial(body=body, Content_Encoding=coding)) as server:
        with pytest.raises(TransferError) as caught:
            await fetch(server, sink)
    assert caught.value.fault is fault
    assert ASKED.startswith(sink.received)


NOTHING = [(EMPTY, 1000 * EMPTY), (LONG_HEADER, b"n" * 20_000)]
"""What is gzip and decodes to nothing, however much of it arrives: how it begins and goes on."""


@pytest.mark.parametrize(("first", "again"), NOTHING)
async def test_a_range_that_decodes_to_nothing_for_ever_is_refused(
    first: bytes, again: bytes
) -> None:
    """Fault: a compressed body goes on for ever and decodes to nothing. It is refused."""
    sink = Collector(END - START)
    async with hostile(without_end(first, again, Content_Range=RIGHT)) as server:
        with pytest.raises(TransferError, match="next to nothing") as caught:
            await fetch(server, sink)
    assert caught.value.fault is Fault.REFUSED


@pytest.mark.parametrize(("first", "again"), NOTHING)
async def test_a_document_or_stream_that_decodes_to_nothing_for_ever_is_refused(
    first: bytes, again: bytes
) -> None:
    written: list[bytes] = []
    received: list[int] = []

    async def write(data: bytes) -> None:
        written.append(data)

    client = client_for(5)
    async with hostile(without_end(first, again)) as server:
        with pytest.raises(TransferError, match="next to nothing"):
            await read_document(client, f"{server.url}/d", TOTAL)
        with pytest.raises(TransferError, match="next to nothing"):
            await read_stream(client, f"{server.url}/s", write, received.append)
    await client.aclose()
    assert not written
    assert not sum(received), "what does not decode to content is none"


async def test_what_decodes_to_nothing_slowly_is_a_stall() -> None:
    """Fault: an endpoint sends empty members of gzip, and no content. It is a stall."""
    sink = Collector(END - START)
    async with hostile(without_end(EMPTY, EMPTY, Content_Range=RIGHT)) as server:
        with pytest.raises(TransferError) as caught:
            await fetch(server, sink, stall_s=0.05)
    assert caught.value.fault is Fault.STALL


def test_single_bytes_in_members_of_their_own_are_decoded() -> None:
    gunzip = Gunzip()
    assert decoded(gunzip, [gzip.compress(b"x") * 100] * 200) == b"x" * 20_000
