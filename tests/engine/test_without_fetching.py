"""A new version costs its difference: from old files as they are, and by patches; never wrong."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from dlcore.deployment import CatalogSettings, Deployment
from dlcore.engine.client import Client
from dlcore.engine.download import without_fetching
from dlcore.engine.download.package import PackageDownload
from dlcore.engine.events import (
    DownloadRetried,
    Event,
    PackageFailed,
    PackagePatched,
    PackageReady,
)
from dlcore.engine.fetching.fetch import fetch
from dlcore.engine.fetching.fetch_into import Fetched
from dlcore.errors import StorageError
from dlcore.model import EndpointKind, EndpointSettings, patch_list_key
from dlcore.patches import (
    DEFAULT_POLICY,
    OldFile,
    Patch,
    PatchList,
    codec,
    decode_patch_list,
    encode_patch_list,
    make,
    name_of,
)
from dlcore.publish import Published, publish
from dlcore.store import Store
from dlcore.store.old_files import read_old_file
from dlcore.store.patch_space import PatchSpace
from tests.publish.helpers import BLOCK, content, write_tree
from tests.store.helpers import BLOCK_BYTES, fill, make_package, read_back

ID = "ABC00012"
LARGE, OTHER = content(60 * BLOCK), content(50 * BLOCK)
OLD = {
    "large.dll": LARGE,
    "moved.dll": OTHER,
    "same.dll": content(40 * BLOCK),
    **{f"inf/{n:02}.inf": content(700, n) for n in range(20)},
}
NEW = {
    **{path: data for path, data in OLD.items() if path != "moved.dll"},
    "large.dll": LARGE[:90_000] + b"new" + LARGE[90_100:],
    "sub/moved too.dll": OTHER,
    "inf/07.inf": content(700, 7)[:100] + b"new",
    "inf/added.inf": b"; comment\n" * 40,
}
NEW_BYTES = sum(map(len, NEW.values()))
FEW = 2_000  # bytes of patches


class Versions(NamedTuple):
    """A site before and after the newer version of a package was published; nobody changes them."""

    root: Path
    made: Published

    @property
    def before(self) -> Path:
        return self.root / "before"

    @property
    def after(self) -> Path:
        return self.root / "after"


class Site(NamedTuple):
    """A site of the test's own, which has the newer version, and places beside it."""

    root: Path
    made: Published

    @property
    def folder(self) -> Path:
        return self.root / "site"

    @property
    def to(self) -> Path:
        return self.root / "to"

    @property
    def patches(self) -> Path:
        return self.folder / patch_list_key(self.made.manifest)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.root.iterdir())

    def listed(self) -> PatchList:
        return decode_patch_list(self.patches.read_bytes(), source="site")

    def relist(self, listed: PatchList) -> None:
        self.patches.write_bytes(encode_patch_list(listed))

    def objects(self) -> list[Path]:
        return [self.folder / "objects" / item.name for item in self.listed().objects]

    def fetch(
        self, on_event: Callable[[Event], None] | None = None, folder: Path | None = None
    ) -> Fetched:
        """Fetch the package of this site, or of the one in another folder."""
        source = folder or self.folder
        return asyncio.run(
            fetch(
                ID,
                to=self.to,
                endpoints=[str(source)],
                catalog=source / "catalog.json",
                deliveries=self.root / "records",
                on_event=on_event,
            )
        )

    def client(self, folder: Path | None = None) -> Client:
        """A client of this site, or of the one in another folder."""
        source = folder or self.folder
        endpoint = EndpointSettings("site", EndpointKind.FILE, str(source))
        settings = Deployment(
            endpoints=(endpoint,), catalog=CatalogSettings(path=str(source / "catalog.json"))
        )
        return Client(settings, self.root / "state")


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
        return web.FileResponse(path) if path.is_file() else web.Response(status=404)


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Versions:
    root = tmp_path_factory.mktemp("versions")

    def published(version: int, files: dict[str, bytes], *patch_from: str) -> Published:
        write_tree(root / f"v{version}", files)
        return publish(
            root / f"v{version}",
            package_id=ID,
            version=version,
            destination=str(root / "after"),
            block_bytes=BLOCK,
            patch_from=patch_from,
        )

    published(1, OLD)
    shutil.copytree(root / "after", root / "before")
    return Versions(root, published(2, NEW, "1"))


@pytest.fixture
def undelivered(versions: Versions, tmp_path: Path) -> Site:
    """Nothing is there but the site."""
    shutil.copytree(versions.after, tmp_path / "site")
    return Site(tmp_path, versions.made)


@pytest.fixture
def site(versions: Versions, undelivered: Site) -> Site:
    """The older version is delivered."""
    undelivered.fetch(folder=versions.before)
    return undelivered


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


async def test_a_client_patches_the_older_version_in_its_state(
    versions: Versions, undelivered: Site
) -> None:
    site = undelivered
    async with site.client(versions.before) as client:
        assert read_back(await client.fetch(ID)) == OLD
    async with site.client() as client:
        assert read_back(await client.fetch(ID)) == NEW
        downloads = (await client.content()).downloads
        assert downloads.meter.received_bytes == {ID: site.made.patch_bytes}
        assert downloads.reused_bytes == NEW_BYTES
        assert list(downloads.progress().packages) == []
    space = site.root / "state" / "patches"
    assert [path.name for path in space.glob("*/*")] == []


