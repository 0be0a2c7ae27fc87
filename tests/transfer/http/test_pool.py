"""What endpoints share: idle connections, a limit for each host, name lookups."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from yarl import URL

from dlcore.errors import Fault, TransferError
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.open_files import max_connections
from dlcore.transfer.http.pool import ConnectionPool
from dlcore.transfer.http.readers import read_document, read_range
from dlcore.transfer.http.semaphore import ResizableSemaphore
from dlcore.transfer.policy import TransferPolicy
from dlcore.transfer.sink import SinkWriter
from tests.transfer.hostile import AGAIN, CLOSE, HANG, MAX_WAIT_S, Hostile, Script, hostile
from tests.transfer.sinks import Collector


def pool_for(max_connections: int) -> ConnectionPool:
    return ConnectionPool(TransferPolicy(max_connections_per_host=max_connections))


def partial(*, end: str = AGAIN) -> Script:
    return Script.response(
        "206 Partial", b"0123456789", end=end, Content_Range="bytes 0-9/10", Content_Length="10"
    )


async def fetch(client: HttpClient, server: Hostile, path: str = "object") -> bytes:
    sink = Collector(10)
    await read_range(client, f"{server.url}/{path}", (0, 10), 10, SinkWriter(sink))
    return sink.received


class Gated:
    """A script whose response waits for a gate."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        answer = partial()
        self.script = Script([self.gate, *answer.said], AGAIN)


async def asked(server: Hostile, count: int) -> None:
    await server.until(lambda: len(server.requests) >= count)
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(server.requests) == count


async def test_endpoints_share_the_limit_of_a_host_and_it_changes_at_once() -> None:
    pool, gated = pool_for(2), Gated()
    async with hostile(gated.script) as server:
        clients = [HttpClient(name, pool) for name in ("one", "other")]
        reads = [asyncio.ensure_future(fetch(clients[n % 2], server)) for n in range(6)]
        await asked(server, 2)
        pool.limit(5)
        await asked(server, 5)
        pool.limit(1)
        gated.gate.set()
        assert await asyncio.gather(*reads) == [b"0123456789"] * 6
        assert server.connections == 5
        for client in clients:
            await client.aclose()


async def test_each_host_has_its_own_limit() -> None:
    pool, gated = pool_for(1), Gated()
    client = HttpClient("edge", pool)
    async with hostile(gated.script) as one, hostile(gated.script) as other:
        reads = [asyncio.ensure_future(fetch(client, server)) for server in (one, other)]
        await asked(one, 1)
        await asked(other, 1)
        gated.gate.set()
        await asyncio.gather(*reads)
        await client.aclose()


async def test_a_document_does_not_queue_behind_ranges() -> None:
    pool, gated = pool_for(1), Gated()
    client = HttpClient("edge", pool)
    document = Script.response("200 OK", b"{}", end=AGAIN, Content_Length="2")
    async with hostile(gated.script, document) as server:
        reading = asyncio.ensure_future(fetch(client, server))
        await asked(server, 1)
        async with asyncio.timeout(MAX_WAIT_S):
            assert await read_document(client, f"{server.url}/token", 9, method="POST") == b"{}"
        gated.gate.set()
        await reading
        await client.aclose()


@pytest.mark.parametrize("how", ["failed", "cancelled", "refused"])
async def test_a_range_that_fails_releases_the_host_limit(how: str) -> None:
    pool = pool_for(1)
    client = HttpClient("edge", pool)
    bad = {"failed": Script([]), "cancelled": Script([], HANG)}.get(
        how, Script.response("503 Busy", end=AGAIN, Content_Length="0")
    )
    attempts = 2 if how == "failed" else 1  # aiohttp asks once more by itself
    async with hostile(*[bad] * attempts, partial()) as server:
        reading = asyncio.ensure_future(fetch(client, server))
        await asked(server, attempts)
        if how == "cancelled":
            reading.cancel()
        with pytest.raises((TransferError, asyncio.CancelledError)):
            await reading
        async with asyncio.timeout(MAX_WAIT_S):
            assert await fetch(client, server) == b"0123456789"
        await client.aclose()


async def test_endpoints_use_each_others_idle_connections() -> None:
    pool = ConnectionPool()
    one, other = HttpClient("one", pool), HttpClient("other", pool)
    async with hostile(partial()) as server:
        await fetch(one, server)
        await fetch(other, server)
        assert server.connections == 1
        await one.aclose()
        await fetch(other, server)  # the pool is open while it has a client
        assert server.connections == 1
        with pytest.raises(TransferError, match="was closed"):
            await fetch(one, server)
        await other.aclose()


