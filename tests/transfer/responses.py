"""Responses to a range request, right and wrong, and a client that asks for the range."""

from __future__ import annotations

import pytest

from dlcore.errors import Fault, TransferError
from dlcore.transfer.http.readers import read_range
from dlcore.transfer.sink import SinkWriter
from tests.transfer.clients import client_for
from tests.transfer.hostile import CLOSE, HANG, RESET, Hostile, Script, hostile
from tests.transfer.sinks import Collector

TOTAL = 1000
START, END = 100, 150
CONTENT = bytes(i % 251 for i in range(TOTAL))
ASKED = CONTENT[START:END]
RIGHT = "bytes 100-149/1000"


def partial(
    content_range: str = RIGHT, body: bytes = ASKED, *, end: str = CLOSE, **more: str
) -> Script:
    """A 206 with a Content-Length that fits the body, unless another is given."""
    headers = {"Content_Range": content_range, "Content_Length": str(len(body)), **more}
    return Script.response("206 Partial Content", body, end=end, **headers)


def endless(body: bytes, *, end: str = CLOSE) -> Script:
    """A 206 that only the end of the connection delimits."""
    return Script.response("206 Partial Content", body, end=end, Content_Range=RIGHT)


def status(line: str, body: bytes = b"no", **headers: str) -> Script:
    return Script.response(line, body, Content_Length=str(len(body)), **headers)


