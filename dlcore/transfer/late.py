"""A web server that can be asked before what speaks HTTP is imported.

Guarantees: is an endpoint as any other; the first ranges are asked for ahead (`ahead`), and what
reads their answers is imported meanwhile, in a thread. When those answers begin is told in time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager

from dlcore.model import EndpointKind, Manifest
from dlcore.transfer.ahead import EarlyRequests
from dlcore.transfer.asking import object_url, range_header
from dlcore.transfer.interface import Endpoint, Placement, Sink
from dlcore.transfer.placement import everything
from dlcore.transfer.urls import exact_url


class LateEndpoint:
    """Stands for an endpoint of the published layout until that is there.

    Args:
        name: Name of the endpoint.
        base_url: Where the layout is, over plain HTTP.
        requests: Asks ahead.
        make: Makes the endpoint; called once, in a thread.
    """

    kind = EndpointKind.HTTP

    def __init__(
        self,
        name: str,
        base_url: str,
        requests: EarlyRequests,
        make: Callable[[], Endpoint],
    ) -> None:
        self.name = name
        self.base_url = base_url
        self.requests = requests
        self._make = make
        self._importing: asyncio.Future[Endpoint] | None = None

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        """See `dlcore.transfer.interface.Endpoint.read_document`."""
        endpoint = await self.imported()
        return await endpoint.read_document(key, limit_bytes)

    async def locate(self, manifest: Manifest) -> Placement:
        """Every object; one that is missing is ``NOT_FOUND`` when it is read."""
        return _LatePlacement(self, manifest)

    @property
    def is_imported(self) -> bool:
        """Whether nothing need be asked ahead any more."""
        return self._importing is not None and self._importing.done()

    async def imported(self) -> Endpoint:
        """The endpoint itself."""
        if self._importing is None:
            # A task: whoever is about to ask does so before the import takes the interpreter.
            self._importing = asyncio.ensure_future(self._import())
        return await asyncio.shield(self._importing)

    async def _import(self) -> Endpoint:
        return await asyncio.get_running_loop().run_in_executor(None, self._load)

    def _load(self) -> Endpoint:
        self.requests.load(["dlcore.transfer.http"])
        return self._make()

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        if self._importing:
            endpoint = await self._importing
            await endpoint.aclose()


class _LatePlacement:
    def __init__(self, endpoint: LateEndpoint, manifest: Manifest) -> None:
        self.held = everything(len(manifest.objects))
        self._endpoint = endpoint
        self._manifest = manifest
        self._placement: Placement | None = None

    async def read_range(self, object_index: int, start: int, end: int, sink: Sink) -> None:
        """See `dlcore.transfer.interface.Placement.read_range`."""
        with contextlib.ExitStack() as asked:
            if not self._endpoint.is_imported:
                asked.enter_context(self._asked(object_index, start, end, sink))
            placement = self._placement or await self._located()
            await placement.read_range(object_index, start, end, sink)

    def _asked(
        self, object_index: int, start: int, end: int, sink: Sink
    ) -> AbstractContextManager[None]:
        name = self._manifest.objects[object_index].name
        url = exact_url(object_url(self._endpoint.base_url, name))
        return self._endpoint.requests.asked(url, range_header(start, end), lambda: sink.advance(0))

    async def _located(self) -> Placement:
        endpoint = await self._endpoint.imported()
        self._placement = await endpoint.locate(self._manifest)
        return self._placement