async def test_hundreds_of_idle_connections_are_used_again() -> None:
    count, gated = 300, Gated()
    # A slow machine needs long for so many connections.
    patient = TransferPolicy(max_connections_per_host=count, connect_timeout_s=120, stall_s=120)
    client = HttpClient("edge", ConnectionPool(patient))
    async with hostile(gated.script) as server:
        for _ in range(3):
            gated.gate.clear()
            reads = [asyncio.ensure_future(fetch(client, server)) for _ in range(count)]
            await asyncio.sleep(0)
            gated.gate.set()
            await asyncio.gather(*reads)
        assert len(server.requests) == 3 * count
        assert server.connections <= count
        await client.aclose()


@pytest.mark.parametrize("count", [1, 20])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PROPFIND"])
async def test_connections_that_the_server_closed_while_idle_are_no_failure(
    method: str, count: int
) -> None:
    """Fault N5: idle connections are dead by now. dlcore sends the request again on a new one.

    The end of all of them arrives only after the next requests were sent.
    """
    body = b"" if method == "HEAD" else b"ok"
    answer = Script.response("200 OK", body, end=AGAIN, Content_Length="2")
    client, gate = HttpClient("edge"), asyncio.Event()
    closing = Script([gate, *answer.said], CLOSE)
    async with hostile(*[closing] * count, answer) as server:

        async def ask() -> int:
            with await client.request(method, f"{server.url}/thing") as asked_for:
                while await asked_for.read():
                    pass
                return asked_for.status

        first = [asyncio.ensure_future(ask()) for _ in range(count)]
        await asked(server, count)
        gate.set()
        await asyncio.gather(*first)  # as the last bytes come, the connections are being closed
        assert await asyncio.gather(*(ask() for _ in range(count))) == [200] * count
        await client.aclose()


async def test_a_server_that_closes_every_connection_is_a_failure() -> None:
    async with hostile(Script([])) as server:
        client = HttpClient("edge")
        with pytest.raises(TransferError) as caught:
            await read_document(client, f"{server.url}/x", 9, method="PROPFIND")
        assert caught.value.fault is Fault.CONNECT
        assert len(server.requests) == 2
        await client.aclose()


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names that were looked up; each is this machine's."""
    asked_for: list[str] = []

    async def getaddrinfo(self: object, host: str, port: int, **_: Any) -> list[Any]:
        asked_for.append(host)
        address = ("127.0.0.1", port)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return asked_for


async def test_a_name_is_looked_up_once_for_all_connections_of_all_endpoints(
    lookups: list[str],
) -> None:
    pool, gated = ConnectionPool(), Gated()
    clients = [HttpClient(name, pool) for name in ("one", "other")]
    async with hostile(gated.script) as server:
        reads = []
        for n in range(8):
            reads.append(asyncio.ensure_future(fetch(clients[n % 2], server)))
            await asked(server, n + 1)
        gated.gate.set()
        await asyncio.gather(*reads)
        for client in clients:
            await client.aclose()
    assert server.connections == 8
    assert lookups == ["localhost"]


async def test_a_name_whose_addresses_fail_is_looked_up_again(lookups: list[str]) -> None:
    """Fault N2: the addresses of a name are wrong by now. dlcore looks the name up again."""
    async with hostile(Script([])) as server:
        url = f"{server.url}/object"
    client = HttpClient("edge")
    for _ in range(2):
        with pytest.raises(TransferError) as caught:
            await read_document(client, url, 9)
        assert caught.value.fault is Fault.CONNECT
    assert lookups == ["localhost"] * 2
    await client.aclose()


async def test_small_requests_are_sent_without_delay() -> None:
    client = HttpClient("edge")
    async with hostile(partial(end=HANG)) as server:
        with await client.request("GET", f"{server.url}/x") as response:
            borrowed = response.borrow_connection()
            assert borrowed is not None
            connection: socket.socket = borrowed.transport.get_extra_info("socket")
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        await client.aclose()


# Open files


async def admitted(semaphore: ResizableSemaphore) -> int:
    """How many more holders it lets in."""
    count = 0
    while True:
        entering = asyncio.ensure_future(semaphore.acquire())
        await asyncio.sleep(0)
        if not entering.done():
            entering.cancel()
            return count
        count += 1


@pytest.mark.parametrize(
    ("limit", "connections"), [(1024, 256), (64, 16), (3, 1), (1 << 20, 256), (-1, 256)]
)
async def test_connections_leave_open_files_for_the_rest(
    limit: int, connections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault D2: the process may open few files. dlcore opens fewer connections."""
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    pool = ConnectionPool()
    semaphore = pool.host_limit(URL("http://host/x"))
    assert await admitted(semaphore) == connections
    pool.limit(1000)
    assert await admitted(semaphore) == min(1000, max_connections()) - connections
