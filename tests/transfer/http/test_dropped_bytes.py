"""Of content that was read from a connection and is not for the sink, the sink hears the length."""

from __future__ import annotations

import asyncio

import pytest

from dlcore.errors import TransferError
from tests.transfer.bodies import DATA, HEAD, Server
from tests.transfer.bodies import fetch as fetch_all
from tests.transfer.hostile import HANG, Script, hostile
from tests.transfer.responses import (
    ASKED,
    CONTENT,
    END,
    START,
    TOTAL,
    endless,
    fetch,
    partial,
    status,
)
from tests.transfer.sinks import Collector

pytestmark = pytest.mark.usefixtures("path")

WANTED = END - START


def at_once(script: Script) -> Script:
    """The same answer in one piece, so that the client reads all of it together."""
    return Script([b"".join(each for each in script.said if isinstance(each, bytes))], script.end)


async def dropped(script: Script, *, from_beginning: bool = False) -> tuple[int, int]:
    """What the sink got of an answer, and what was dropped."""
    sink = Collector(WANTED)
    async with hostile(at_once(script)) as server:
        try:
            await fetch(server, sink, from_beginning=from_beginning)
        except TransferError:
            assert sink.received == ASKED[: sink.filled_bytes]
        else:
            assert sink.received == ASKED
    return sink.filled_bytes, sink.dropped_bytes


async def test_of_a_right_answer_nothing_is_dropped() -> None:
    assert await dropped(partial()) == (WANTED, 0)


async def test_what_is_around_the_range_in_a_whole_object_is_dropped() -> None:
    """Fault: a server sends the whole object. dlcore counts what it drops of it."""
    whole = status("200 OK", CONTENT)
    assert await dropped(whole, from_beginning=True) == (WANTED, TOTAL - WANTED)


@pytest.mark.parametrize(
    "script",
    [
        status("200 OK", CONTENT),
        partial("bytes 100-149/2000", CONTENT[:77]),
        partial(body=CONTENT[START:]),
        partial(Content_Encoding="br"),
    ],
    ids=["whole", "another object", "too long", "unknown coding"],
)
async def test_an_answer_that_is_refused_by_its_headers_is_dropped(script: Script) -> None:
    (body,) = script.said[1:]
    assert isinstance(body, bytes)
    assert await dropped(script) == (0, len(body))


async def test_what_comes_after_the_range_is_dropped() -> None:
    assert await dropped(endless(CONTENT[START:])) == (WANTED, TOTAL - START - WANTED)


async def test_the_page_of_an_error_is_no_content() -> None:
    assert await dropped(status("404 Not Found", b"x" * 500)) == (0, 0)


async def test_what_broke_off_is_with_the_sink() -> None:
    assert await dropped(partial(body=ASKED[:20], Content_Length="50")) == (20, 0)


@pytest.mark.parametrize("came_bytes", [WANTED - 10, WANTED])
async def test_what_was_read_ahead_of_a_full_sink_is_dropped(came_bytes: int) -> None:
    """Fault: a request ends while the disk is behind. dlcore counts what it read ahead."""
    sink = Collector(WANTED, buffer_bytes=30, gate=asyncio.Event())
    script = partial(body=ASKED[:came_bytes], end=HANG, Content_Length=str(WANTED))
    async with hostile(at_once(script)) as server:
        reading = asyncio.ensure_future(fetch(server, sink))
        await sink.waiting.wait()
        reading.cancel()
        await asyncio.wait([reading])
    assert (sink.filled_bytes, sink.dropped_bytes) == (30, came_bytes - 30)


async def test_of_a_long_body_nothing_is_dropped(server: Server) -> None:
    sink = Collector(len(DATA), buffer_bytes=100_000)
    async with server.asked(Script([HEAD, DATA], HANG)) as (asked, client):
        await fetch_all(asked, client, sink)
    assert (sink.received, sink.dropped_bytes) == (DATA, 0)


async def test_what_the_sink_says_of_dropped_bytes_holds_the_reading_back() -> None:
    """Fault: a server without ranges sends much in vain. dlcore reads it within the caps."""

    class Slow(Collector):
        def dropped(self, count: int) -> bool:
            super().dropped(count)
            self._must_wait = True
            return False

    sink = Slow(WANTED, gate=asyncio.Event())
    head, body = status("200 OK", CONTENT).said
    assert isinstance(head, bytes)
    assert isinstance(body, bytes)
    script = Script([head + body[:START], asyncio.Event()])
    async with hostile(script) as server:
        reading = asyncio.ensure_future(fetch(server, sink, from_beginning=True))
        await sink.waiting.wait()
        assert (sink.filled_bytes, sink.dropped_bytes) == (0, START)
        reading.cancel()
        await asyncio.wait([reading])
