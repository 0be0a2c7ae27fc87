"""A new version costs its difference: from old files as they are, and by patches; never wrong."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from dlcore.deployment import CatalogSettings, Deployment
from dlcore.engine.client import Client
from dlcore.engine.download import without_fetching
from dlcore.engine.events import (
    Event,
    PackagePatched,
    PackageReady,
)
from dlcore.engine.fetching.fetch import fetch
from dlcore.errors import StorageError
from dlcore.model import EndpointKind, EndpointSettings
from dlcore.publish import publish
from tests.engine.two_versions import (
    FEW,
    ID,
    NEW,
    NEW_BYTES,
    OLD,
    Site,
    delivered,
    first_published,
    held_by_client,
    used_bytes,
)
from tests.publish.helpers import BLOCK, write_tree
from tests.store.helpers import read_back


class Gate:
    """Serves a site; some of its objects only when the test lets it."""

    def __init__(self, folder: Path, held_back: set[str]) -> None:
        self.is_asked, self.is_open = asyncio.Event(), asyncio.Event()
        self._folder, self._held_back = folder, held_back

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Its URL."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        server = TestServer(app)
        async with server:
            yield str(server.make_url("/"))

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = self._folder / request.match_info["path"]
        if path.name in self._held_back:
            self.is_asked.set()
            await self.is_open.wait()
        if not path.is_file():
            return web.Response(status=404)
        data = path.read_bytes()
        if "Range" not in request.headers:
            return web.Response(body=data)
        first, last, _ = request.http_range.indices(len(data))
        content_range = f"bytes {first}-{last - 1}/{len(data)}"
        headers = {"Content-Range": content_range}
        return web.Response(status=206, body=data[first:last], headers=headers)


def served(site: Site, url: str) -> Deployment:
    """The settings of a client of a gate."""
    endpoint = EndpointSettings("site", EndpointKind.HTTP, url)
    catalog = CatalogSettings(path=str(site.folder / "catalog.json"))
    return Deployment(endpoints=(endpoint,), catalog=catalog)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return delivered(tmp_path)


def test_an_older_folder_is_patched(site: Site) -> None:
    heard: list[Event] = []
    fetched = site.fetch(heard.append)
    assert read_back(site.to) == NEW
    assert fetched.bytes_fetched == site.made.patch_bytes < FEW
    assert fetched.bytes_reused == fetched.content_bytes == NEW_BYTES
    (told,) = [event for event in heard if isinstance(event, PackagePatched)]
    assert told.package == ID
    assert 85 * BLOCK < told.patched_bytes < 95 * BLOCK
    assert fetched.bytes_patched == told.patched_bytes
    assert len([event for event in heard if isinstance(event, PackageReady)]) == 1
    assert site.names() == ["records", "site", "to"]


async def test_a_client_patches_the_older_version_in_its_state(tmp_path: Path) -> None:
    site = first_published(tmp_path)
    async with site.client() as client:
        assert read_back(await client.fetch(ID)) == OLD
    made = site.publish(2, "1")
    async with site.client() as client:
        assert read_back(await client.fetch(ID)) == NEW
        downloads = (await client.content()).downloads
        assert downloads.meter.received_bytes == {ID: made.patch_bytes}
        assert downloads.reused_bytes == NEW_BYTES
        assert list(downloads.progress().packages) == []
    space = tmp_path / "state" / "patches"
    assert [path.name for path in space.glob("*/*")] == []


@pytest.mark.posix_only(reason="Windows deletes no file that is open")
async def test_patches_that_cannot_be_written_are_a_hint_lost(tmp_path: Path) -> None:
    """Fault: the disk fails where patches are kept, and nowhere else. dlcore fetches the blocks."""
    site = await held_by_client(tmp_path)
    gate = Gate(site.folder, {path.name for path in site.objects()})
    async with gate.serving() as url, Client(served(site, url), tmp_path / "state") as client:
        fetched = asyncio.ensure_future(client.fetch(ID))
        await gate.is_asked.wait()
        (partial,) = (tmp_path / "state" / "patches" / "partial").iterdir()
        shutil.rmtree(partial)
        gate.is_open.set()
        assert read_back(await fetched) == NEW


async def test_another_package_that_comes_meanwhile_ends_nothing(tmp_path: Path) -> None:
    """Fault: a package is finished while patches of another are fetched. Both are complete."""
    write_tree(tmp_path / "other", other := {"other.bin": NEW["large.dll"]})
    site = await held_by_client(tmp_path)
    to = str(site.folder)
    publish(tmp_path / "other", package_id="ABC00099", version=1, destination=to, block_bytes=BLOCK)
    gate = Gate(site.folder, {path.name for path in site.objects()})
    async with gate.serving() as url, Client(served(site, url), tmp_path / "state") as client:
        patched = asyncio.ensure_future(client.fetch(ID))
        await gate.is_asked.wait()
        assert read_back(await client.fetch("ABC00099")) == other
        gate.is_open.set()
        assert read_back(await patched) == NEW
        downloads = (await client.content()).downloads
        fetched_bytes = downloads.meter.received_bytes["ABC00099"]
        assert downloads.reused_bytes == NEW_BYTES + len(NEW["large.dll"]) - fetched_bytes


def test_without_a_patch_list_what_is_the_same_is_kept(site: Site) -> None:
    site.patches.unlink()
    fetched = site.fetch()
    assert read_back(site.to) == NEW
    assert 80 * BLOCK < used_bytes(fetched) < 125 * BLOCK


def test_patches_that_were_fetched_are_not_fetched_again(site: Site) -> None:
    """A call that is broken off while patches are applied goes on with them."""

    async def broken_off() -> None:
        task = asyncio.ensure_future(
            fetch(
                ID,
                to=site.to,
                endpoints=[str(site.folder)],
                catalog=site.folder / "catalog.json",
                deliveries=site.root / "records",
            )
        )
        state = site.root / ".to.dlcore" / "patches"
        while not list(state.glob("packages/*")) and not task.done():  # noqa: ASYNC110
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(broken_off())
    assert read_back(site.to) == OLD
    for path in site.objects():
        path.unlink()
    fetched = site.fetch()
    assert read_back(site.to) == NEW
    assert fetched.bytes_fetched == 0


async def test_patches_that_were_left_go_when_their_package_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: dlcore is killed while patches are applied. They are deleted all the same."""
    site = await held_by_client(tmp_path)

    def die(*_: object) -> None:
        raise StorageError("the process was killed")

    with monkeypatch.context() as killed:
        killed.setattr(without_fetching, "_apply_all", die)
        async with site.client() as client:
            with pytest.raises(StorageError, match="killed"):
                await client.fetch(ID)
    space = tmp_path / "state" / "patches"
    assert len(list(space.glob("packages/*"))) == 1
    site.patches.unlink()
    async with site.client() as client:
        assert read_back(await client.fetch(ID)) == NEW
    assert not list(space.glob("*/*"))


def test_without_the_library_what_only_moved_is_still_kept(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(without_fetching, "is_installed", lambda _: False)
    fetched = site.fetch()
    assert read_back(site.to) == NEW
    assert 30 * BLOCK < used_bytes(fetched) < 75 * BLOCK


def test_a_first_fetch_asks_for_no_patches(site: Site) -> None:
    shutil.rmtree(site.to)
    site.patches.write_bytes(b"this would be told in the log")
    fetched = site.fetch()
    assert (used_bytes(fetched), fetched.bytes_reused) == (NEW_BYTES, 0)
