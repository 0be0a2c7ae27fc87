"""An endpoint that asks for time before it says what it holds gets it; nobody else has to wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web

from dlcore.cli.serve import client_config
from dlcore.emulator import Emulator, Settings
from dlcore.emulator.service import Service
from dlcore.engine.client import Client
from dlcore.engine.download.packages import Retry
from dlcore.engine.download.retry_gate import MAX_REFUSALS, MIN_WAIT_S, RetryGate
from dlcore.engine.events import DownloadRetried, EndpointBusy
from dlcore.errors import Fault, TransferError
from dlcore.model import Manifest
from tests.engine.fakes import FakeEndpoint, FakePlacement, Recorder, fetch, opened, package
from tests.engine.scene import publish_packages
from tests.engine.virtual_time import virtually
from tests.store.helpers import Package

PACKAGES = {f"ABC0000{n}": package(f"ABC0000{n}", {"x": 20_000 + n}) for n in range(1, 7)}
ONE = {"ABC00001": PACKAGES["ABC00001"]}
AT_ONCE = Retry(count=0)
WAIT_S = 120.0


class BusyEndpoint(FakeEndpoint):
    """Refuses the first questions put to it.

    Args:
        refusals: How many.
        wait_s: What it asks for each time; None: nothing.
    """

    def __init__(
        self,
        name: str,
        packages: dict[str, Package],
        refusals: int,
        wait_s: float | None = WAIT_S,
    ) -> None:
        super().__init__(name, packages)
        self.refusals = refusals
        self.wait_s = wait_s
        self.came_s: list[float] = []
        self.waiting = self.max_waiting = 0  # for an answer, since it was refused

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        async with self._question():
            return await super().read_document(key, limit_bytes)

    async def locate(self, manifest: Manifest) -> FakePlacement:
        async with self._question():
            return await super().locate(manifest)

    @asynccontextmanager
    async def _question(self) -> AsyncIterator[None]:
        self.came_s.append(asyncio.get_running_loop().time())
        self.waiting += 1
        self.max_waiting = max(self.max_waiting, self.waiting)
        try:
            await asyncio.sleep(self.latency_s)
            if self.refusals:
                self.refusals -= 1
                raise self.error(Fault.BUSY, self.wait_s)
            yield
        finally:
            self.waiting -= 1


def now_s() -> float:
    return asyncio.get_running_loop().time()


def test_who_asks_for_time_is_asked_again_when_it_is_over(tmp_path: Path) -> None:
    bus = Recorder()
    endpoint = BusyEndpoint("a", ONE, refusals=3)

    async def main() -> float:
        began_s = now_s()
        await fetch(tmp_path, ONE, [endpoint], retry=AT_ONCE, bus=bus)
        return now_s() - began_s

    assert 3 * WAIT_S < virtually(main()) < 3 * WAIT_S + 5.0
    assert bus.of(EndpointBusy) == [EndpointBusy("a", WAIT_S)] * 3


def test_meanwhile_the_others_serve(tmp_path: Path) -> None:
    endpoints = [BusyEndpoint("a", PACKAGES, refusals=2), FakeEndpoint("b", PACKAGES)]

    async def main() -> float:
        began_s = now_s()
        await fetch(tmp_path, PACKAGES, endpoints, retry=AT_ONCE)
        return now_s() - began_s

    assert virtually(main()) < WAIT_S / 2
    assert not endpoints[0].asked


def test_as_soon_as_it_has_time_it_helps(tmp_path: Path) -> None:
    large = {"ABC00009": package("ABC00009", {"x": 4 << 20})}
    busy = BusyEndpoint("a", large, refusals=1, wait_s=5.0)
    slow = FakeEndpoint("b", large, rate_bytes_per_s=2e5)
    virtually(fetch(tmp_path, large, [busy, slow], connections=1))
    assert busy.asked


def test_until_it_answers_one_question_at_a_time_is_put_to_it() -> None:
    endpoint = BusyEndpoint("a", PACKAGES, refusals=6 + 3)

    async def main() -> None:
        gate = RetryGate(lambda _: None)
        manifests = [item.manifest for item in PACKAGES.values()]
        async with asyncio.TaskGroup() as group:
            for manifest in manifests:
                group.create_task(gate.ask(endpoint, partial(endpoint.locate, manifest)))
            await asyncio.sleep(1.0)
            endpoint.max_waiting = 0
            with pytest.raises(TransferError):
                await gate.ask_once(endpoint, partial(endpoint.locate, manifests[0]))

    virtually(main())
    first, later = endpoint.came_s[:6], endpoint.came_s[6:]
    assert later[0] >= first[0] + WAIT_S
    assert len(later) == 3 + 6
    assert all(b >= a + WAIT_S for a, b in pairwise(later[:4]))
    assert endpoint.max_waiting == 1


def test_it_does_not_ask_for_ever() -> None:
    endpoint = BusyEndpoint("a", ONE, refusals=1000)

    async def main() -> None:
        gate = RetryGate(lambda _: None)
        manifest = ONE["ABC00001"].manifest
        with pytest.raises(TransferError, match="busy"):
            await gate.ask(endpoint, partial(endpoint.locate, manifest))
        assert len(endpoint.came_s) == MAX_REFUSALS
        with pytest.raises(TransferError, match="busy"):
            await gate.ask(endpoint, partial(endpoint.locate, manifest))

    virtually(main())
    assert len(endpoint.came_s) == MAX_REFUSALS + 1
    assert all(b >= a + WAIT_S for a, b in pairwise(endpoint.came_s))


def test_no_wait_is_so_short_that_it_is_none() -> None:
    endpoint = BusyEndpoint("a", ONE, refusals=2, wait_s=0.0)
    manifest = ONE["ABC00001"].manifest

    async def main() -> None:
        await RetryGate(lambda _: None).ask(endpoint, partial(endpoint.locate, manifest))

    virtually(main())
    assert all(b >= a + MIN_WAIT_S for a, b in pairwise(endpoint.came_s))


def test_who_fails_without_asking_for_time_is_not_waited_for() -> None:
    endpoint = BusyEndpoint("a", ONE, refusals=1000, wait_s=None)

    async def main() -> None:
        with pytest.raises(TransferError, match="busy"):
            await RetryGate(lambda _: None).ask(endpoint, lambda: endpoint.read_document("", 1))

    virtually(main())
    assert len(endpoint.came_s) == 1


def test_a_manifest_that_another_has_is_not_waited_for(tmp_path: Path) -> None:
    busy, other = BusyEndpoint("a", ONE, refusals=1), FakeEndpoint("b", ONE)

    async def main() -> float:
        began_s = now_s()
        async with opened(tmp_path, ONE, [busy, other]) as content:
            await content.package_index.manifest("ABC00001")
            return now_s() - began_s

    assert virtually(main()) < WAIT_S / 2


@pytest.mark.parametrize("busy", ["token", "document", "locations"])
async def test_a_gateway_that_is_busy_costs_no_download_retry(
    busy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = publish_packages(tmp_path, {"ABC00001": {"x": 50_000}})
    refusals = 2
    answer: Callable[[Service, web.Request], Awaitable[web.StreamResponse]] = getattr(Service, busy)

    async def refusing(self: Service, request: web.Request) -> web.StreamResponse:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "0"})
        return await answer(self, request)

    monkeypatch.setattr(Service, busy, refusing)
    settings = Settings()
    async with Emulator(published, settings, state=tmp_path / "gateway") as emulator:
        config = tmp_path / "client.toml"
        config.write_text(client_config(emulator, settings), encoding="utf-8")
        async with Client.from_config(config, tmp_path / "state") as client:
            bus = client.bus = Recorder()
            content = await client.fetch("ABC00001")
    assert (content / "x").read_bytes() == (tmp_path / "source/ABC00001/x").read_bytes()
    assert refusals == 0
    assert len(bus.of(EndpointBusy)) == 2
    assert not bus.of(DownloadRetried)
