"""The program's own code fails while dlcore works for it: dlcore goes on, and says so."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dlcore.engine.client import Client
from dlcore.engine.events import Event, FetchEnded, PackageReady, StepStarted
from dlcore.engine.fetching.fetch import fetch
from dlcore.engine.listeners.bus import EventBus
from dlcore.engine.running.run import run_sequence
from tests.engine.machine import TOOLS, Acting, Machine, parsed
from tests.engine.scene import deployment, publish_packages, step
from tests.engine.virtual_time import virtually

PACKAGE = "ABC00001"
CANARY = "canary"
READY = PackageReady(PACKAGE, "there")


def test_a_fetch_goes_on_though_on_event_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault P7: a program's on_event fails at each event. dlcore logs the place once, and fetches
    on.
    """
    published = publish_packages(tmp_path, {PACKAGE: {"file": 10_000}})
    heard: list[Event] = []

    def fails(event: Event) -> None:
        heard.append(event)
        raise RuntimeError(CANARY)

    to = tmp_path / "to"
    fetched = virtually(fetch(PACKAGE, to=to, endpoints=[str(published)], on_event=fails))
    assert fetched.bytes_fetched == (to / "file").stat().st_size == 10_000
    assert isinstance(heard[-1], FetchEnded), "it is called all the same"
    (told,) = [r.getMessage() for r in caplog.records if "callback" in r.getMessage()]
    assert "RuntimeError in " in told
    assert Path(__file__).name in told
    assert CANARY not in caplog.text, "the text of a foreign error may be a secret"


def test_a_listener_that_fails_disturbs_no_other() -> None:
    """Fault P7: one of several listeners fails, or leaves while it listens. The others hear all."""
    bus = EventBus()
    heard: list[Event] = []

    def fails(event: Event) -> None:
        raise RuntimeError

    def leaves(event: Event) -> None:
        bus.unsubscribe(leaves)

    for hear in (fails, leaves, heard.append):
        bus.subscribe(hear)
    bus.emit(READY)
    bus.emit(READY)
    assert heard == [READY, READY]


def test_a_cancellation_in_a_listener_is_no_failure() -> None:
    def cancelled(event: Event) -> None:
        raise asyncio.CancelledError

    bus = EventBus()
    bus.subscribe(cancelled)
    with pytest.raises(asyncio.CancelledError):
        bus.emit(READY)


def test_a_run_goes_on_though_the_reader_of_its_events_fails(machine: Machine) -> None:
    """Fault P7: the task that reads a client's events fails. dlcore runs on to the end."""

    async def read(client: Client) -> None:
        async for event in client.events():
            if isinstance(event, StepStarted):
                raise RuntimeError(CANARY)

    async def main() -> str | None:
        async with Client(deployment(machine.root), machine.state) as client:
            reader = asyncio.ensure_future(read(client))
            await asyncio.sleep(0)
            tree = parsed(step("tools", package=TOOLS))
            report = await run_sequence(client, tree, Acting())
            assert isinstance(reader.exception(), RuntimeError)
            return report.outcome

    assert virtually(main()) == "succeeded"


def test_a_run_goes_on_though_nobody_reads_its_events(machine: Machine) -> None:
    """Fault P7: a program asks for events and reads none. dlcore waits for no reader."""

    async def main() -> str | None:
        async with Client(deployment(machine.root), machine.state) as client:
            unread = client.events()
            report = await run_sequence(client, parsed(step("tools", package=TOOLS)), Acting())
            del unread
            return report.outcome

    assert virtually(main()) == "succeeded"
