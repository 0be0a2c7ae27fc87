"""One account at several servers: what one of them says of it concerns the others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from dlcore.errors import AuthError, Fault
from tests.transfer.windows_auth import WindowsGuard, toy_guard
from tests.transfer.windows_site import LENGTH, PASSWORD, Site, site


@contextlib.asynccontextmanager
async def sites(folder: Path, *guards: WindowsGuard) -> AsyncIterator[list[Site]]:
    """Servers whose endpoints share a pool and the file of the password."""
    async with contextlib.AsyncExitStack() as stack:
        found = [await stack.enter_async_context(site(each, folder)) for each in guards]
        for each in found:
            each.pool = found[0].pool
        yield found


def shown(servers: list[Site]) -> int:
    return sum(len(each.guard.shown) for each in servers)


async def test_a_wrong_password_is_shown_to_one_server(tmp_path: Path) -> None:
    """Fault: several endpoints have one wrong password. dlcore shows it to one of their servers,
    once, so that the account is not locked.
    """
    guards = [toy_guard(anna="another") for _ in range(4)]
    async with sites(tmp_path, *guards) as servers:
        reads = [each.read() for each in servers]
        errors = await asyncio.gather(*reads, return_exceptions=True)
        assert {type(error) for error in errors} == {AuthError}
        assert shown(servers) == 1
        told = await servers[-1].refusal()
        assert shown(servers) == 1
        assert told.fault is Fault.AUTH
        assert "the user anna is not shown to the server" in told.message
        assert "localhost" in told.message
        assert "localhost" in told.remedy


async def test_a_corrected_password_is_shown_to_all(tmp_path: Path) -> None:
    async with sites(tmp_path, toy_guard(anna="new"), toy_guard(anna="new")) as servers:
        keyrings = [each.keyring() for each in servers]
        for each, keyring in zip(servers, keyrings, strict=True):
            await each.refusal(keyring)
        servers[0].change_password("new")
        for each, keyring in zip(servers, keyrings, strict=True):
            assert await each.read(keyring=keyring) == b"b" * LENGTH


async def test_a_server_that_refuses_what_another_accepts_refuses_for_itself(
    tmp_path: Path,
) -> None:
    """Fault: one of three servers lets the user read nothing. dlcore asks the others."""
    guards = toy_guard(anna=PASSWORD), toy_guard(anna="another"), toy_guard(anna=PASSWORD)
    async with sites(tmp_path, *guards) as (first, second, third):
        await first.read()
        await second.refusal()
        assert await third.read() == b"b" * LENGTH


async def test_a_password_that_was_changed_is_shown_to_one_more_server(tmp_path: Path) -> None:
    """Fault: a password is changed after a server has accepted the old one. dlcore shows the old
    one to no further servers once that one refuses it.
    """
    guards = [toy_guard(anna=PASSWORD), *(toy_guard(anna="new") for _ in range(3))]
    async with sites(tmp_path, *guards) as servers:
        keyring = servers[0].keyring()
        await servers[0].read(keyring=keyring)
        servers[0].guard.new_acceptor = toy_guard(anna="new").new_acceptor
        for connection in servers[0].guard.connections.values():
            connection.user = ""
        await servers[0].refusal(keyring)
        before = shown(servers)
        for each in servers[1:]:
            await each.refusal()
        assert shown(servers) == before + 1


async def test_an_account_of_the_server_itself_is_another_one_elsewhere(tmp_path: Path) -> None:
    user = ".\\anna"
    guards = toy_guard(None, **{user: "another"}), toy_guard(None, **{user: PASSWORD})
    async with sites(tmp_path, *guards) as (first, second):
        second.url = second.url.replace("localhost", "127.0.0.1")
        await first.refusal(first.keyring(user))
        assert await second.read(keyring=second.keyring(user)) == b"b" * LENGTH
