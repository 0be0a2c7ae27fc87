"""Names whose addresses fail, while other requests wait for the same name."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any, cast

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from dlcore.errors import Fault, TransferError
from dlcore.transfer.http.addresses import Reach
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.pinned_connections import TcpConnector
from dlcore.transfer.http.readers import read_document
from tests.transfer.hostile import AGAIN, Script, hostile

AT_ONCE = 8
ANSWER = Script.response("200 OK", b"{}", end=AGAIN, Content_Length="2")


class Names(AbstractResolver):
    """Every name is this machine's, and is forgotten before those who wait have their turn.

    Attributes:
        lookups: How many there were.
        connector: Uses it.
    """

    def __init__(self) -> None:
        self.lookups = 0
        self.connector = TcpConnector(resolver=self, limit=0)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name."""
        await asyncio.sleep(0)  # the others begin to wait
        self.lookups += 1
        url = URL(f"http://{host}:{port}/")
        asyncio.get_running_loop().call_soon(self.connector.forget, url)
        found = {"hostname": host, "host": "127.0.0.1", "port": port, "family": family}
        return [cast("ResolveResult", {**found, "proto": 0, "flags": 0})]

    async def close(self) -> None:
        """Nothing is open."""


async def test_a_name_is_not_forgotten_before_all_who_wait_for_it_have_it() -> None:
    """Fault: a connection fails at once, while other requests wait for the address of the same
    name. They get it, and dlcore looks the name up again for the next ones.
    """
    names = Names()
    session = aiohttp.ClientSession(connector=names.connector)
    async with hostile(ANSWER) as server, session:

        async def status() -> int:
            async with session.get(f"http://name.test:{server.port}/") as response:
                response.close()  # the next request connects anew
                return response.status

        for count in (1, 2):
            statuses = (status() for _ in range(AT_ONCE))
            assert await asyncio.gather(*statuses) == [200] * AT_ONCE
            assert names.lookups == count


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names that were looked up; those in .invalid are nobody's, others are this machine's."""
    asked_for: list[str] = []

    async def getaddrinfo(self: object, host: str, port: int, **_: Any) -> list[Any]:
        asked_for.append(host)
        if host.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        address = ("127.0.0.1", port)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return asked_for


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    client = HttpClient("edge", reach=Reach.PUBLIC)
    yield client
    await client.aclose()


async def fault_of(client: HttpClient, url: str) -> Fault:
    with pytest.raises(TransferError) as caught:
        await read_document(client, url, 9)
    return caught.value.fault


async def test_many_requests_whose_connections_fail_at_once_are_faults_of_the_network(
    lookups: list[str], client: HttpClient
) -> None:
    """Fault: many requests go to a name whose addresses cannot be connected to, as without a
    network. Each fails as if it were alone.
    """

    async def several() -> set[Fault]:
        return {await fault_of(client, "http://files.test/x") for _ in range(AT_ONCE)}

    found = await asyncio.gather(*(several() for _ in range(AT_ONCE)))
    assert set.union(*found) == {Fault.REFUSED}


async def test_a_name_in_another_script_is_looked_up_again(
    lookups: list[str], client: HttpClient
) -> None:
    for _ in range(2):
        assert await fault_of(client, "http://xn--bcher-kva.test/x") is Fault.REFUSED
    assert lookups == ["xn--bcher-kva.test"] * 2


async def test_a_name_that_stands_for_no_text_is_not_found(
    lookups: list[str], client: HttpClient
) -> None:
    """Fault: a location or redirect names a host as ``xn--``, and no text is written like that.
    dlcore says that there is no connection.
    """
    assert await fault_of(client, "https://xn--9999999999.invalid/x") is Fault.CONNECT
    assert lookups == ["xn--9999999999.invalid"]
