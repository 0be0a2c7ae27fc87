"""A server that refuses the password of a Windows login, and counts how often it is shown."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from dlcore.emulator.ntlm_acceptor import NtlmAcceptor
from dlcore.model import Authentication, WebAccess
from tests.transfer.access import secret_file
from tests.transfer.windows_auth import WindowsGuard, serving


@contextlib.asynccontextmanager
async def refusing_login(folder: Path) -> AsyncIterator[tuple[str, WindowsGuard, WebAccess]]:
    """The URL of a server that has any document, its guard, and the login with a wrong password."""

    async def document(_: web.Request) -> web.Response:
        return web.Response(text="document")

    accounts = Path(secret_file(folder, "accounts", "CORP:svc-dl:canary-Pa55\n"))
    login = WebAccess(
        authentication=Authentication.NEGOTIATE,
        user="CORP\\svc-dl",
        password_file=secret_file(folder, "wrong", "canary-wrong\n"),
    )
    guard = WindowsGuard(lambda: NtlmAcceptor("Negotiate", accounts))
    async with serving([web.get("/{key:.*}", document)], guard) as url:
        yield url, guard, login
