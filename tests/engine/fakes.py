"""Endpoints with a will of their own, packages to serve, and everything between them and a step."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from dlcore import manifest as documents
from dlcore.engine.download.allowed import AllowedEndpoints
from dlcore.engine.download.downloads import Downloads, MakeScheduler
from dlcore.engine.download.package_index import PackageIndex
from dlcore.engine.download.packages import Retry
from dlcore.engine.events import Event
from dlcore.engine.listeners.bus import EventBus
from dlcore.engine.package_provider import PackageProvider
from dlcore.errors import Fault, TransferError
from dlcore.model import Catalog, CatalogEntry, EndpointKind, Manifest
from dlcore.schedule import DeadlineScheduler, Policy, Terms
from dlcore.store import Store
from dlcore.transfer.interface import Endpoint, Sink
from tests.store.helpers import FILES, Package, make_package, read_back

STRIDE_BYTES = 3000  # not a divisor of any block


class Asked(NamedTuple):
    """A request for a range; ``number`` counts an endpoint's requests from 0.

    ``from_beginning`` says that what comes before the range may be sent, too.
    """

    number: int
    package: str
    object: int
    start: int
    end: int
    from_beginning: bool = False


class Reply(NamedTuple):
    """What becomes of a request.

    Attributes:
        fault: How it fails; None if it does not.
        after_bytes: How many bytes are delivered before that.
        retry_after_s: What the endpoint asks for then.
        flips: Bytes of the object that are delivered wrong.
        surplus_bytes: How many bytes come first that are not of the range.
    """

    fault: Fault | None = None
    after_bytes: int = 0
    retry_after_s: float | None = None
    flips: frozenset[int] = frozenset()
    surplus_bytes: int = 0


GOOD = Reply()


class FakeEndpoint:
    """Serves packages from memory, the way its script says.

    Args:
        name: Of the endpoint.
        packages: What it holds.
        script: Decides over each request.
        latency_s: Before the first byte of any answer.
        rate_bytes_per_s: Of each connection.
    """

    kind = EndpointKind.HTTP

    def __init__(
        self,
        name: str,
        packages: Mapping[str, Package],
        script: Callable[[Asked], Reply] = lambda asked: GOOD,
        *,
        latency_s: float = 0.05,
        rate_bytes_per_s: float = 1e6,
    ) -> None:
        self.name = name
        self.packages = packages
        self.script = script
        self.latency_s = latency_s
        self.rate_bytes_per_s = rate_bytes_per_s
        self.locate_fault: Fault | None = None
        self.sends_ranges = True
        self.asked: list[Asked] = []
        self.delivered_bytes = 0

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        await asyncio.sleep(self.latency_s)
        for package in self.packages.values():
            if key == f"manifests/{package.digest}.json":
                return package.document
        raise self.error(Fault.NOT_FOUND)

    async def locate(self, manifest: Manifest) -> FakePlacement:
        await asyncio.sleep(self.latency_s)
        if self.locate_fault:
            raise self.error(self.locate_fault)
        if manifest.package_id not in self.packages:
            raise self.error(Fault.NOT_FOUND)
        return FakePlacement(self, self.packages[manifest.package_id])

    async def aclose(self) -> None:
        """Nothing is open."""

    def error(self, fault: Fault, retry_after_s: float | None = None) -> TransferError:
        return TransferError(
            f"no luck: {fault}", fault=fault, endpoint=self.name, retry_after_s=retry_after_s
        )


class FakePlacement:
    """A package at a `FakeEndpoint`."""

    def __init__(self, endpoint: FakeEndpoint, package: Package) -> None:
        self._endpoint = endpoint
        self._package = package
        self.held = frozenset(range(len(package.objects)))
        self.sends_ranges = endpoint.sends_ranges

    async def read_range(
        self, object_index: int, start: int, end: int, sink: Sink, *, from_beginning: bool = False
    ) -> None:
        endpoint = self._endpoint
        number = len(endpoint.asked)
        package_id = self._package.manifest.package_id
        asked = Asked(number, package_id, object_index, start, end, from_beginning)
        endpoint.asked.append(asked)
        reply = endpoint.script(asked)
        await asyncio.sleep(endpoint.latency_s)
        stop = min(end, start + reply.after_bytes) if reply.fault else end
        data = bytearray(self._package.objects[object_index][start:stop])
        for at in reply.flips:
            if start <= at < stop:
                data[at - start] ^= 1
        if reply.surplus_bytes:
            sink.dropped(reply.surplus_bytes)
            endpoint.delivered_bytes += reply.surplus_bytes
        await self._deliver(bytes(data), sink)
        if reply.fault:
            raise endpoint.error(reply.fault, reply.retry_after_s)

    async def _deliver(self, data: bytes, sink: Sink) -> None:
        is_free = True
        while data:
            if not is_free:
                await sink.ready()
            count = min(len(sink.buffer()), len(data), STRIDE_BYTES)
            await asyncio.sleep(count / self._endpoint.rate_bytes_per_s)
            sink.buffer()[:count] = data[:count]
            is_free = sink.advance(count)
            self._endpoint.delivered_bytes += count
            data = data[count:]


def package(
    package_id: str,
    sizes: dict[str, int] = FILES,
    *,
    whole: bool = False,
    block_bytes: int = 4096,
) -> Package:
    """A package of random files, of small blocks."""
    made = make_package(sizes, seed=int(package_id[3:], 16), whole=whole, block_bytes=block_bytes)
    objects = tuple(
        msgspec.structs.replace(
            item, name=documents.object_name(item.length_bytes, block_bytes, item.digests)
        )
        if item.digests
        else item
        for item in made.manifest.objects
    )
    manifest = msgspec.structs.replace(made.manifest, package_id=package_id, objects=objects)
    return made._replace(manifest=manifest, document=documents.encode(manifest))


class Recorder(EventBus):
    """Remembers every event."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)
        super().emit(event)

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if type(event) is kind]


