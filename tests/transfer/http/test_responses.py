"""A response in an unusual form is accepted if it is certain to be the requested range."""

from __future__ import annotations

import asyncio

import pytest

from dlcore.errors import Fault, TransferError
from dlcore.transfer.http.readers import read_range
from dlcore.transfer.sink import SinkWriter
from tests.transfer.clients import client_for
from tests.transfer.clock import Clock
from tests.transfer.hostile import AGAIN, HANG, Script, hostile
from tests.transfer.responses import (
    ASKED,
    CONTENT,
    END,
    RIGHT,
    START,
    TOTAL,
    endless,
    fault_of,
    fetch,
    partial,
    status,
)
from tests.transfer.sinks import Collector

pytestmark = pytest.mark.usefixtures("path")


@pytest.mark.parametrize(
    "script",
    [
        partial(),
        partial(end=HANG),
        partial(Content_Encoding="identity"),
        partial("Bytes 100-149/1000"),
        partial("bytes 100-149/*"),
        endless(ASKED),
        Script.response(
            "206 Partial Content",
            b"14\r\n" + ASKED[:20] + b"\r\n1e\r\n" + ASKED[20:] + b"\r\n0\r\n\r\n",
            Content_Range=RIGHT,
            Transfer_Encoding="chunked",
        ),
    ],
    ids=[
        "plain",
        "keepalive",
        "identity",
        "unit in capitals",
        "unknown total",
        "until the end",
        "chunked",
    ],
)
async def test_a_right_response_in_another_form_is_accepted(script: Script) -> None:
    sink = Collector(END - START, buffer_bytes=16)
    async with hostile(script) as server:
        await fetch(server, sink)
    assert sink.received == ASKED


async def test_a_200_with_the_whole_object_answers_the_range_that_is_the_whole() -> None:
    sink = Collector(TOTAL)
    async with hostile(status("200 OK", CONTENT)) as server:
        await fetch(server, sink, (0, TOTAL))
    assert sink.received == CONTENT


@pytest.mark.parametrize("length", [str(TOTAL - 1), str(TOTAL + 1)])
async def test_a_200_of_another_length_is_not_the_object(length: str) -> None:
    sink = Collector(TOTAL)
    script = Script.response("200 OK", CONTENT[: int(length)], Content_Length=length)
    assert (await fault_of(script, sink, (0, TOTAL))).fault is Fault.RANGE
    assert sink.filled_bytes == 0


async def test_a_200_as_long_as_the_range_is_not_the_object_it_begins() -> None:
    """Fault H1: a server ignores the range. dlcore refuses the response."""
    sink = Collector(END)
    script = status("200 OK", CONTENT[:END])
    assert (await fault_of(script, sink, (0, END))).fault is Fault.RANGE
    assert sink.filled_bytes == 0


WHOLE = {
    "length": status("200 OK", CONTENT),
    "no length": Script.response("200 OK", CONTENT),
    "chunks": Script.response(
        "200 OK",
        b"12c\r\n" + CONTENT[:300] + b"\r\n2bc\r\n" + CONTENT[300:] + b"\r\n0\r\n\r\n",
        Transfer_Encoding="chunked",
    ),
}
SPANS = [(0, TOTAL), (0, 1), (START, END), (TOTAL - 1, TOTAL), (1, TOTAL)]


@pytest.mark.parametrize("form", WHOLE)
@pytest.mark.parametrize("span", SPANS)
async def test_a_range_is_taken_out_of_the_whole_where_that_is_expected(
    form: str, span: tuple[int, int]
) -> None:
    start, end = span
    sink = Collector(end - start, buffer_bytes=16)
    async with hostile(WHOLE[form]) as server:
        await fetch(server, sink, span, from_beginning=True)
    assert sink.received == CONTENT[start:end]


@pytest.mark.parametrize("span", SPANS)
async def test_a_part_is_accepted_where_the_whole_is_expected(span: tuple[int, int]) -> None:
    start, end = span
    sink = Collector(end - start)
    script = partial(f"bytes {start}-{end - 1}/{TOTAL}", CONTENT[start:end])
    async with hostile(script) as server:
        await fetch(server, sink, span, from_beginning=True)
    assert sink.received == CONTENT[start:end]


@pytest.mark.parametrize(
    ("body", "fault", "count"),
    [(CONTENT[:120], Fault.TRUNCATED, 20), (CONTENT + b"x", Fault.RANGE, TOTAL - START)],
    ids=["short", "long"],
)
async def test_a_whole_of_another_length_is_a_fault(body: bytes, fault: Fault, count: int) -> None:
    sink = Collector(TOTAL - START)
    async with hostile(Script.response("200 OK", body)) as server:
        with pytest.raises(TransferError) as caught:
            await fetch(server, sink, (START, TOTAL), from_beginning=True)
    assert caught.value.fault is fault
    assert sink.received == CONTENT[START : START + count]


async def test_the_connection_of_a_refused_request_is_used_again() -> None:
    async with hostile(
        Script([b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno"], AGAIN)
    ) as server:
        client = client_for(5)
        for _ in range(2):
            with pytest.raises(TransferError):
                await read_range(client, f"{server.url}/o", (0, 1), 9, SinkWriter(Collector(1)))
        await client.aclose()
    assert (len(server.requests), server.connections) == (2, 1)


async def test_a_slow_disk_is_not_taken_for_a_stalled_endpoint(clock: Clock) -> None:
    gate = asyncio.Event()
    sink = Collector(END - START, buffer_bytes=10, gate=gate)
    head = partial(body=b"", Content_Length="50").said
    async with hostile(Script([*head, ASKED[:20], gate, ASKED[20:]])) as server:
        reading = asyncio.ensure_future(fetch(server, sink, stall_s=5))
        await sink.waiting.wait()
        for _ in range(3):
            clock.pass_by(5)
        gate.set()
        await reading
    assert sink.received == ASKED
