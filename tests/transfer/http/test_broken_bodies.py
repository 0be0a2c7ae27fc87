"""A body that ends, stalls or is given up is the same fault on both receive paths."""

from __future__ import annotations

import asyncio
from asyncio import sslproto
from typing import Any

import pytest

from dlcore.errors import Fault, TransferError
from tests.transfer.bodies import DATA, HEAD, Server, brought, fault_of, fetch
from tests.transfer.clock import Clock
from tests.transfer.hostile import CLOSE, CUT, DEAF, HANG, RESET, Script
from tests.transfer.sinks import Collector

pytestmark = pytest.mark.usefixtures("path")


@pytest.fixture
def fragile(monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS as in Python 3.11.2, which cannot break a connection that is closed."""
    kind = sslproto._SSLProtocolTransport
    abort = kind.abort

    def once(transport: Any) -> None:
        assert transport._ssl_protocol
        abort(transport)

    monkeypatch.setattr(kind, "abort", once)


@pytest.mark.parametrize("end", [CLOSE, CUT])
async def test_a_sink_that_was_held_back_learns_that_the_body_ended_early(
    server: Server, end: str
) -> None:
    gate = asyncio.Event()
    sink = Collector(len(DATA), buffer_bytes=3000, gate=gate)
    async with server.asked(Script([HEAD, DATA[:20_000]], end)) as asked:
        reading = asyncio.ensure_future(fault_of(*asked, sink))
        await sink.waiting.wait()
        for _ in range(100):  # turns of the loop
            await asyncio.sleep(0)
        gate.set()
        assert await reading is Fault.TRUNCATED
    assert sink.filled_bytes == 20_000


@pytest.mark.parametrize("end", [CLOSE, RESET])
@pytest.mark.parametrize("said", [0, 1, 300_000, len(DATA) - 1])
async def test_a_body_that_ends_early_is_truncated(server: Server, said: int, end: str) -> None:
    sink = Collector(len(DATA))
    async with server.asked(Script([HEAD, DATA[:said]], end)) as asked:
        assert await fault_of(*asked, sink) is Fault.TRUNCATED
    if end == CLOSE:
        assert sink.filled_bytes == said


@pytest.mark.usefixtures("fragile")
async def test_a_body_that_stops_is_a_stall_and_its_connection_is_closed_at_once(
    server: Server, clock: Clock
) -> None:
    """Fault N4: a body stops. dlcore calls it a stall and closes the connection."""
    sink = Collector(len(DATA))
    async with server.asked(Script([HEAD, DATA[:1000]], DEAF)) as (asked, client):
        reading = asyncio.ensure_future(fault_of(asked, client, sink))
        await brought(reading, sink, 1000)
        clock.pass_by(5)
        async with asyncio.timeout(5):  # TLS would wait longer for a goodbye
            assert await reading is Fault.STALL
            await client.aclose()
    assert sink.filled_bytes == 1000


@pytest.mark.usefixtures("fragile")
@pytest.mark.parametrize("step_bytes", [1, 2000])
async def test_a_body_that_trickles_stalls_if_it_brings_too_little(
    server: Server, clock: Clock, step_bytes: int
) -> None:
    """Fault N6: a body trickles. dlcore calls it a stall."""
    steps = [asyncio.Event() for _ in range(9)]
    said = [item for step in steps for item in (DATA[:step_bytes], step)]
    data = DATA[:step_bytes] * 9 + DATA[step_bytes * 9 :]
    sink = Collector(len(DATA), buffer_bytes=len(DATA))
    async with server.asked(Script([HEAD, *said, DATA[step_bytes * 9 :]])) as asked:
        reading = asyncio.ensure_future(fetch(*asked, sink))
        for number, step in enumerate(steps, 1):
            await brought(reading, sink, number * step_bytes)
            clock.pass_by(1.0)  # all of them together take longer than a stall
            step.set()
        if step_bytes == 1:
            with pytest.raises(TransferError) as caught:
                await reading
            assert caught.value.fault is Fault.STALL
        else:
            await reading
            assert sink.received == data


async def test_nothing_reaches_the_sink_after_a_read_was_cancelled(server: Server) -> None:
    more = asyncio.Event()
    sink = Collector(len(DATA), buffer_bytes=len(DATA))
    script = Script([HEAD, DATA[:1000], more, DATA[1000:]], HANG)
    async with server.asked(script, Script([HEAD, DATA])) as (asked, client):
        reading = asyncio.ensure_future(fetch(asked, client, sink))
        await brought(reading, sink, 1000)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        more.set()
        await fetch(asked, client, Collector(len(DATA)))
        assert asked.connections == 2
    assert sink.filled_bytes == 1000


async def test_closing_the_client_ends_a_read(server: Server) -> None:
    sink = Collector(len(DATA))
    script = Script([HEAD, DATA[:1000]], HANG)
    async with server.asked(script, stall_s=0.2) as (asked, client):
        reading = asyncio.ensure_future(fault_of(asked, client, sink))
        await brought(reading, sink, 1000)
        await client.aclose()
        assert await reading in {Fault.TRUNCATED, Fault.STALL}
