"""Bodies that a server sends over TCP or TLS, and a client that receives them."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from dlcore.errors import Fault, TransferError
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.readers import read_range
from dlcore.transfer.sink import SinkWriter
from tests.transfer.clients import client_for
from tests.transfer.hostile import MAX_WAIT_S, Hostile, Script, hostile
from tests.transfer.sinks import Collector

DATA = bytes(range(251)) * 2000
HEAD = (
    f"HTTP/1.1 206 Partial Content\r\nContent-Length: {len(DATA)}\r\n"
    f"Content-Range: bytes 0-{len(DATA) - 1}/{len(DATA)}\r\n\r\n"
).encode()


@dataclass
class Server:
    """How to run a `hostile` server, and how to trust it."""

    tls: ssl.SSLContext | None = None
    ca_file: str = ""
    direct: int = field(default=0)  # bodies that were received directly

    @contextlib.asynccontextmanager
    async def asked(
        self, *scripts: Script, apart: bool = True, stall_s: float = 5
    ) -> AsyncIterator[tuple[Hostile, HttpClient]]:
        async with hostile(*scripts, tls=self.tls, apart=apart) as server:
            client = client_for(stall_s, self.ca_file)
            try:
                yield server, client
            finally:
                await client.aclose()


async def fetch(
    server: Hostile, client: HttpClient, sink: Collector, data: bytes = DATA, url: str = ""
) -> None:
    target = url or f"{server.url}/object"
    await read_range(client, target, (0, len(data)), len(data), SinkWriter(sink))


async def fault_of(server: Hostile, client: HttpClient, sink: Collector) -> Fault:
    with pytest.raises(TransferError) as caught:
        await fetch(server, client, sink)
    assert sink.received == DATA[: sink.filled_bytes]
    return caught.value.fault


async def brought(reading: asyncio.Future[Any], sink: Collector, count_bytes: int) -> None:
    """Wait until a read has brought ``count_bytes``, or has ended."""
    async with asyncio.timeout(MAX_WAIT_S):
        while sink.filled_bytes < count_bytes and not reading.done():  # noqa: ASYNC110 - none tells
            await asyncio.sleep(0)
