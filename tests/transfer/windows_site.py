"""A web server behind Windows authentication, and clients of it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from dlcore.errors import TransferError
from dlcore.model import Authentication, WebAccess
from dlcore.transfer import Keyring
from dlcore.transfer.http.pool import ConnectionPool
from dlcore.transfer.http.readers import read_range
from dlcore.transfer.policy import TransferPolicy
from dlcore.transfer.sink import SinkWriter
from tests.transfer.access import secret_file
from tests.transfer.sinks import Collector
from tests.transfer.windows_auth import ToyContexts, WindowsGuard, serving

PASSWORD = "canary-of-anna"
LENGTH = 1000
POLICY = TransferPolicy(max_connections_per_host=8)


class Site:
    """A guarded server, and clients of it.

    Attributes:
        redirects: Where a path leads instead.
    """

    def __init__(self, guard: WindowsGuard, folder: Path, policy: TransferPolicy) -> None:
        self.guard = guard
        self.url = ""
        self.ca_file = ""
        self.redirects: dict[str, str] = {}
        self.pool = ConnectionPool(policy)
        self.contexts: ToyContexts = ToyContexts()
        self.password_file = secret_file(folder, "password", f"{PASSWORD}\n")

    def change_password(self, password: str) -> None:
        Path(self.password_file).write_text(f"{password}\n")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path in self.redirects:
            return web.Response(status=302, headers={"Location": self.redirects[request.path]})
        asked = request.http_range
        start, end = asked.start or 0, asked.stop or LENGTH
        headers = {"Content-Range": f"bytes {start}-{end - 1}/{LENGTH}"}
        is_part = "Range" in request.headers
        return web.Response(
            status=206 if is_part else 200,
            body=b"b" * (end - start),
            headers=headers if is_part else {},
        )

    def keyring(self, user: str = "anna", **settings: Any) -> Keyring:
        usual: dict[str, Any] = {
            "authentication": Authentication.NEGOTIATE,
            "user": user,
            "password_file": self.password_file if user else "",
        }
        web_access = WebAccess(**{**usual, **settings})
        return Keyring(
            web_access,
            self.url,
            ca_file=self.ca_file,
            name="dp",
            policy=self.pool.policy,
            make_context=self.contexts.make,
        )

    async def read(self, path: str = "/o", keyring: Keyring | None = None) -> bytes:
        """Read one object with a client of its own."""
        return (await self.read_all([path], keyring))[0]

    async def read_all(self, paths: list[str], keyring: Keyring | None = None) -> list[bytes]:
        """Read objects at once, as far as the limit of the host allows that."""
        client = (keyring or self.keyring()).client("dp", self.pool, follows_redirects=True)

        async def read(path: str) -> bytes:
            sink = Collector(LENGTH)
            await read_range(client, self.url + path, (0, LENGTH), LENGTH, SinkWriter(sink))
            return sink.received

        return await asyncio.gather(*map(read, paths))

    async def refusal(self, keyring: Keyring | None = None) -> TransferError:
        """What reading fails with."""
        with pytest.raises(TransferError) as caught:
            await self.read(keyring=keyring)
        assert PASSWORD not in f"{caught.value}{caught.value.remedy}"
        return caught.value


@contextlib.asynccontextmanager
async def site(
    guard: WindowsGuard,
    folder: Path,
    tls: ssl.SSLContext | None = None,
    ca_file: str = "",
    policy: TransferPolicy = POLICY,
) -> AsyncIterator[Site]:
    found = Site(guard, folder, policy)
    found.ca_file = ca_file
    async with serving([web.route("*", "/{path:.*}", found.answer)], guard, tls) as url:
        found.url = url
        found.pool.join(found)
        try:
            yield found
        finally:
            await _close(found.pool)


async def _close(pool: ConnectionPool) -> None:
    for client in tuple(pool._clients):
        await pool.leave(client)
    await asyncio.sleep(0)  # a connection that was given up is closed in the next turn
