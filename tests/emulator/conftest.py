from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import aiohttp
import pytest

from dlcore.emulator import Emulator, Settings
from tests.emulator.helpers import Client, Sample, Time, publish, trusting

Started = Callable[[Settings], AbstractAsyncContextManager[tuple[Emulator, Client]]]


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return publish(tmp_path / "published")


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def started(sample: Sample, time: Time, tmp_path: Path) -> Started:
    """Starts emulators of given settings over the sample, each with a client."""

    @contextlib.asynccontextmanager
    async def start(settings: Settings) -> AsyncIterator[tuple[Emulator, Client]]:
        state = tmp_path / "state"
        async with Emulator(
            sample.folder, settings, state=state, clock=time, sleep=time.sleep
        ) as emulator:
            connector = trusting(emulator.ca_file)
            async with aiohttp.ClientSession(connector=connector) as session:
                yield emulator, Client(emulator, session)

    return start


@pytest.fixture
async def running(started: Started) -> AsyncIterator[tuple[Emulator, Client]]:
    """An emulator of default settings that is also a distribution point."""
    async with started(Settings(dp=True)) as pair:
        yield pair


@pytest.fixture
def emulator(running: tuple[Emulator, Client]) -> Emulator:
    return running[0]


@pytest.fixture
def client(running: tuple[Emulator, Client]) -> Client:
    return running[1]
