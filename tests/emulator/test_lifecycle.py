from __future__ import annotations

import asyncio
import contextlib
import ssl
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from dlcore.emulator import Emulator, Settings
from dlcore.errors import ConfigError, NotFoundError, StorageError
from tests.emulator.helpers import Client, Sample, Time, trusting


class Stuck:
    """A sleep that never ends, with events for its begin and its cancellation."""

    def __init__(self) -> None:
        self.asleep = asyncio.Event()
        self.woken = asyncio.Event()

    async def sleep(self, _: float) -> None:
        self.asleep.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.woken.set()


def stuck_emulator(sample: Sample, state: Path, stuck: Stuck) -> Emulator:
    """An emulator that never finishes a response."""
    return Emulator(
        sample.folder,
        Settings(bandwidth_bytes_per_s=1),
        state=state,
        clock=Time(),
        sleep=stuck.sleep,
        shutdown_timeout_s=0.01,
    )


@contextlib.asynccontextmanager
async def stuck_body(sample: Sample, state: Path, stuck: Stuck) -> AsyncIterator[None]:
    """An emulator with one response that never finishes, and a client that waits for it."""
    async with contextlib.AsyncExitStack() as stack:
        emulator = stuck_emulator(sample, state, stuck)
        await stack.enter_async_context(emulator)
        session = aiohttp.ClientSession(connector=trusting(emulator.ca_file))
        await stack.enter_async_context(session)
        url = await Client(emulator, session).url_of(sample, sample.large.name)
        await stack.enter_async_context(session.get(URL(url, encoded=True)))
        await stuck.asleep.wait()
        yield


async def test_a_request_that_cannot_be_read_is_not_logged_in_full(
    sample: Sample, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault: a request to `serve` has an endless credential. dlcore logs nothing of the request."""
    async with Emulator(sample.folder, Settings(), state=tmp_path) as emulator:
        context = ssl.create_default_context(cafile=emulator.ca_file)
        reader, writer = await asyncio.open_connection(
            "localhost", URL(emulator.url).port, ssl=context
        )
        request = f"GET / HTTP/1.1\r\nAuthorization: Bearer {'c4n4ry' * 2000}\r\n\r\n"
        writer.write(request.encode())
        assert (await reader.read(100)).split()[1] == b"400"
        writer.close()
    records = [record for record in caplog.records if "LineTooLong" in record.getMessage()]
    assert [record.name for record in records] == ["dlcore.emulator"]
    assert "c4n4ry" not in caplog.text


async def test_a_client_that_goes_away_leaves_no_task(sample: Sample, tmp_path: Path) -> None:
    stuck = Stuck()
    before = asyncio.all_tasks()
    async with stuck_body(sample, tmp_path / "state", stuck):
        pass  # leaving closes the client first
    assert stuck.woken.is_set()
    assert asyncio.all_tasks() == before


async def test_the_server_hears_of_it_when_a_client_goes_away(
    sample: Sample, tmp_path: Path
) -> None:
    stuck = Stuck()
    emulator = stuck_emulator(sample, tmp_path / "state", stuck)
    async with emulator:
        async with aiohttp.ClientSession(connector=trusting(emulator.ca_file)) as session:
            url = await Client(emulator, session).url_of(sample, sample.large.name)
            response = await session.get(URL(url, encoded=True))
            await stuck.asleep.wait()
            response.close()
            await asyncio.wait_for(stuck.woken.wait(), 10)
        counts = emulator.counters.snapshot()
    assert (counts.ranges_served, counts.bytes_served, dict(counts.refused)) == (0, 0, {})


async def test_stopping_ends_bodies_that_are_being_sent(sample: Sample, tmp_path: Path) -> None:
    stuck = Stuck()
    emulator = stuck_emulator(sample, tmp_path / "state", stuck)
    before = asyncio.all_tasks()
    await emulator.__aenter__()
    async with aiohttp.ClientSession(connector=trusting(emulator.ca_file)) as session:
        url = await Client(emulator, session).url_of(sample, sample.large.name)
        async with session.get(URL(url, encoded=True)) as response:
            await stuck.asleep.wait()
            await asyncio.wait_for(emulator.__aexit__(None, None, None), 10)
            assert stuck.woken.is_set()
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
    assert asyncio.all_tasks() == before


async def test_clients_stay_registered_and_trusting_over_a_restart(
    sample: Sample, tmp_path: Path
) -> None:
    kept = []
    for _ in range(2):
        async with Emulator(sample.folder, Settings(), state=tmp_path / "state") as emulator:
            kept.append(
                (emulator.ca_file.read_bytes(), emulator.registration_token_file.read_text())
            )
    assert kept[0] == kept[1]


@pytest.mark.posix_only(reason="modes are POSIX's")
async def test_the_state_folder_is_private(sample: Sample, tmp_path: Path) -> None:
    state = tmp_path / "new" / "state"
    async with Emulator(sample.folder, Settings(), state=state) as emulator:
        assert stat.S_IMODE(state.stat().st_mode) == 0o700
        assert stat.S_IMODE(emulator.registration_token_file.stat().st_mode) == 0o600


async def test_a_folder_without_a_catalog_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"holds no catalog\.json"):
        async with Emulator(tmp_path, Settings(), state=tmp_path / "state"):
            pass


async def test_a_port_that_is_taken_is_refused_and_nothing_is_left(
    sample: Sample, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    async with Emulator(sample.folder, Settings(), state=state) as emulator:
        before = asyncio.all_tasks()
        port = URL(emulator.url).port or 0
        expected = f"cannot listen on 127.0.0.1 port {port}: another program listens there$"
        with pytest.raises(ConfigError, match=expected):
            async with Emulator(sample.folder, Settings(dp=True, dp_port=port), state=state):
                pass
        assert asyncio.all_tasks() == before


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("192.0.2.1", "this machine has no such address"),  # reserved for documentation
        ("a..b", "no address is known for this name"),
    ],
)
async def test_an_address_that_is_not_this_machines_is_refused(
    host: str, reason: str, sample: Sample, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=f"cannot listen on {host} port 0: {reason}$") as refused:
        async with Emulator(sample.folder, Settings(host=host), state=tmp_path / "state"):
            pass
    assert "such as 127.0.0.1" in refused.value.remedy


async def test_a_state_folder_that_cannot_be_made_is_refused(
    sample: Sample, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be used"):
        async with Emulator(sample.folder, Settings(), state=tmp_path / "file" / "state"):
            pass


def test_the_default_clock_counts_from_1970_and_only_forwards() -> None:
    import time

    from dlcore.emulator.emulator import steady_clock

    clock = steady_clock()
    assert abs(clock() - time.time()) < 1.0
    assert clock() <= clock()


@pytest.mark.parametrize(
    ("host", "reached"),
    [("0.0.0.0", "localhost"), ("10.0.0.1", "10.0.0.1"), ("fd00::1", "[fd00::1]")],
)
def test_the_url_is_one_that_reaches_the_server(host: str, reached: str, tmp_path: Path) -> None:
    emulator = Emulator(tmp_path, Settings(host=host), state=tmp_path)
    assert emulator.url == f"https://{reached}:0"
