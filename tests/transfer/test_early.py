"""Connections that are begun early: used by whoever connects there, or closed."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Iterator

import pytest

from dlcore.errors import Fault, TransferError
from dlcore.transfer import early
from dlcore.transfer.ahead import EarlyRequests
from dlcore.transfer.early import EarlyConnections
from dlcore.transfer.http_client import HttpClient
from dlcore.transfer.network import Network
from tests.transfer.hostile import LATE_S, hostile
from tests.transfer.test_network import fetch, partial

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is begun elsewhere")


@pytest.fixture
def begun() -> Iterator[EarlyConnections]:
    connections = EarlyConnections()
    yield connections
    connections.close()


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(LATE_S)
        yield listening


def address_of(server: socket.socket) -> early.Address:
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", server.getsockname()


def begin(connections: EarlyConnections, place: tuple[str, int], count: int) -> None:
    connections.begin(place[0], place[1], count)


def over(connections: EarlyConnections) -> Network:
    return Network(early=EarlyRequests(connections, lambda _: None))


async def connected(sock: socket.socket, server: socket.socket) -> bytes:
    """What the server gets to hear through a socket, connected as event loops do."""
    loop = asyncio.get_running_loop()
    sock.setblocking(False)
    await loop.sock_connect(sock, server.getsockname())
    await loop.sock_sendall(sock, b"here")
    there, _ = server.accept()
    with sock, there:
        there.settimeout(LATE_S)
        return there.recv(4)


async def test_what_was_begun_is_gone_on_with(
    begun: EarlyConnections, server: socket.socket
) -> None:
    begin(begun, server.getsockname(), 2)
    ports = set()
    for _ in range(2):
        sock = begun.socket_for(address_of(server))
        ports.add(sock.getsockname()[1])
        assert await connected(sock, server) == b"here"
    assert len(ports - {0}) == 2, "they had been bound, as only connecting does"
    with begun.socket_for(address_of(server)) as fresh:
        assert fresh.getsockname()[1] == 0, "a third was not begun"


async def test_a_host_with_a_name_is_looked_up_aside(
    begun: EarlyConnections, server: socket.socket
) -> None:
    port = server.getsockname()[1]
    begun.begin("localhost", port, 4)
    for thread in threading.enumerate():
        if thread.name == "dlcore-early":
            thread.join(LATE_S)
    with begun.socket_for(address_of(server)) as sock:
        assert sock.getsockname()[1]


def test_the_system_tells_the_round_trip_of_what_was_opened(
    begun: EarlyConnections, server: socket.socket
) -> None:
    assert begun.round_trip_s() == 0.0
    begin(begun, server.getsockname(), 1)
    assert 0.0 < begun.round_trip_s() < LATE_S
    begun.socket_for(address_of(server)).close()
    assert begun.round_trip_s() == 0.0


def test_while_none_is_open_the_round_trip_is_no_shorter_than_that_has_taken(
    begun: EarlyConnections, server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early, "_round_trip_s", lambda _: 0.0)  # as long as it is not open
    begin(begun, server.getsockname(), 1)
    first_s = begun.round_trip_s()
    assert 0.0 < first_s <= begun.round_trip_s() < LATE_S


def test_what_was_refused_tells_nothing_of_the_way(begun: EarlyConnections) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        place = gone.getsockname()
    begin(begun, place, 3)
    assert begun.round_trip_s() == 0.0


def test_what_waits_too_long_is_closed(
    begun: EarlyConnections, server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(begun, server.getsockname(), 1)
    monkeypatch.setattr(early, "FRESH_S", -1.0)
    with begun.socket_for(address_of(server)) as sock:
        assert sock.getsockname()[1] == 0
    there, _ = server.accept()
    with there:
        there.settimeout(LATE_S)
        assert there.recv(1) == b"", "the server sees the end of it"


def test_a_connection_that_was_refused_is_forgotten(begun: EarlyConnections) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = address_of(server)
    begin(begun, address[4], 3)
    with begun.socket_for(address) as sock:
        assert sock.getsockname()[1] == 0
        assert sock.connect_ex(address[4])


@pytest.mark.parametrize("host", ["no.such.host.invalid", "\u0130" * 70, "", "256.0.0.1"])
def test_a_host_that_is_none_fails_where_it_is_used(begun: EarlyConnections, host: str) -> None:
    begun.begin(host, 80, 1)


@pytest.mark.parametrize("early_count", [0, 1])
async def test_a_request_takes_the_connection_that_was_begun(
    begun: EarlyConnections, early_count: int
) -> None:
    async with hostile(partial()) as server:
        begun.begin("127.0.0.1", server.port, early_count)
        ports = [s.getsockname()[1] for free in begun._free.values() for s in free]
        client = HttpClient("e", over(begun))
        try:
            assert await fetch(client, server) == b"0123456789"
            assert len(ports) == early_count
            assert not any(begun._free.values())
        finally:
            await client.aclose()


async def test_the_error_is_the_same_as_without(begun: EarlyConnections) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        host, port = gone.getsockname()
    messages = []
    for count in (0, 1):
        begun.begin(host, port, count)
        client = HttpClient("e", over(begun))
        with pytest.raises(TransferError) as failed:
            await client.request("GET", f"http://{host}:{port}/x")
        await client.aclose()
        assert failed.value.fault is Fault.CONNECT
        messages.append(failed.value.message)
    assert messages[0] == messages[1]
