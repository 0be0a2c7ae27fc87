"""Both receive paths bring the same bytes and the same faults, over TCP and TLS alike."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
from asyncio import sslproto
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlcore.errors import ConfigError, Fault, TransferError
from dlcore.transfer import direct, wire
from dlcore.transfer.http_client import HttpClient
from dlcore.transfer.intake import Intake
from dlcore.transfer.proxies import proxy_of
from dlcore.transfer.range_reader import read_range
from dlcore.transfer.receive import PATH_VARIABLE, receive_path
from tests.transfer.clock import Clock
from tests.transfer.hostile import (
    AGAIN,
    CLOSE,
    CUT,
    DEAF,
    HANG,
    LATE_S,
    RESET,
    Hostile,
    Script,
    hostile,
)
from tests.transfer.sinks import Collector

DATA = bytes(range(251)) * 2000
HEAD = (
    f"HTTP/1.1 206 Partial Content\r\nContent-Length: {len(DATA)}\r\n"
    f"Content-Range: bytes 0-{len(DATA) - 1}/{len(DATA)}\r\n\r\n"
).encode()
CHUNKED = HEAD.replace(f"Content-Length: {len(DATA)}".encode(), b"Transfer-Encoding: chunked")
BOTH = CHUNKED.replace(b"Content-Range", f"Content-Length: {len(DATA)}\r\nContent-Range".encode())
BOUNDLESS = HEAD.replace(f"Content-Length: {len(DATA)}\r\n".encode(), b"")


@dataclass
class Server:
    """What is needed to run a `hostile` server and to trust it."""

    tls: ssl.SSLContext | None = None
    ca_file: str = ""
    direct: int = field(default=0)  # bodies that were received directly

    @contextlib.asynccontextmanager
    async def asked(
        self, *scripts: Script, apart: bool = True, stall_s: float = 5
    ) -> AsyncIterator[tuple[Hostile, HttpClient]]:
        async with hostile(*scripts, tls=self.tls, apart=apart) as server:
            client = HttpClient("edge", ca_file=self.ca_file, stall_s=stall_s)
            try:
                yield server, client
            finally:
                await client.aclose()


async def fetch(
    server: Hostile, client: HttpClient, sink: Collector, data: bytes = DATA, url: str = ""
) -> None:
    target = url or f"{server.url}/object"
    await read_range(client, target, (0, len(data)), len(data), Intake(sink))


async def fault_of(server: Hostile, client: HttpClient, sink: Collector) -> Fault:
    with pytest.raises(TransferError) as caught:
        await fetch(server, client, sink)
    assert sink.received == DATA[: sink.filled_bytes]
    return caught.value.fault


async def brought(reading: asyncio.Future[Any], sink: Collector, count_bytes: int) -> None:
    """Wait until a read has brought so much, or has ended."""
    async with asyncio.timeout(LATE_S):
        while sink.filled_bytes < count_bytes and not reading.done():  # noqa: ASYNC110 - none tells
            await asyncio.sleep(0)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=["tcp", "tls"])
def server(
    request: pytest.FixtureRequest,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Server:
    server = Server()
    if request.param == "tls":
        server.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost").configure_cert(server.tls)
        server.ca_file = str(tmp_path / "ca.pem")
        authority.cert_pem.write_to_path(server.ca_file)
    real = direct.receive

    async def counted(*args: object) -> None:
        server.direct += 1
        await real(*args)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(direct, "receive", counted)
    return server


@pytest.fixture
def fragile(monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS as in Python 3.11.2, which cannot break a connection that is closed."""
    kind = sslproto._SSLProtocolTransport
    abort = kind.abort

    def once(transport: Any) -> None:
        assert transport._ssl_protocol
        abort(transport)

    monkeypatch.setattr(kind, "abort", once)


