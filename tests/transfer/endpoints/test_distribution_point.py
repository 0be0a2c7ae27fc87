"""A distribution point: what it holds follows from its listing, folder by folder."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

import pytest
from aiohttp import web

from dlcore.errors import Fault, TransferError
from dlcore.model import EndpointKind, EndpointSettings
from dlcore.transfer import Endpoint, open_endpoint
from tests.transfer.endpoints.test_propfind import listing
from tests.transfer.packages import MISSING, PACKAGE_ID, Package
from tests.transfer.sinks import Collector

FOLDER = "/SMS_DP_SMSPKG$"


@dataclass
class FakePoint:
    """Lists and serves ``files``; listings can be replaced.

    Attributes:
        together: So many files are served at once, and none before all are asked for.
        most: How many were asked for at once.
    """

    files: dict[str, bytes]
    listings: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    together: int = 1
    most: int = 0
    _at_once: int = 0
    _all_here: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.raw_path}")
        target = unquote(request.raw_path.replace("sccm?/", "", 1))
        path = target.removeprefix(f"{FOLDER}/{PACKAGE_ID}").strip("/")
        if request.method == "PROPFIND":
            assert request.headers["Depth"] == "1"
            return web.Response(status=207, body=self.listings.get(path) or self.listed(path))
        self._at_once += 1
        self.most = max(self.most, self._at_once)
        if self._at_once == self.together:
            self._all_here.set()
        await self._all_here.wait()
        for _ in range(100):  # turns of the loop, in which others may come
            await asyncio.sleep(0)
        self._at_once -= 1
        data = self.files[path]
        start, end = request.http_range.start, request.http_range.stop
        return web.Response(
            status=206,
            body=data[start:end],
            headers={"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"},
        )

    def listed(self, folder: str) -> bytes:
        prefix = f"{folder}/" if folder else ""
        inside = [path.removeprefix(prefix) for path in self.files if path.startswith(prefix)]
        folders = sorted({path.split("/")[0] for path in inside if "/" in path})
        root = f"http://dp{FOLDER}/{PACKAGE_ID}/sccm?"
        return listing(
            (f"http://dp{FOLDER}/sccm?/{PACKAGE_ID}/", 1, "0"),
            *((f"{root}/{quote(prefix + name)}/", 1, "0") for name in folders),
            *(
                (f"{root}/{quote(prefix + path)}", 0, str(len(self.files[prefix + path])))
                for path in inside
                if "/" not in path
            ),
        )


@pytest.fixture
def point(package: Package) -> FakePoint:
    files = {}
    for file in package.manifest.files:
        data = package.contents[file.object] if file.length_bytes else b""
        files[file.path] = data[file.offset_bytes : file.offset_bytes + file.length_bytes]
    return FakePoint(files)


@contextlib.asynccontextmanager
async def served(point: FakePoint, *, connections: int = 256) -> AsyncIterator[Endpoint]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", point.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}{FOLDER}"
    endpoint = open_endpoint(EndpointSettings("dp", EndpointKind.DP, url, connections=connections))
    try:
        yield endpoint
    finally:
        await endpoint.aclose()
        await runner.cleanup()


async def test_links_are_asked_for_as_they_are_spelled(point: FakePoint, package: Package) -> None:
    async with served(point) as endpoint:
        placement = await endpoint.locate(package.manifest)
        assert placement.held == set(range(len(package.contents)))
        end = len(package.contents[0])
        await placement.read_range(0, 0, end, Collector(end))
    assert point.asked[0] == f"PROPFIND {FOLDER}/{PACKAGE_ID}"
    wanted = next(file for file in package.manifest.files if file.path.startswith("Ä"))
    assert f"GET {FOLDER}/{PACKAGE_ID}/sccm?/{quote(wanted.path)}" in point.asked


async def test_a_packed_object_is_read_as_the_sequence_of_its_files(
    point: FakePoint, package: Package
) -> None:
    data = package.contents[0]
    async with served(point) as endpoint:
        placement = await endpoint.locate(package.manifest)
        point.asked.clear()
        sink = Collector(len(data) - 10, buffer_bytes=64)
        await placement.read_range(0, 0, len(data) - 10, sink)
    assert sink.received == data[:-10]
    packed = [f for f in package.manifest.files if f.object == 0]
    assert len(point.asked) == len(packed)


async def test_the_files_of_a_packed_object_are_asked_for_side_by_side(
    point: FakePoint, package: Package
) -> None:
    packed = {f.path for f in package.manifest.files if f.object == 0}
    point.together = len(packed)
    data = package.contents[0]
    sink = Collector(len(data), buffer_bytes=64)
    async with served(point) as endpoint, asyncio.timeout(10):
        placement = await endpoint.locate(package.manifest)
        await placement.read_range(0, 0, len(data), sink)  # hangs if one waits for another
    assert sink.received == data


async def test_no_more_files_are_asked_for_at_once_than_connections_are_allowed(
    point: FakePoint, package: Package
) -> None:
    data = package.contents[0]
    sink = Collector(len(data), buffer_bytes=64)
    async with served(point, connections=2) as endpoint:
        placement = await endpoint.locate(package.manifest)
        await placement.read_range(0, 0, len(data), sink)
    assert sink.received == data
    assert point.most == 2


@pytest.mark.parametrize("path", ["a/b/c.inf", "a/web.config"])
async def test_an_object_with_a_missing_file_is_not_held(
    point: FakePoint, package: Package, path: str
) -> None:
    del point.files[path]
    async with served(point) as endpoint:
        placement = await endpoint.locate(package.manifest)
    assert placement.held == set(range(1, len(package.contents)))


async def test_an_object_with_a_file_of_another_length_is_not_held(
    point: FakePoint, package: Package
) -> None:
    point.files["large.wim"] += b"!"
    async with served(point) as endpoint:
        placement = await endpoint.locate(package.manifest)
    large = package.index_of("large.wim")
    assert placement.held == set(range(len(package.contents))) - {large}


async def test_a_point_without_any_object_names_the_first_missing_file(
    point: FakePoint, package: Package
) -> None:
    point.files = {"z/empty.txt": b""}
    async with served(point) as endpoint:
        with pytest.raises(TransferError, match=r"has no a/b/c\.inf") as caught:
            await endpoint.locate(package.manifest)
    assert caught.value.fault is Fault.NOT_FOUND


async def test_a_file_that_changed_since_the_listing_is_a_range_fault(
    point: FakePoint, package: Package
) -> None:
    """Fault H10: a file is replaced while it is fetched. dlcore refuses its ranges and asks
    elsewhere.
    """
    index = package.index_of(MISSING)
    async with served(point) as endpoint:
        placement = await endpoint.locate(package.manifest)
        point.files[MISSING] += b"!"
        with pytest.raises(TransferError) as caught:
            await placement.read_range(index, 0, 100, Collector(100))
    assert caught.value.fault is Fault.RANGE


async def test_names_are_found_whatever_their_case(point: FakePoint, package: Package) -> None:
    point.files["LARGE.Wim"] = point.files.pop("large.wim")
    index = package.index_of("large.wim")
    sink = Collector(100)
    async with served(point) as endpoint:
        placement = await endpoint.locate(package.manifest)
        await placement.read_range(index, 0, 100, sink)
    assert sink.received == package.contents[index][:100]


async def test_a_listing_that_leads_out_of_the_package_is_refused(
    point: FakePoint, package: Package
) -> None:
    point.listings[""] = listing((f"{FOLDER}/{PACKAGE_ID}/sccm?/../../secret", 0, "1"))
    async with served(point) as endpoint:
        with pytest.raises(TransferError, match="not a plain path") as caught:
            await endpoint.locate(package.manifest)
    assert caught.value.fault is Fault.REFUSED


async def test_a_listing_that_goes_in_circles_ends(point: FakePoint, package: Package) -> None:
    circle = listing((f"{FOLDER}/{PACKAGE_ID}/sccm?/a/", 1, "0"))
    point.listings = dict.fromkeys(["", "a", "a/b"], circle)
    async with served(point) as endpoint:
        with pytest.raises(TransferError):
            await endpoint.locate(package.manifest)
    assert len(point.asked) == 2


async def test_only_folders_that_the_package_needs_are_listed(
    point: FakePoint, package: Package
) -> None:
    point.files["extra/deep/file"] = b"x"
    async with served(point) as endpoint:
        await endpoint.locate(package.manifest)
    assert not [asked for asked in point.asked if "extra" in asked]
