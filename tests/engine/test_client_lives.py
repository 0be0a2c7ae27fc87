"""A client works inside of its ``async with`` only, and holds its lock meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dlcore.engine.client import Client
from dlcore.errors import ConfigError
from tests.engine.machine import OS, TOOLS
from tests.engine.scene import deployment


async def test_a_client_that_is_not_open_is_refused(published: Path, tmp_path: Path) -> None:
    client = Client(deployment(published), tmp_path)
    with pytest.raises(ConfigError, match="not open"):
        await client.fetch(OS)


async def test_a_closed_client_does_not_write_without_its_lock(
    published: Path, tmp_path: Path
) -> None:
    """Fault: a program fetches by a client that it has closed, while another one holds the state
    directory. dlcore refuses that.
    """
    client = Client(deployment(published), tmp_path)
    async with client:
        await client.fetch(TOOLS)
    async with Client(deployment(published), tmp_path) as other:
        await other.hold()
        with pytest.raises(ConfigError, match="not open"):
            await client.fetch(OS)
        with pytest.raises(ConfigError, match="opened before"):
            await client.__aenter__()


async def test_a_client_that_is_closed_while_it_takes_its_lock_gives_it_back(
    published: Path, tmp_path: Path
) -> None:
    client = Client(deployment(published), tmp_path)
    async with client:
        holding = asyncio.create_task(client.hold())
        await asyncio.sleep(0)
    with pytest.raises(ConfigError, match="not open"):
        await holding
    async with Client(deployment(published), tmp_path) as other:
        await other.hold()  # `LockedError` if it were still held
