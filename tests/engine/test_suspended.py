"""A machine is suspended in the middle of its work: hours pass at once, in virtual time.

The clock has gone on when it is resumed. Every connection is dead, and every credential expired.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dlcore.engine.download.asking import Asking
from dlcore.engine.download.retry import Retry
from dlcore.engine.events import DownloadRetried, EndpointDropped
from dlcore.errors import Fault, TransferError
from dlcore.model import Manifest
from dlcore.transfer.endpoints.lease import Lease
from dlcore.transfer.http.faults import RejectedError
from dlcore.transfer.interface import Renewed, Sink
from dlcore.transfer.policy import TransferPolicy
from tests.engine.fakes import FakeEndpoint, FakePlacement, Recorder, fetch, package
from tests.engine.virtual_time import VirtualTimeLoop, virtually
from tests.store.helpers import BLOCK_BYTES, Package

NIGHT_S = 8 * 3600.0
LIFE_S = 3600.0
PACKAGE = package("ABC00001", {"x": 400 * BLOCK_BYTES})


class Site(FakeEndpoint):
    """Its connections die when the machine is suspended, and its tokens live for an hour."""

    def __init__(self, name: str, packages: dict[str, Package]) -> None:
        super().__init__(name, packages, rate_bytes_per_s=10 * BLOCK_BYTES)
        self.nights = 0
        self.arrived: list[tuple[int, int, int]] = []
        self.renewals: list[Renewed] = []
        self._now_s = asyncio.get_running_loop().time
        self.token = Lease(
            *(name, "token", self._issue),
            observer=self.renewals.append,
            policy=TransferPolicy(),
            clock=self._now_s,
        )

    async def locate(self, manifest: Manifest) -> FakePlacement:
        await super().locate(manifest)
        return Placement(self, self.packages[manifest.package_id])

    async def _issue(self) -> tuple[float, float]:
        return self._now_s(), LIFE_S

    def check(self, issued_at_s: float) -> None:
        if self._now_s() >= issued_at_s + LIFE_S:
            raise RejectedError("expired", endpoint=self.name, status=401, detail="")


class Placement(FakePlacement):
    """Asks with a token, and over a connection."""

    def __init__(self, site: Site, package: Package) -> None:
        super().__init__(site, package)
        self._site = site

    async def read_range(
        self, object_index: int, start: int, end: int, sink: Sink, *, from_beginning: bool = False
    ) -> None:
        read = super().read_range

        async def attempt(issued_at_s: float) -> None:
            self._site.check(issued_at_s)
            await read(object_index, start, end, Connection(self._site, sink))

        await self._site.token.use(attempt, is_curable=lambda _: True)
        self._site.arrived.append((object_index, start, end))


class Connection:
    """A `Sink` that gets no more bytes once the machine was suspended."""

    def __init__(self, site: Site, sink: Sink) -> None:
        self._site = site
        self._sink = sink
        self._nights = site.nights

    def buffer(self) -> memoryview:
        if self._nights != self._site.nights:
            raise self._site.error(Fault.STALL)
        return self._sink.buffer()

    def advance(self, count: int) -> bool:
        return self._sink.advance(count)

    def dropped(self, count: int) -> bool:
        return self._sink.dropped(count)

    async def ready(self) -> None:
        await self._sink.ready()


@pytest.mark.parametrize("nights", [1, 3])
@pytest.mark.parametrize("connections", [1, 8])
def test_a_download_goes_on_after_the_machine_was_suspended(
    tmp_path: Path, nights: int, connections: int
) -> None:
    """Fault C3: a machine is suspended in the middle of a download. dlcore drops no endpoint,
    renews the token once, and fetches nothing again that had arrived.
    """

    async def main() -> tuple[Site, Recorder, list[int]]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        site, bus, arrived_before = Site("a", {"ABC00001": PACKAGE}), Recorder(), list[int]()

        def sleep_over_night() -> None:
            site.nights += 1
            arrived_before.append(len(site.arrived))
            loop.suspend(NIGHT_S)
            if site.nights < nights:
                loop.call_later(1.0, sleep_over_night)

        loop.call_later(1.0, sleep_over_night)
        packages = {"ABC00001": PACKAGE}
        once = Retry(count=0)
        await fetch(tmp_path, packages, [site], connections=connections, retry=once, bus=bus)
        return site, bus, arrived_before

    site, bus, arrived_before = virtually(main())
    assert site.nights == nights, "it was under way"
    assert not bus.of(EndpointDropped)
    assert not bus.of(DownloadRetried)
    assert {renewed.reason for renewed in site.renewals} == {"expiring"}
    assert len(site.renewals) <= nights, "one for all connections"
    for count in arrived_before:
        for number, start, end in site.arrived[:count]:
            later = site.arrived[count:]
            assert not [r for r in later if r[0] == number and r[1] < end and start < r[2]]


def test_a_document_is_asked_for_again_after_the_machine_was_suspended() -> None:
    """Fault C3: a machine is suspended while a server is asked for a document. dlcore does not
    count the night, and asks again.
    """

    async def main() -> tuple[str, int]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.call_later(0.5, loop.suspend, NIGHT_S)
        asked = 0

        async def question() -> str:
            nonlocal asked
            asked += 1
            await asyncio.sleep(1.0)
            if asked < 3:  # the first connection is dead, and the network comes a little later
                raise TransferError("no", fault=Fault.CONNECT, endpoint="a")
            return "document"

        return await Asking(lambda _: None).ask(FakeEndpoint("a", {}), question), asked

    assert virtually(main()) == ("document", 3)