class TestWhichPath:
    """Direct where body and connection allow it; plain everywhere else."""

    def test_direct_is_in_use_unless_the_environment_says_otherwise(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv(PATH_VARIABLE, raising=False)
        assert receive_path() == "direct"
        for name in ("plain", "direct"):
            monkeypatch.setenv(PATH_VARIABLE, name)
            assert receive_path() == name

    def test_an_unknown_path_is_refused_with_its_remedy(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(PATH_VARIABLE, "fast")
        with pytest.raises(ConfigError, match="DLCORE_RECEIVE=fast") as caught:
            receive_path()
        assert "direct or plain" in caught.value.remedy

    def test_an_aiohttp_with_another_inside_is_read_plainly(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(wire._INSIDE, HttpClient, ("what_it_does_not_have",))
        wire.aiohttp_is_known.cache_clear()
        try:
            assert receive_path() == "plain"
        finally:
            wire.aiohttp_is_known.cache_clear()

    @pytest.mark.parametrize("path", ["plain", "direct"])
    async def test_a_body_of_known_length_goes_the_way_that_is_named(
        self, path: str, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(PATH_VARIABLE, path)
        sink = Collector(len(DATA))
        async with server.asked(Script([HEAD, DATA])) as asked:
            await fetch(*asked, sink)
        assert sink.received == DATA
        assert server.direct == (path == "direct")

    @pytest.mark.parametrize(
        "said",
        [
            [CHUNKED, f"{len(DATA):x}\r\n".encode(), DATA, b"\r\n0\r\n\r\n"],
            [BOUNDLESS, DATA],
        ],
        ids=["chunked", "until the end"],
    )
    async def test_a_body_of_unknown_length_is_read_plainly(
        self, said: list[bytes], server: Server
    ) -> None:
        sink = Collector(len(DATA))
        async with server.asked(Script(said)) as asked:
            await fetch(*asked, sink)
        assert sink.received == DATA
        assert server.direct == 0

    async def test_a_connection_of_an_unknown_kind_is_read_plainly(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(wire, "_TRANSPORTS", frozenset())
        sink = Collector(len(DATA))
        async with server.asked(Script([HEAD, DATA])) as asked:
            await fetch(*asked, sink)
        assert sink.received == DATA
        assert server.direct == 0

    async def test_an_answer_through_a_proxy_is_read_plainly(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.tls = None
        sink = Collector(len(DATA))
        async with server.asked(Script([HEAD, DATA])) as (proxy, client):
            monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
            proxy_of.cache_clear()
            try:
                await fetch(proxy, client, sink, url="http://host.example/object")
            finally:
                proxy_of.cache_clear()
        assert sink.received == DATA
        assert server.direct == 0


@pytest.mark.usefixtures("path")
class TestBothPaths:
    """The same on either path."""

    @pytest.mark.parametrize("apart", [True, False], ids=["apart", "together"])
    async def test_the_connection_is_used_again_after_a_body(
        self, server: Server, apart: bool
    ) -> None:
        async with server.asked(Script([HEAD, DATA], AGAIN), apart=apart) as (asked, client):
            for _ in range(5):
                sink = Collector(len(DATA), buffer_bytes=100_000)
                await fetch(asked, client, sink)
                assert sink.received == DATA
            assert (len(asked.requests), asked.connections) == (5, 1)

    @pytest.mark.parametrize("end", [CLOSE, HANG])
    @pytest.mark.parametrize("apart", [True, False], ids=["apart", "together"])
    async def test_surplus_bytes_cost_the_connection_and_nothing_else(
        self, server: Server, apart: bool, end: str
    ) -> None:
        script = Script([HEAD, DATA + b"surplus"], end)
        async with server.asked(script, Script([HEAD, DATA]), apart=apart) as (asked, client):
            for _ in range(2):
                sink = Collector(len(DATA))
                await fetch(asked, client, sink)
                assert sink.received == DATA
            assert asked.connections == 2

    async def test_surplus_bytes_that_come_later_cost_the_connection_too(
        self, server: Server
    ) -> None:
        late = asyncio.Event()
        script = Script([HEAD, DATA, late, b"surplus"], HANG)
        async with server.asked(script, Script([HEAD, DATA])) as (asked, client):
            await fetch(asked, client, Collector(len(DATA)))
            late.set()
            for _ in range(100):  # turns of the loop
                await asyncio.sleep(0)
            sink = Collector(len(DATA))
            await fetch(asked, client, sink)
            assert sink.received == DATA
            assert asked.connections == 2

    @pytest.mark.parametrize("buffer_bytes", [1000, len(DATA)])
    async def test_a_server_that_closes_after_the_last_byte_has_sent_everything(
        self, server: Server, buffer_bytes: int
    ) -> None:
        sink = Collector(len(DATA), buffer_bytes=buffer_bytes)
        async with server.asked(Script([HEAD, DATA], CLOSE)) as asked:
            await fetch(*asked, sink)
        assert sink.received == DATA

    @pytest.mark.parametrize("with_head", [0, 5000])
    @pytest.mark.parametrize("end", [CLOSE, CUT])
    async def test_what_came_before_the_end_reaches_a_sink_that_was_held_back(
        self, server: Server, end: str, with_head: int
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

    @pytest.mark.parametrize("end", [CLOSE, CUT])
    async def test_a_sink_that_was_held_back_learns_that_the_body_ended_early(
        self, server: Server, end: str
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

    async def test_a_place_longer_than_the_body_gets_no_surplus(self, server: Server) -> None:
        sink = Collector(len(DATA) + 100, buffer_bytes=2 * len(DATA))
        async with server.asked(Script([HEAD, DATA + b"surplus"])) as asked:
            await fetch(*asked, sink)
        assert sink.received == DATA
        assert bytes(sink.data) == DATA + bytes(100)

    @pytest.mark.parametrize("end", [CLOSE, RESET])
    @pytest.mark.parametrize("said", [0, 1, 300_000, len(DATA) - 1])
    async def test_a_body_that_ends_early_is_truncated(
        self, server: Server, said: int, end: str
    ) -> None:
        sink = Collector(len(DATA))
        async with server.asked(Script([HEAD, DATA[:said]], end)) as asked:
            assert await fault_of(*asked, sink) is Fault.TRUNCATED
        if end == CLOSE:
            assert sink.filled_bytes == said

    @pytest.mark.usefixtures("fragile")
    async def test_a_body_that_stops_is_a_stall_and_its_connection_is_closed_at_once(
        self, server: Server
    ) -> None:
        sink = Collector(len(DATA))
        script = Script([HEAD, DATA[:1000]], DEAF)
        async with server.asked(script, stall_s=0.05) as (asked, client):
            async with asyncio.timeout(5):  # TLS would wait longer for a goodbye
                assert await fault_of(asked, client, sink) is Fault.STALL
                await client.aclose()
        assert sink.filled_bytes == 1000

    @pytest.mark.usefixtures("fragile")
    @pytest.mark.parametrize("step_bytes", [1, 2000])
    async def test_a_body_that_trickles_stalls_if_it_brings_too_little(
        self, server: Server, clock: Clock, step_bytes: int
    ) -> None:
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

    async def test_nothing_reaches_the_sink_after_a_read_was_cancelled(
        self, server: Server
    ) -> None:
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

    async def test_closing_the_client_ends_a_read(self, server: Server) -> None:
        sink = Collector(len(DATA))
        script = Script([HEAD, DATA[:1000]], HANG)
        async with server.asked(script, stall_s=0.2) as (asked, client):
            reading = asyncio.ensure_future(fault_of(asked, client, sink))
            await brought(reading, sink, 1000)
            await client.aclose()
            assert await reading in {Fault.TRUNCATED, Fault.STALL}

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
        self, server: Server, cuts: list[int], buffer_bytes: int, split_head: int
    ) -> None:
        spoken = HEAD + DATA
        bounds = sorted({0, split_head, *(len(HEAD) + cut for cut in cuts), len(spoken)})
        said = [spoken[a:b] for a, b in itertools.pairwise(bounds)]
        sink = Collector(len(DATA), buffer_bytes=buffer_bytes)
        async with server.asked(Script(said, AGAIN)) as asked:
            await fetch(*asked, sink)
        assert sink.received == DATA


async def test_an_answer_nobody_asked_for_costs_the_connection(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PATH_VARIABLE, "direct")
    script = Script([HEAD, DATA + HEAD + DATA], HANG)
    async with server.asked(script, Script([HEAD, DATA])) as (asked, client):
        for _ in range(2):
            sink = Collector(len(DATA))
            await fetch(asked, client, sink)
            assert sink.received == DATA
        assert asked.connections == 2


async def test_a_reception_that_ended_gives_no_place(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    receptions: list[asyncio.BufferedProtocol] = []

    class Kept(direct._Reception):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            receptions.append(self)

    monkeypatch.setattr(direct, "_Reception", Kept)
    async with server.asked(Script([HEAD, DATA[:1000]])) as asked:
        assert await fault_of(*asked, Collector(len(DATA))) is Fault.TRUNCATED
    (reception,) = receptions
    with pytest.raises(ConnectionAbortedError):
        reception.get_buffer(-1)
