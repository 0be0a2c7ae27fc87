from __future__ import annotations

import asyncio
import itertools

import pytest

from dlcore.emulator import Settings
from dlcore.emulator.sender import Sender, Span
from tests.emulator.conftest import Started
from tests.emulator.helpers import LARGE, Sample, Time


async def test_a_body_takes_exactly_its_share_of_the_link(
    started: Started, sample: Sample, time: Time
) -> None:
    async with started(Settings(bandwidth_bytes_per_s=100_000)) as (_, client):
        url = await client.url_of(sample, sample.large.name)
        begun_s = time.now_s
        assert (await client.ask("GET", url)).body == LARGE
        assert time.now_s - begun_s == pytest.approx(6.0, abs=1e-6)


async def test_sleeps_that_are_too_long_do_not_add_up(
    started: Started, sample: Sample, time: Time
) -> None:
    async with started(Settings(bandwidth_bytes_per_s=1_000_000)) as (_, client):
        url = await client.url_of(sample, sample.large.name)
        begun_s, time.late_s = time.now_s, 0.02
        await client.ask("GET", url)
        assert 0.6 <= time.now_s - begun_s <= 0.6 + 0.0201


async def test_a_pause_between_bodies_gives_no_burst(
    started: Started, sample: Sample, time: Time
) -> None:
    async with started(Settings(bandwidth_bytes_per_s=100_000)) as (_, client):
        url = await client.url_of(sample, sample.large.name)
        await client.ask("GET", url, Range="bytes=0-99999")
        time.now_s += 100
        begun_s = time.now_s
        await client.ask("GET", url, Range="bytes=0-99999")
        assert time.now_s - begun_s == pytest.approx(1.0, abs=1e-6)


async def test_documents_share_the_link(started: Started, sample: Sample, time: Time) -> None:
    async with started(Settings(bandwidth_bytes_per_s=1000)) as (emulator, client):
        token = await client.token()
        begun_s = time.now_s
        await client.read("/downloadrestservice.svc/document?key=catalog.json", token)
        sent = emulator.counters.snapshot().document_bytes
        assert sent == (sample.folder / "catalog.json").stat().st_size
        assert time.now_s - begun_s == pytest.approx(sent / 1000, abs=1e-6)


async def test_every_answer_waits_for_the_latency(
    started: Started, sample: Sample, time: Time
) -> None:
    async with started(Settings(latency_s=0.25, dp=True)) as (emulator, client):
        url = await client.url_of(sample, sample.large.name)
        await client.ask("GET", url)
        await client.ask("GET", "/nowhere")
        await client.ask("GET", f"{emulator.dp_url}/nowhere")
        assert time.slept_s == [0.25] * 5


async def test_bodies_sent_at_once_share_the_link_evenly(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Responses sleep on a virtual clock, which wakes the one that is due first."""
    sleeping: list[tuple[float, int, asyncio.Event]] = []
    order = itertools.count()
    now_s = 0.0

    async def sleep(wait_s: float) -> None:
        woken = asyncio.Event()
        sleeping.append((now_s + wait_s, next(order), woken))
        await woken.wait()

    class Written:
        def __init__(self) -> None:
            self.count = 0

        async def write(self, data: memoryview) -> None:
            self.count += len(data)

    async def read_at_once(function: object, *args: object) -> bytes:
        assert callable(function)
        return bytes(function(*args))

    monkeypatch.setattr(asyncio, "to_thread", read_at_once)
    sender = Sender(1_000_000, lambda: now_s, sleep)
    path = sample.folder / "objects" / sample.large.name
    bodies = [Written() for _ in range(4)]
    async with asyncio.TaskGroup() as group:
        for body in bodies:
            span = Span(path, 0, len(LARGE))
            group.create_task(sender._send_body(body, span, lambda _: None))  # type: ignore[arg-type]  # only `write` is used
        while True:
            for _ in range(5):
                await asyncio.sleep(0)
            if not sleeping:
                break
            due = min(sleeping)
            sleeping.remove(due)
            now_s = due[0]
            due[2].set()
            await asyncio.sleep(0)
            left = [body.count for body in bodies if body.count < len(LARGE)]
            assert max(left, default=0) - min(left, default=0) <= 1 << 17
    assert now_s == pytest.approx(4 * len(LARGE) / 1_000_000, abs=1e-6)
    assert [body.count for body in bodies] == [len(LARGE)] * 4
