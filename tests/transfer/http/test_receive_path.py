"""Which receive path is chosen, and what only the direct one must take care of."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dlcore.errors import ConfigError, Fault, TransferError
from dlcore.transfer.http import aiohttp_internals, direct
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.proxies import proxy_of
from dlcore.transfer.http.receive import PATH_VARIABLE, receive_path
from dlcore.transfer.http.receive_low_water import ReceiveLowWater
from tests.transfer.bodies import DATA, HEAD, Server, brought, fault_of, fetch
from tests.transfer.clock import Clock
from tests.transfer.hostile import HANG, Script
from tests.transfer.sinks import Collector

CHUNKED = HEAD.replace(f"Content-Length: {len(DATA)}".encode(), b"Transfer-Encoding: chunked")
BOUNDLESS = HEAD.replace(f"Content-Length: {len(DATA)}\r\n".encode(), b"")


async def bring(server: Server, said: list[bytes]) -> None:
    sink = Collector(len(DATA))
    async with server.asked(Script(said)) as asked:
        await fetch(*asked, sink)
    assert sink.received == DATA


def test_direct_is_in_use_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(PATH_VARIABLE, raising=False)
    assert receive_path() == "direct"
    for name in ("plain", "direct"):
        monkeypatch.setenv(PATH_VARIABLE, name)
        assert receive_path() == name


def test_an_unknown_path_is_refused_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PATH_VARIABLE, "fast")
    with pytest.raises(ConfigError, match="DLCORE_RECEIVE=fast") as caught:
        receive_path()
    assert "direct or plain" in caught.value.remedy


def test_an_aiohttp_with_other_internals_is_read_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        aiohttp_internals._NEEDED_ATTRIBUTES, HttpClient, ("what_it_does_not_have",)
    )
    aiohttp_internals.is_known_aiohttp.cache_clear()
    try:
        assert receive_path() == "plain"
    finally:
        aiohttp_internals.is_known_aiohttp.cache_clear()


@pytest.mark.parametrize("path", ["plain", "direct"])
async def test_a_body_of_known_length_goes_the_way_that_is_named(
    path: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PATH_VARIABLE, path)
    await bring(server, [HEAD, DATA])
    assert server.direct == (path == "direct")


@pytest.mark.posix_only(reason="Windows has no low-water mark")
async def test_the_low_water_mark_hears_of_every_byte(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[int, int]] = []

    class Heard(ReceiveLowWater):
        def received(self, count_bytes: int, left_bytes: int) -> None:
            heard.append((count_bytes, left_bytes))
            super().received(count_bytes, left_bytes)

    monkeypatch.setattr(direct, "ReceiveLowWater", Heard)
    await bring(server, [HEAD, DATA])
    assert sum(count_bytes for count_bytes, _ in heard) == len(DATA)
    assert heard[-1][1] == 0


@pytest.mark.parametrize(
    "said",
    [
        [CHUNKED, f"{len(DATA):x}\r\n".encode(), DATA, b"\r\n0\r\n\r\n"],
        [BOUNDLESS, DATA],
    ],
    ids=["chunked", "until the end"],
)
async def test_a_body_of_unknown_length_is_read_plainly(said: list[bytes], server: Server) -> None:
    await bring(server, said)
    assert server.direct == 0


async def test_a_connection_of_an_unknown_kind_is_read_plainly(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aiohttp_internals, "_KNOWN_TRANSPORTS", frozenset())
    monkeypatch.setattr(aiohttp_internals, "is_proactor", lambda _: False)
    await bring(server, [HEAD, DATA])
    assert server.direct == 0


async def test_a_response_through_a_proxy_is_read_plainly(
    server: Server, monkeypatch: pytest.MonkeyPatch
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


async def test_a_response_without_a_request_costs_the_connection(
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


@pytest.mark.parametrize(
    "server",
    [
        pytest.param("tcp", marks=pytest.mark.posix_only(reason="see test_proactor.py")),
        "tls",
    ],
    indirect=True,
)
async def test_a_body_that_has_ended_gives_no_memory(
    server: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies: list[asyncio.BufferedProtocol] = []

    class Kept(direct._BodyProtocol):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            bodies.append(self)

    monkeypatch.setattr(direct, "_BodyProtocol", Kept)
    sink = Collector(len(DATA))
    async with server.asked(Script([HEAD, DATA[:1000]], HANG)) as asked:
        reading = asyncio.ensure_future(fault_of(*asked, sink))
        await brought(reading, sink, 1000)
        clock.pass_by(5)
        assert await reading is Fault.STALL
    (body,) = bodies
    with pytest.raises(ConnectionAbortedError):
        body.get_buffer(-1)


async def test_a_body_of_another_length_is_told_in_bytes(server: Server) -> None:
    """Fault: a server announces a length that was not asked for. dlcore reads nothing of it."""
    head = HEAD.replace(f"Content-Length: {len(DATA)}".encode(), b"Content-Length: 5")
    sink = Collector(len(DATA))
    async with server.asked(Script([head, DATA[:5]])) as asked:
        with pytest.raises(TransferError, match="announced 5 bytes where") as caught:
            await fetch(*asked, sink)
    assert caught.value.fault is Fault.RANGE
    assert not sink.received
