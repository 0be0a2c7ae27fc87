"""Both receive paths deliver the same bytes, over TCP and over TLS."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.transfer.bodies import DATA, HEAD, Server, fetch
from tests.transfer.hostile import AGAIN, CLOSE, CUT, HANG, Script
from tests.transfer.sinks import Collector

pytestmark = pytest.mark.usefixtures("path")


@pytest.mark.parametrize("apart", [True, False], ids=["apart", "together"])
async def test_the_connection_is_used_again_after_a_body(server: Server, apart: bool) -> None:
    async with server.asked(Script([HEAD, DATA], AGAIN), apart=apart) as (asked, client):
        for _ in range(5):
            sink = Collector(len(DATA), buffer_bytes=100_000)
            await fetch(asked, client, sink)
            assert sink.received == DATA
        assert (len(asked.requests), asked.connections) == (5, 1)


@pytest.mark.parametrize("end", [CLOSE, HANG])
@pytest.mark.parametrize("apart", [True, False], ids=["apart", "together"])
async def test_surplus_bytes_cost_the_connection_and_nothing_else(
    server: Server, apart: bool, end: str
) -> None:
    """Fault H4: a server sends more than was asked for. dlcore takes what it asked for and closes
    the connection.
    """
    script = Script([HEAD, DATA + b"surplus"], end)
    async with server.asked(script, Script([HEAD, DATA]), apart=apart) as (asked, client):
        for _ in range(2):
            sink = Collector(len(DATA))
            await fetch(asked, client, sink)
            assert sink.received == DATA
        assert asked.connections == 2


async def test_surplus_bytes_that_come_later_cost_the_connection_too(server: Server) -> None:
    late = asyncio.Event()
    script = Script([HEAD, DATA, late, b"surplus"], HANG)
    async with server.asked(script, Script([HEAD, DATA])) as (asked, client):
        await fetch(asked, client, Collector(len(DATA)))
        late.set()
        await asked.until(lambda: asked.ended == 1)
        sink = Collector(len(DATA))
        await fetch(asked, client, sink)
        assert sink.received == DATA
        assert asked.connections == 2


@pytest.mark.parametrize("buffer_bytes", [1000, len(DATA)])
async def test_a_server_that_closes_after_the_last_byte_has_sent_everything(
    server: Server, buffer_bytes: int
) -> None:
    sink = Collector(len(DATA), buffer_bytes=buffer_bytes)
    async with server.asked(Script([HEAD, DATA], CLOSE)) as asked:
        await fetch(*asked, sink)
    assert sink.received == DATA


@pytest.mark.parametrize("with_head", [0, 5000])
@pytest.mark.parametrize("end", [CLOSE, CUT])
async def test_what_came_before_the_end_reaches_a_sink_that_was_held_back(
    server: Server, end: str, with_head: int
) -> None:
    gate = asyncio.Event()
    sink = Collector(20_000, buffer_bytes=3000, gate=gate)
    data = DATA[:20_000]
    head = HEAD.replace(str(len(DATA)).encode(), b"20000").replace(b"-501999/", b"-19999/")
    script = Script([head + data[:with_head], data[with_head:]], end)
    async with server.asked(script) as asked:
        reading = asyncio.ensure_future(fetch(*asked, sink, data))
        await sink.waiting.wait()
        for _ in range(100):  # turns of the loop
            await asyncio.sleep(0)
        assert sink.filled_bytes == 3000
        gate.set()
        await reading
    assert sink.received == data


async def test_a_buffer_longer_than_the_body_gets_no_surplus(server: Server) -> None:
    sink = Collector(len(DATA) + 100, buffer_bytes=2 * len(DATA))
    async with server.asked(Script([HEAD, DATA + b"surplus"])) as asked:
        await fetch(*asked, sink)
    assert sink.received == DATA
    assert bytes(sink.data) == DATA + bytes(100)


@settings(
    max_examples=40,
    # The server and the environment are the same for all examples.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    cuts=st.lists(st.integers(1, len(DATA) - 1), max_size=6),
    buffer_bytes=st.integers(500, 2 * len(DATA)),
    split_head=st.integers(0, len(HEAD)),
)
async def test_every_cut_of_a_body_is_put_together_again(
    server: Server, cuts: list[int], buffer_bytes: int, split_head: int
) -> None:
    spoken = HEAD + DATA
    bounds = sorted({0, split_head, *(len(HEAD) + cut for cut in cuts), len(spoken)})
    said = [spoken[a:b] for a, b in itertools.pairwise(bounds)]
    sink = Collector(len(DATA), buffer_bytes=buffer_bytes)
    async with server.asked(Script(said, AGAIN)) as asked:
        await fetch(*asked, sink)
    assert sink.received == DATA
