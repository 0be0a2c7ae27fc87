"""What a fetch says of the bytes that came: all are in its figures, by the word of the server."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from dlcore import FetchItem, Retry, fetch, fetch_many
from dlcore.engine.events import Event, FetchEnded
from dlcore.errors import IntegrityError
from dlcore.model import DEFAULT_BLOCK_BYTES
from tests.engine.answering import answering

BODY = os.urandom(3_000_000)
WRONG = hashlib.sha256(b"something else").hexdigest()
BREAK = DEFAULT_BLOCK_BYTES


class Server:
    """A server without ranges.

    Attributes:
        url: Where it is.
        body: What it has.
        broken: So many of its streams break off after `BREAK` bytes.
        has_length: Whether it says how long the body is.
        sent_bytes: Content that it has sent. Its answers to questions have none.
        streams: How many it has begun.
    """

    def __init__(self, body: bytes = BODY, *, broken: int = 0, has_length: bool = True) -> None:
        self.url = ""
        self.body = body
        self.broken = broken
        self.has_length = has_length
        self.sent_bytes = self.streams = 0

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if self.has_length:
            response.content_length = len(self.body)
        else:
            response.enable_chunked_encoding()
        await response.prepare(request)
        if request.method == "HEAD" or request.headers.get("Range") == "bytes=0-0":
            return response
        self.streams += 1
        breaks = self.streams <= self.broken
        sent = self.body[:BREAK] if breaks else self.body
        await response.write(sent)
        self.sent_bytes += len(sent)
        if breaks:
            assert request.transport
            request.transport.close()  # in order: what was sent arrives
        return response


@contextlib.asynccontextmanager
async def serving(server: Server) -> AsyncIterator[Server]:
    async with answering(server.answer) as server.url:
        yield server


async def got(server: Server, tmp_path: Path, sha256: str = "") -> tuple[int, int]:
    """Fetch the file; what the last event says of the bytes fetched and wasted."""
    heard: list[Event] = []
    to, records = tmp_path / "to", tmp_path / "records"
    try:
        fetched = await fetch(
            f"{server.url}/a.bin",
            to=to,
            sha256=sha256 or server.sha256,
            deliveries=records,
            retry=Retry(0),
            on_event=heard.append,
        )
    finally:
        (ended,) = (event for event in heard if isinstance(event, FetchEnded))
        told = ended.bytes_fetched, ended.bytes_wasted
        if sha256:
            assert told == (server.sent_bytes, server.sent_bytes), "it was of no use"
    assert (to / "a.bin").read_bytes() == server.body
    assert (fetched.bytes_fetched, fetched.bytes_wasted) == told
    return told


@pytest.mark.parametrize("has_length", [True, False])
async def test_what_comes_twice_of_a_stream_is_wasted(tmp_path: Path, has_length: bool) -> None:
    """Fault: a server without ranges breaks off. dlcore counts what comes again as wasted."""
    async with serving(Server(broken=1, has_length=has_length)) as server:
        told = await got(server, tmp_path)
    assert told == (server.sent_bytes, server.sent_bytes - len(BODY))
    assert told == (BREAK + len(BODY), BREAK)


@pytest.mark.parametrize("has_length", [True, False])
async def test_a_file_that_does_not_match_is_wasted(tmp_path: Path, has_length: bool) -> None:
    async with serving(Server(has_length=has_length)) as server:
        with pytest.raises(IntegrityError):
            await got(server, tmp_path, WRONG)


async def test_short_files_that_do_not_match_are_wasted(tmp_path: Path) -> None:
    """Fault: a short file does not match, and is fetched again. dlcore counts both as wasted."""
    heard: list[Event] = []
    async with serving(Server(b"short")) as server:
        items = [
            FetchItem(f"{server.url}/right", server.sha256),
            FetchItem(f"{server.url}/wrong", WRONG),
        ]
        to, records = tmp_path / "to", tmp_path / "records"
        await fetch_many(items, to=to, deliveries=records, retry=Retry(0), on_event=heard.append)
    (ended,) = (event for event in heard if isinstance(event, FetchEnded))
    assert ended.bytes_fetched == server.sent_bytes
    assert ended.bytes_wasted == server.sent_bytes - len(b"short") > 0


async def test_what_came_of_a_file_that_is_not_short_is_wasted(tmp_path: Path) -> None:
    """Fault: a file is longer than a short one. dlcore counts what came with the first answer."""
    heard: list[Event] = []
    async with serving(Server(has_length=False)) as server:
        items = [FetchItem(f"{server.url}/a.bin", server.sha256)]
        to, records = tmp_path / "to", tmp_path / "records"
        (result,) = await fetch_many(
            items, to=to, deliveries=records, retry=Retry(0), on_event=heard.append
        )
    assert result.error is None
    (ended,) = (event for event in heard if isinstance(event, FetchEnded))
    assert ended.bytes_wasted > 64 << 10
    assert ended.bytes_fetched == ended.bytes_wasted + len(BODY)