async def test_another_package_that_comes_meanwhile_ends_nothing(
    versions: Versions, undelivered: Site, tmp_path: Path
) -> None:
    """Fault: a package is finished while patches of another are fetched. Both are complete."""
    site = undelivered
    write_tree(tmp_path / "other", other := {"other.bin": NEW["large.dll"]})
    async with site.client(versions.before) as client:
        await client.fetch(ID)
    to = str(site.folder)
    publish(tmp_path / "other", package_id="ABC00099", version=1, destination=to, block_bytes=BLOCK)
    gate = Gate(site.folder, {path.name for path in site.objects()})
    async with gate.serving() as url:
        endpoint = EndpointSettings("site", EndpointKind.HTTP, url)
        catalog = CatalogSettings(path=str(site.folder / "catalog.json"))
        settings = Deployment(endpoints=(endpoint,), catalog=catalog)
        async with Client(settings, tmp_path / "state") as client:
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
    assert 80 * BLOCK < fetched.bytes_fetched < 125 * BLOCK


def lose(path: Path) -> None:
    path.unlink()


def garble(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


@pytest.mark.parametrize("harm", [lose, garble, shorten])
def test_a_patch_object_that_is_not_right_is_a_hint_lost(
    site: Site, harm: Callable[[Path], None]
) -> None:
    """Fault: the patches at a site are missing or altered. dlcore fetches the blocks."""
    for path in site.objects():
        harm(path)
    heard: list[Event] = []
    fetched = site.fetch(heard.append)
    assert read_back(site.to) == NEW
    assert not [e for e in heard if isinstance(e, DownloadRetried | PackageFailed)]
    assert fetched.bytes_fetched > BLOCK
    assert site.names() == ["records", "site", "to"]


def crossed(site: Site) -> PatchList:
    """Each file gets the patch of another one."""
    listed = site.listed()
    placed = [(p.object, p.offset_bytes, p.length_bytes) for p in listed.patches if p.length_bytes]
    longest = max(placed, key=lambda place: place[2])
    patches = tuple(
        msgspec.structs.replace(patch, old=msgspec.structs.replace(patch.old, sha256=b"1" * 32))
        if patch.old and (patch.object, patch.offset_bytes, patch.length_bytes) != longest
        else patch
        for patch in listed.patches
    )
    return msgspec.structs.replace(listed, patches=patches)


def of_another_version(site: Site) -> PatchList:
    return msgspec.structs.replace(site.listed(), version=7)


def same_as_another(site: Site) -> PatchList:
    """Every file that is missing is said to be the old file of its length with another content."""
    listed = site.listed()
    patches = tuple(
        msgspec.structs.replace(patch, old=msgspec.structs.replace(patch.old, path="same.dll"))
        if patch.old
        else patch
        for patch in listed.patches
    )
    return msgspec.structs.replace(listed, patches=patches)


@pytest.mark.parametrize("lie", [crossed, of_another_version, same_as_another])
def test_a_patch_list_that_lies_costs_bytes_and_nothing_else(
    site: Site, lie: Callable[[Site], PatchList]
) -> None:
    """Fault: a patch list names wrong old files, or another version. dlcore fetches the blocks."""
    site.relist(lie(site))
    fetched = site.fetch()
    assert read_back(site.to) == NEW
    assert fetched.bytes_fetched > BLOCK


async def test_an_old_file_that_is_too_long_for_a_patch_is_not_read(
    versions: Versions, undelivered: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: a patch list names an old file of more than memory has. dlcore fetches the blocks."""
    site = undelivered
    async with site.client(versions.before) as client:
        older = await client.fetch(ID)
    length_bytes = DEFAULT_POLICY.max_file_bytes + 1
    with (older / "huge.bin").open("w+b") as file:
        file.truncate(length_bytes)
        digest = hashlib.file_digest(file, "sha256").digest()
    huge, listed = OldFile("huge.bin", length_bytes, digest), site.listed()
    patches = tuple(
        msgspec.structs.replace(patch, old=huge) if patch.length_bytes else patch
        for patch in listed.patches
    )
    site.relist(msgspec.structs.replace(listed, patches=patches))

    def read(path: Path, length_bytes: int) -> bytes:
        if length_bytes > DEFAULT_POLICY.max_file_bytes:
            raise MemoryError
        return read_old_file(path, length_bytes)

    monkeypatch.setattr(without_fetching, "read_old_file", read)
    async with site.client() as client:
        assert read_back(await client.fetch(ID)) == NEW


def test_a_library_that_cannot_be_loaded_costs_bytes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: zstandard is installed, and its DLL cannot be loaded. dlcore fetches the blocks."""
    monkeypatch.setattr(without_fetching, "is_installed", lambda _: True)
    monkeypatch.setattr(codec, "require", lambda _: None)
    monkeypatch.setitem(sys.modules, "zstandard", None)
    fetched = site.fetch()
    assert read_back(site.to) == NEW
    assert fetched.bytes_fetched > BLOCK


def test_a_file_altered_after_it_was_looked_at_gives_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: an old file is altered after it was verified. dlcore fetches its blocks."""

    def alter(path: Path, length_bytes: int) -> bytes:
        data = read_old_file(path, length_bytes)
        return data if path.parent.name == "dlcore-patches" else bytes(len(data))

    monkeypatch.setattr(without_fetching, "read_old_file", alter)
    fetched = site.fetch()
    assert read_back(site.to) == NEW
    assert fetched.bytes_fetched > 35 * BLOCK


def test_an_old_file_that_was_altered_before_is_not_used(site: Site) -> None:
    """Fault: a file of the delivered older version was altered. dlcore fetches its blocks."""
    (site.to / "large.dll").write_bytes(LARGE[:50_000] + b"x" + LARGE[50_001:])
    fetched = site.fetch()
    assert read_back(site.to) == NEW
    assert site.made.patch_bytes + 30 * BLOCK < fetched.bytes_fetched < 62 * BLOCK


def break_off_with_patches(site: Site) -> Path:
    """Break a fetch off when its patches have arrived; returns where they are kept."""
    state = site.root / ".to.dlcore" / "patches"

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
        while not list(state.glob("packages/*")) and not task.done():  # noqa: ASYNC110
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(broken_off())
    assert read_back(site.to) == OLD
    (kept,) = state.glob("packages/*/content")
    return kept


def test_patches_that_were_fetched_are_not_fetched_again(site: Site) -> None:
    """A call that is broken off while patches are applied goes on with them."""
    break_off_with_patches(site)
    for path in site.objects():
        path.unlink()
    fetched = site.fetch()
    assert read_back(site.to) == NEW
    assert fetched.bytes_fetched == 0


def test_what_others_put_among_patches_costs_bytes(site: Site) -> None:
    """Fault: something that is not dlcore's lies among the patches of a call that was broken off.
    dlcore leaves the patches alone and fetches the blocks.
    """
    (break_off_with_patches(site) / "stranger").write_bytes(b"of another program")
    fetched = site.fetch()
    assert read_back(site.to) == NEW
    assert fetched.bytes_fetched > 30 * BLOCK


async def test_patches_that_were_left_go_when_their_package_is_complete(
    versions: Versions, undelivered: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: dlcore is killed while patches are applied. They are deleted all the same."""
    site = undelivered
    async with site.client(versions.before) as client:
        await client.fetch(ID)

    def die(*_: object) -> None:
        raise StorageError("the process was killed")

    with monkeypatch.context() as killed:
        killed.setattr(without_fetching, "_apply_all", die)
        async with site.client() as client:
            with pytest.raises(StorageError, match="killed"):
                await client.fetch(ID)
    space = site.root / "state" / "patches"
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
    assert 30 * BLOCK < fetched.bytes_fetched < 75 * BLOCK


def test_without_room_for_patched_files_blocks_are_fetched(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: the disk has no room for patched files beside the package. dlcore fetches blocks."""
    monkeypatch.setattr(PatchSpace, "free_bytes", property(lambda _: 0))
    fetched = site.fetch()
    assert read_back(site.to) == NEW
    assert site.made.patch_bytes + BLOCK < fetched.bytes_fetched < 12 * BLOCK


def test_a_first_fetch_asks_for_no_patches(site: Site) -> None:
    shutil.rmtree(site.to)
    site.patches.write_bytes(b"this would be told in the log")
    fetched = site.fetch()
    assert (fetched.bytes_fetched, fetched.bytes_reused) == (NEW_BYTES, 0)


def test_a_space_for_patches_that_cannot_be_used_costs_bytes(site: Site) -> None:
    """Fault: something else lies where patches are to be kept. dlcore fetches the blocks."""
    state = site.root / ".to.dlcore"
    state.mkdir(mode=0o700)
    (state / "patches").write_bytes(b"no folder")
    fetched = site.fetch()
    assert read_back(site.to) == NEW
    assert fetched.bytes_fetched > 30 * BLOCK


async def test_a_patch_of_a_file_without_block_digests_that_lies_costs_bytes(
    tmp_path: Path,
) -> None:
    """Fault: a patch gives other bytes to an object with one digest. It is missing as before."""
    wanted = make_package({"a.bin": 5 * BLOCK_BYTES}, whole=True)
    wrong, folder = content(5 * BLOCK_BYTES), tmp_path / "patches"
    write_tree(folder, {name_of(0): make(b"", wrong)})
    patch = Patch(0, (folder / name_of(0)).stat().st_size, 0)
    with Store.open(tmp_path / "state") as store:
        partial = store.begin(wanted.manifest, wanted.document)
        package = PackageDownload(ID, wanted.manifest, partial)
        usable = [without_fetching._Usable(0, patch, None)]
        made = without_fetching._apply_all(package, usable, folder, store.patch_space, 1 << 30)
        assert made == {}
        assert partial.missing() == len(partial.have)
        fill(partial, wanted)
        assert read_back(partial.finish()) == wanted.contents