@asynccontextmanager
async def opened(
    state: Path | AbstractContextManager[Store],
    packages: Mapping[str, Package],
    endpoints: Sequence[Endpoint],
    *,
    connections: int = 2,
    retry: Retry | None = None,
    bus: EventBus | None = None,
    memory_bytes: int = Policy().memory_bytes,
    make_scheduler: MakeScheduler = DeadlineScheduler,
    allowed: AllowedEndpoints | None = None,
) -> AsyncIterator[PackageProvider]:
    """Everything that fetches packages, over fake endpoints; into a state directory or a store."""
    catalog = Catalog(1, {name: entry_of(item) for name, item in packages.items()})
    bus = bus or EventBus()
    with Store.open(state) if isinstance(state, Path) else state as store:
        store.use_cache()
        package_index = PackageIndex(catalog, endpoints, store, tell=bus.emit, allowed=allowed)
        downloads = Downloads(
            {endpoint.name: Terms(connections) for endpoint in endpoints},
            package_index.locate,
            bus,
            random.Random(1),
            memory_bytes=memory_bytes,
            make_scheduler=make_scheduler,
            allowed=allowed,
        )
        downloads.set_retry(retry or Retry())
        content = PackageProvider(package_index, downloads, store)
        try:
            yield content
        finally:
            await content.aclose()


def entry_of(item: Package) -> CatalogEntry:
    return CatalogEntry(
        item.manifest.version,
        hashlib.sha256(item.document).hexdigest(),
        len(item.document),
        item.manifest.content_bytes,
    )


async def fetch(
    state: Path,
    packages: Mapping[str, Package],
    endpoints: Sequence[Endpoint],
    *,
    connections: int = 2,
    retry: Retry | None = None,
    bus: EventBus | None = None,
    memory_bytes: int = Policy().memory_bytes,
    make_scheduler: MakeScheduler = DeadlineScheduler,
) -> None:
    """Fetch all packages in order, and compare every file."""
    async with opened(
        state,
        packages,
        endpoints,
        connections=connections,
        retry=retry,
        bus=bus,
        memory_bytes=memory_bytes,
        make_scheduler=make_scheduler,
    ) as content:
        content.order(list(packages))
        for name, item in packages.items():
            assert read_back(await content.path(name)) == item.contents
