"""The contract of every endpoint kind, as tests; `test_conformance` runs them on each source."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dlcore.errors import Fault, TransferError
from dlcore.model import CATALOG_KEY, EndpointKind, manifest_key
from dlcore.transfer import Endpoint, open_endpoint
from tests.transfer.conftest import Source
from tests.transfer.packages import BLOCK_BYTES, MISSING, Package
from tests.transfer.sinks import Collector

WITHOUT_CATALOG = {EndpointKind.DP, EndpointKind.CONTENT_LIBRARY}


@contextlib.asynccontextmanager
async def opened(source: Source) -> AsyncIterator[Endpoint]:
    """The endpoint, while its server runs."""
    async with source() as settings:
        endpoint = open_endpoint(settings)
        try:
            yield endpoint
        finally:
            await endpoint.aclose()


async def read(endpoint: Endpoint, package: Package, index: int, start: int, end: int) -> bytes:
    sink = Collector(end - start)
    placement = await endpoint.locate(package.manifest)
    await placement.read_range(index, start, end, sink)
    return sink.received


class Conformance:
    """The suite; ``source`` gives the endpoint."""

    async def test_it_says_its_name_and_kind(self, source: Source) -> None:
        async with source() as settings:
            endpoint = open_endpoint(settings)
            assert (endpoint.name, endpoint.kind) == (settings.name, settings.kind)
            await endpoint.aclose()

    async def test_every_held_object_reads_as_it_was_published(
        self, source: Source, package: Package
    ) -> None:
        async with opened(source) as endpoint:
            placement = await endpoint.locate(package.manifest)
            missing = package.index_of(MISSING)
            assert placement.held >= set(range(len(package.contents))) - {missing}
            for index in placement.held - {missing}:
                sink = Collector(len(package.contents[index]))
                await placement.read_range(index, 0, len(package.contents[index]), sink)
                assert sink.received == package.contents[index]

    async def test_random_ranges_are_exact(self, source: Source, package: Package) -> None:
        chance = random.Random(20)
        async with opened(source) as endpoint:
            placement = await endpoint.locate(package.manifest)
            for _ in range(25):
                index = chance.choice(sorted(placement.held - {package.index_of(MISSING)}))
                data = package.contents[index]
                start = chance.randrange(len(data))
                end = chance.randrange(start, min(len(data), start + 100_000)) + 1
                sink = Collector(end - start, buffer_bytes=chance.randrange(1, 20_000))
                await placement.read_range(index, start, end, sink)
                assert sink.received == data[start:end], (index, start, end)

    @pytest.mark.parametrize(
        "edge", ["first byte", "last byte", "last block", "whole but first", "whole but last"]
    )
    async def test_edges_are_exact(self, source: Source, package: Package, edge: str) -> None:
        index = package.index_of("a/exact.bin")
        data = package.contents[index]
        start, end = {
            "first byte": (0, 1),
            "last byte": (len(data) - 1, len(data)),
            "last block": (len(data) - BLOCK_BYTES, len(data)),
            "whole but first": (1, len(data)),
            "whole but last": (0, len(data) - 1),
        }[edge]
        async with opened(source) as endpoint:
            assert await read(endpoint, package, index, start, end) == data[start:end]

    async def test_a_missing_object_is_not_found_and_the_others_are_not_hurt(
        self, source: Source, package: Package
    ) -> None:
        missing = package.index_of(MISSING)
        async with opened(source) as endpoint:
            placement = await endpoint.locate(package.manifest)
            if missing in placement.held:
                sink = Collector(5000)
                with pytest.raises(TransferError) as caught:
                    await placement.read_range(missing, 0, 5000, sink)
                assert caught.value.fault is Fault.NOT_FOUND
                assert caught.value.endpoint == endpoint.name
                assert sink.received == b""
            first = package.contents[0][:10]
            assert await read(endpoint, package, 0, 0, len(first)) == first

    async def test_documents_are_read_whole(self, source: Source, package: Package) -> None:
        async with opened(source) as endpoint:
            for key, document in package.documents().items():
                if endpoint.kind in WITHOUT_CATALOG:
                    with pytest.raises(TransferError) as caught:
                        await endpoint.read_document(key, len(document))
                    assert caught.value.fault is Fault.NOT_FOUND
                else:
                    assert await endpoint.read_document(key, len(document)) == document

    async def test_a_document_over_the_limit_is_refused(self, source: Source) -> None:
        async with opened(source) as endpoint:
            with pytest.raises(TransferError) as caught:
                await endpoint.read_document(CATALOG_KEY, 10)
            assert caught.value.fault in {Fault.RANGE, Fault.NOT_FOUND}
            assert (caught.value.fault is Fault.NOT_FOUND) == (endpoint.kind in WITHOUT_CATALOG)

    async def test_a_document_that_is_not_there_is_not_found(self, source: Source) -> None:
        async with opened(source) as endpoint:
            with pytest.raises(TransferError) as caught:
                await endpoint.read_document(manifest_key(hashlib.sha256().hexdigest()), 1000)
            assert caught.value.fault is Fault.NOT_FOUND

    async def test_a_read_that_was_cancelled_midway_leaves_the_endpoint_usable(
        self, source: Source, package: Package
    ) -> None:
        index = package.index_of("large.wim")
        data = package.contents[index]
        async with opened(source) as endpoint:
            placement = await endpoint.locate(package.manifest)
            for _ in range(6):  # more often than there are connections
                sink = Collector(len(data), gate=asyncio.Event())
                reading = asyncio.ensure_future(placement.read_range(index, 0, len(data), sink))
                await sink.waiting.wait()
                reading.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await reading
                assert sink.received == data[: sink.filled_bytes]
            assert await read(endpoint, package, index, 5, 90_000) == data[5:90_000]

    async def test_many_ranges_at_once_are_exact(self, source: Source, package: Package) -> None:
        index = package.index_of("large.wim")
        data = package.contents[index]
        bounds = [*range(0, len(data), 100_000), len(data)]
        async with opened(source) as endpoint:
            placement = await endpoint.locate(package.manifest)
            sinks = [Collector(end - start) for start, end in itertools.pairwise(bounds)]
            await asyncio.gather(
                *(
                    placement.read_range(index, start, start + len(sink.data), sink)
                    for start, sink in zip(bounds, sinks, strict=False)
                )
            )
            assert b"".join(sink.received for sink in sinks) == data

    async def test_a_slow_sink_holds_the_reader_back(
        self, source: Source, package: Package
    ) -> None:
        index = package.index_of("large.wim")
        data = package.contents[index]
        gate = asyncio.Event()
        async with opened(source) as endpoint:
            placement = await endpoint.locate(package.manifest)
            sink = Collector(len(data), buffer_bytes=10_000, gate=gate)
            reading = asyncio.ensure_future(placement.read_range(index, 0, len(data), sink))
            await sink.waiting.wait()
            for _ in range(50):
                await asyncio.sleep(0)
            assert sink.filled_bytes == 10_000
            gate.set()
            await reading
            assert sink.received == data
            assert sink.waits == len(data) // 10_000

    @pytest.mark.posix_only(reason="open sockets are told by /proc")
    async def test_closing_leaves_no_socket_and_no_task(
        self, source: Source, package: Package
    ) -> None:
        index = package.index_of("large.wim")
        async with source() as settings:
            sockets, tasks = _open_sockets(), len(asyncio.all_tasks())
            endpoint = open_endpoint(settings)
            await read(endpoint, package, index, 0, 200_000)
            await endpoint.aclose()
            await endpoint.aclose()
            async with asyncio.timeout(10):  # the server's side notices on its own time
                # Nothing tells when a socket of the server is closed.
                while _open_sockets() > sockets or len(asyncio.all_tasks()) > tasks:  # noqa: ASYNC110
                    await asyncio.sleep(0)


def _open_sockets() -> int:
    count = 0
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            count += str(link.readlink()).startswith("socket:")
    return count
