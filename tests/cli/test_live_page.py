"""``run --live``: the page of a run while it goes on, for one reader on this computer."""

from __future__ import annotations

import asyncio
import contextlib
import re
import urllib.request
from pathlib import Path

import aiohttp
import pytest

from dlcore.cli.live.page import MAX_CONNECTIONS, shown_live
from dlcore.engine import events
from dlcore.engine.listeners.bus import EventBus
from tests.cli.conftest import Site
from tests.cli.gateways import served_here
from tests.cli.helpers import start, wait
from tests.timeline.scene import begins, ended


class Reader:
    """Somebody with a browser."""

    def __init__(self) -> None:
        self.address = ""

    def hear(self, text: str) -> None:
        self.address = text.rpartition(" ")[2]

    async def read(self, address: str = "") -> tuple[int, str, dict[str, str]]:
        where = address or self.address
        async with aiohttp.ClientSession() as session, session.get(where) as response:
            return response.status, await response.text(), dict(response.headers)


@pytest.fixture
def reader() -> Reader:
    return Reader()


async def test_the_page_is_there_while_the_run_goes_on(reader: Reader) -> None:
    bus = EventBus()
    async with shown_live(bus, reader.hear):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{22}", reader.address)
        bus.emit(begins("Drivers"))
        bus.emit(events.StepWaiting(0, "Drivers", ("ABC00002",)))
        status, text, headers = await reader.read()
        assert (status, "Not ended" in text, "0 Drivers" in text) == (200, True, True)
        assert headers["Refresh"] == "5"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
    with pytest.raises(aiohttp.ClientConnectorError):
        await reader.read()


async def test_nobody_else_can_read_it(reader: Reader) -> None:
    """Fault: another user of the computer looks for the page. dlcore shows it to no one else."""
    bus = EventBus()
    async with shown_live(bus, reader.hear):
        base, _, secret = reader.address.rpartition("/")
        for path in ("", "x", secret[:-1], secret + "x", "%ff", f"{secret}/x"):
            status, text, _ = await reader.read(f"{base}/{path}")
            assert (status, "Drivers" in text) == (404, False), path
        async with aiohttp.ClientSession() as session, session.post(reader.address) as response:
            assert response.status == 405


async def test_who_opens_many_connections_takes_few_of_the_run(reader: Reader) -> None:
    """Fault: another user of the computer opens connections to the page and is silent. The oldest
    ones are cut off, so the run can still open files, and its reader reads.
    """
    async with shown_live(EventBus(), reader.hear):
        port = int(reader.address.split(":")[2].partition("/")[0])
        opened = []
        for _ in range(3 * MAX_CONNECTIONS):
            opened.append(await asyncio.open_connection("127.0.0.1", port))
            opened[-1][1].write(b"GET /")
        async with asyncio.timeout(30):
            for end, _ in opened[: 2 * MAX_CONNECTIONS]:
                with contextlib.suppress(ConnectionError):  # or an end in order
                    assert await end.read() == b""
        assert (await reader.read())[0] == 200
        for _, writer in opened:
            writer.close()


async def test_each_run_has_another_address(reader: Reader) -> None:
    async with shown_live(EventBus(), reader.hear):
        first = reader.address
        async with shown_live(EventBus(), reader.hear):
            assert reader.address.rpartition("/")[2] != first.rpartition("/")[2]


async def test_who_watches_sees_the_end_and_is_not_led_further(reader: Reader) -> None:
    bus, is_ending = EventBus(), asyncio.Event()

    async def run() -> None:
        async with shown_live(bus, reader.hear):
            bus.emit(begins("Drivers"))
            await reader.read()
            bus.emit(ended(1.0, 1.0, 1.0, 1.0))
            is_ending.set()

    running = asyncio.ensure_future(run())
    await is_ending.wait()
    status, text, headers = await reader.read()
    assert (status, "Succeeded" in text) == (200, True)
    assert "Refresh" not in headers
    await running


def test_a_run_prints_the_address_and_nobody_needs_to_look(site: Site, tmp_path: Path) -> None:
    with served_here(
        site.published, tmp_path / "emulator", bandwidth_bytes_per_s=3_000_000
    ) as gateway:
        where = ("--config", gateway.config, "--state", tmp_path / "state", "--simulate", "0")
        process = start("run", site.sequence, *where, "--live", "--json", "--quiet")
        assert process.stderr is not None
        address = process.stderr.readline().rpartition(" ")[2].strip()
        with contextlib.closing(urllib.request.urlopen(address)) as page:
            assert b"<!DOCTYPE html>" in page.read()
        assert wait(process).document["outcome"] == "succeeded"
