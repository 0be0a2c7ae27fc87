"""An agent on a published site, in virtual time, with an endpoint that can be switched off."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from dlcore.agent.policy import AgentPolicy
from dlcore.agent.service import AgentService
from dlcore.engine.client import Client
from dlcore.errors import Fault, TransferError
from dlcore.model import EndpointKind, Manifest
from dlcore.transfer import Endpoint, Placement
from dlcore.transfer.interface import Sink
from tests.engine.machine import EXTRA, OS, TOOLS, TREES
from tests.engine.scene import deployment

__all__ = ["EXTRA", "OS", "TOOLS", "TREES", "Served", "Switch", "opened", "served"]


class Switch:
    """What a test does to the network, and what went over it.

    Attributes:
        is_down: Whether nothing can be reached.
        latency_s: Before each answer.
        asked: Package ids of the ranges that were read.
        read: The ranges: package and object, start, end.
        documents: Keys of the documents that were read.
    """

    def __init__(self) -> None:
        self.is_down = False
        self.latency_s = 0.5
        self.asked: list[str] = []
        self.read: list[tuple[str, int, int]] = []
        self.documents: list[str] = []

    async def pass_through(self) -> None:
        await asyncio.sleep(self.latency_s)
        if self.is_down:
            raise TransferError("no route", fault=Fault.CONNECT, endpoint="disk")


class SwitchedEndpoint:
    """An endpoint behind a `Switch`."""

    def __init__(self, endpoint: Endpoint, switch: Switch) -> None:
        self._endpoint = endpoint
        self._switch = switch

    @property
    def name(self) -> str:
        return self._endpoint.name

    @property
    def kind(self) -> EndpointKind:
        return self._endpoint.kind

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        await self._switch.pass_through()
        self._switch.documents.append(key)
        return await self._endpoint.read_document(key, limit_bytes)

    async def locate(self, manifest: Manifest) -> Placement:
        await self._switch.pass_through()
        found = await self._endpoint.locate(manifest)
        return SwitchedPlacement(found, manifest.package_id, self._switch)

    async def aclose(self) -> None:
        await self._endpoint.aclose()


class SwitchedPlacement:
    def __init__(self, placement: Placement, package_id: str, switch: Switch) -> None:
        self._placement = placement
        self._package_id = package_id
        self._switch = switch

    @property
    def held(self) -> frozenset[int]:
        return frozenset(self._placement.held)

    @property
    def sends_ranges(self) -> bool:
        return self._placement.sends_ranges

    async def read_range(
        self, object_index: int, start: int, end: int, sink: Sink, *, from_beginning: bool = False
    ) -> None:
        await self._switch.pass_through()
        self._switch.asked.append(self._package_id)
        self._switch.read.append((f"{self._package_id}/{object_index}", start, end))
        await self._placement.read_range(
            object_index, start, end, sink, from_beginning=from_beginning
        )


class Served:
    """An agent that runs, and its network."""

    def __init__(self, service: AgentService, client: Client, switch: Switch) -> None:
        self.service = service
        self.client = client
        self.switch = switch

    async def until_ready(self, package_id: str) -> None:
        """Wait for a package without asking for it."""
        while self.service.package(package_id).state != "ready":  # noqa: ASYNC110  # virtual time
            await asyncio.sleep(0.1)


@asynccontextmanager
async def opened(
    root: Path, state: Path, switch: Switch, more: Sequence[str] = ()
) -> AsyncIterator[Client]:
    """A client on a published site behind a switch; the catalog comes from the endpoint."""
    settings = deployment(root, more, catalog_at_endpoint=True)
    async with Client(settings, state, rng=random.Random(1)) as client:
        client.endpoints[:] = [SwitchedEndpoint(each, switch) for each in client.endpoints]
        yield client


@asynccontextmanager
async def served(
    root: Path,
    state: Path,
    switch: Switch | None = None,
    policy: AgentPolicy | None = None,
    more: Sequence[str] = (),
) -> AsyncIterator[Served]:
    """An agent without its API; ``more`` are lines of its settings."""
    switch = switch or Switch()
    async with opened(root, state, switch, more) as client:
        service = AgentService(
            client, version="0", config="here", policy=policy, rng=random.Random(1)
        )
        try:
            await service.start()
            yield Served(service, client, switch)
        finally:
            await service.aclose()