FAULTS: dict[str, tuple[Script, Fault]] = {
    "truncated by length": (partial(body=ASKED[:20], Content_Length="50"), Fault.TRUNCATED),
    "truncated at once": (partial(body=b"", Content_Length="50"), Fault.TRUNCATED),
    "truncated without length": (endless(ASKED[:20]), Fault.TRUNCATED),
    "truncated in a chunk": (
        Script.response(
            "206 Partial Content",
            b"32\r\n" + ASKED[:9],
            Content_Range=RIGHT,
            Transfer_Encoding="chunked",
        ),
        Fault.TRUNCATED,
    ),
    "reset in the body": (
        partial(body=ASKED[:20], end=RESET, Content_Length="50"),
        Fault.TRUNCATED,
    ),
    "surplus without length": (endless(CONTENT[START:]), Fault.RANGE),
    "surplus by length": (partial(body=CONTENT[START:]), Fault.RANGE),
    "short by length": (partial(body=ASKED[:-1]), Fault.RANGE),
    "whole in place of range": (status("200 OK", CONTENT), Fault.NO_RANGES),
    "whole without length": (Script.response("200 OK", CONTENT), Fault.NO_RANGES),
    "web page without length": (
        Script.response("200 OK", b"<html>", Content_Type="text/html"),
        Fault.REFUSED,
    ),
    "range in a 200": (status("200 OK", ASKED, Content_Range=RIGHT), Fault.RANGE),
    "web page": (status("200 OK", b"<html>", Content_Type="text/html"), Fault.REFUSED),
    "other start": (partial("bytes 99-148/1000"), Fault.RANGE),
    "other end": (partial("bytes 100-150/1000"), Fault.RANGE),
    "shortened": (partial("bytes 100-148/1000", ASKED[:-1]), Fault.RANGE),
    "other total": (partial("bytes 100-149/1001"), Fault.RANGE),
    "other range of unknown total": (partial("bytes 99-148/*"), Fault.RANGE),
    "unsatisfied range": (partial("bytes */1000"), Fault.RANGE),
    "no range": (
        Script.response("206 Partial Content", ASKED, Content_Length="50"),
        Fault.RANGE,
    ),
    "two ranges": (
        Script(
            [
                b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 100-149/1000\r\n"
                b"Content-Range: bytes 100-149/1000\r\nContent-Length: 50\r\n\r\n" + ASKED
            ]
        ),
        Fault.RANGE,
    ),
    "overflowing range": (
        partial("bytes 0-18446744073709551616/18446744073709551617"),
        Fault.RANGE,
    ),
    "negative range": (partial("bytes -100-149/1000"), Fault.RANGE),
    "other digits": (partial("bytes \xb9\xb0\xb0-149/1000"), Fault.RANGE),
    "other unit": (partial("lines 100-149/1000"), Fault.RANGE),
    "garbage range": (partial("garbage"), Fault.RANGE),
    "multipart": (partial(Content_Type="multipart/byteranges; boundary=x"), Fault.REFUSED),
    "compressed": (partial(Content_Encoding="gzip"), Fault.REFUSED),
    "doubly compressed": (partial(Content_Encoding="identity, br"), Fault.REFUSED),
    "redirect": (status("302 Found", Location="http://elsewhere/?sig=s"), Fault.REFUSED),
    "permanent redirect": (status("308 Moved", Location="/there"), Fault.REFUSED),
    "login page": (status("511 Network Authentication Required"), Fault.REFUSED),
    "no content": (Script.response("204 No Content"), Fault.REFUSED),
    "not modified": (Script.response("304 Not Modified"), Fault.REFUSED),
    "bad request": (status("400 Bad Request"), Fault.REFUSED),
    "conflict": (status("409 Conflict"), Fault.REFUSED),
    "not satisfiable": (status("416 No", Content_Range="bytes */90"), Fault.RANGE),
    "unauthorized": (status("401 Unauthorized"), Fault.AUTH),
    "forbidden": (status("403 Forbidden"), Fault.AUTH),
    "not found": (status("404 Not Found"), Fault.NOT_FOUND),
    "gone": (status("410 Gone"), Fault.NOT_FOUND),
    "timed out": (status("408 Request Timeout"), Fault.SERVER),
    "too many": (status("429 Too Many Requests"), Fault.BUSY),
    "internal": (status("500 Internal Server Error"), Fault.SERVER),
    "not implemented": (status("501 Not Implemented"), Fault.REFUSED),
    "bad gateway": (status("502 Bad Gateway"), Fault.SERVER),
    "unavailable": (status("503 Service Unavailable"), Fault.BUSY),
    "gateway timeout": (status("504 Gateway Timeout"), Fault.SERVER),
    "unknown of the server": (status("522 Connection Timed Out"), Fault.SERVER),
    "status 999": (status("999 Whatever"), Fault.REFUSED),
    "header bomb": (
        partial(RIGHT, ASKED, end=CLOSE, **{f"X_{i}": "x" for i in range(5000)}),
        Fault.REFUSED,
    ),
    "long header": (partial(X_Long="x" * 100_000), Fault.REFUSED),
    "two lengths": (
        Script(
            [
                b"HTTP/1.1 206 P\r\nContent-Range: bytes 100-149/1000\r\n"
                b"Content-Length: 50\r\nContent-Length: 51\r\n\r\n" + ASKED
            ]
        ),
        Fault.REFUSED,
    ),
    "negative length": (partial(Content_Length="-50"), Fault.REFUSED),
    "not HTTP": (Script([b"SSH-2.0-OpenSSH_9.9\r\n\r\n"]), Fault.REFUSED),
    "silence": (Script([]), Fault.CONNECT),
    "half a header": (Script([b"HTTP/1.1 206 Par"]), Fault.CONNECT),
    "reset at once": (Script([], RESET), Fault.CONNECT),
    "stall before the headers": (Script([b"HTTP/1.1 206"], HANG), Fault.STALL),
    "stall before the body": (partial(body=b"", end=HANG, Content_Length="50"), Fault.STALL),
    "stall in the body": (partial(body=ASKED[:7], end=HANG, Content_Length="50"), Fault.STALL),
}


async def fetch(
    server: Hostile,
    sink: Collector,
    span: tuple[int, int] = (START, END),
    *,
    ca_file: str = "",
    url: str = "",
    stall_s: float = 5,
    from_beginning: bool = False,
) -> None:
    client = client_for(stall_s, ca_file)
    try:
        target = url or f"{server.url}/object?sig=canary"
        await read_range(
            client, target, span, TOTAL, SinkWriter(sink), from_beginning=from_beginning
        )
    finally:
        await client.aclose()


async def fault_of(
    script: Script, sink: Collector, span: tuple[int, int] = (START, END), *, stall_s: float = 5
) -> TransferError:
    async with hostile(script) as server:
        with pytest.raises(TransferError) as caught:
            await fetch(server, sink, span, stall_s=stall_s)
    return caught.value
