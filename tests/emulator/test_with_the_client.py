"""Both sides of the documented protocols meet: what the emulator serves, the endpoints read."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from dlcore.emulator import Emulator
from dlcore.manifest import MAX_CATALOG_BYTES
from dlcore.model import CATALOG_KEY, EndpointKind, EndpointSettings
from dlcore.transfer.endpoints.factory import open_endpoint
from dlcore.transfer.interface import Endpoint
from tests.emulator.helpers import Sample, Time


class Whole:
    """A sink that keeps everything."""

    def __init__(self, length: int) -> None:
        self.data = bytearray(length)
        self._at = 0

    def buffer(self) -> memoryview:
        return memoryview(self.data)[self._at :]

    def advance(self, count: int) -> bool:
        self._at += count
        return True

    def dropped(self, count: int) -> bool:
        return True

    async def ready(self) -> None: ...


@pytest.fixture(params=[EndpointKind.CMG, EndpointKind.CLOUD_DP, EndpointKind.DP])
async def endpoint(request: pytest.FixtureRequest, emulator: Emulator) -> AsyncIterator[Endpoint]:
    settings = EndpointSettings(
        name="here",
        kind=request.param,
        url=emulator.url,
        ca_file=str(emulator.ca_file),
        token_file=str(emulator.registration_token_file),
    )
    if request.param is EndpointKind.DP:
        settings = EndpointSettings(name="here", kind=request.param, url=emulator.dp_url)
    endpoint = open_endpoint(settings)
    yield endpoint
    await endpoint.aclose()


async def test_every_object_is_held_and_read_as_published(
    endpoint: Endpoint, sample: Sample
) -> None:
    placement = await endpoint.locate(sample.manifest)
    assert placement.held == {0, 1}
    for index, one in enumerate(sample.manifest.objects):
        sink = Whole(one.length_bytes)
        await placement.read_range(index, 0, one.length_bytes, sink)
        assert sink.data == (sample.folder / "objects" / one.name).read_bytes()


@pytest.mark.parametrize("endpoint", [EndpointKind.CMG, EndpointKind.CLOUD_DP], indirect=True)
async def test_the_catalog_is_read_as_published(endpoint: Endpoint, sample: Sample) -> None:
    document = await endpoint.read_document(CATALOG_KEY, MAX_CATALOG_BYTES)
    assert document == (sample.folder / CATALOG_KEY).read_bytes()


async def test_what_has_expired_is_renewed(
    running: tuple[Emulator, object], sample: Sample, time: Time
) -> None:
    """Fault: the access token and the locations have expired. dlcore gets others, and goes on."""
    emulator, _ = running
    settings = EndpointSettings(
        name="here",
        kind=EndpointKind.CMG,
        url=emulator.url,
        ca_file=str(emulator.ca_file),
        token_file=str(emulator.registration_token_file),
    )
    endpoint = open_endpoint(settings)
    placement = await endpoint.locate(sample.manifest)
    time.now_s += 24 * 3600
    sink = Whole(sample.large.length_bytes)
    await placement.read_range(1, 0, sample.large.length_bytes, sink)
    assert sink.data == (sample.folder / "objects" / sample.large.name).read_bytes()
    await endpoint.aclose()
    counts = emulator.counters.snapshot()
    assert (counts.tokens_issued, counts.locations_issued) == (2, 2)
    assert set(counts.refused) == {401, 403}
