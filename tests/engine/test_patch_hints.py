"""Patches are hints: whatever is wrong with them costs bytes, and nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from dlcore.engine.download import without_fetching
from dlcore.engine.download.package import PackageDownload
from dlcore.engine.download.without_fetching import WithoutFetching
from dlcore.engine.events import (
    DownloadRetried,
    Event,
    PackageFailed,
)
from dlcore.manifest import decode
from dlcore.model import Manifest, manifest_key
from dlcore.patches import (
    DEFAULT_POLICY,
    OldFile,
    Patch,
    PatchList,
    codec,
    make,
    name_of,
)
from dlcore.store import Reserve, Store
from dlcore.store.old_files import read_old_file
from dlcore.store.patch_space import PatchSpace
from tests.engine.two_versions import (
    ID,
    LARGE,
    NEW,
    Site,
    delivered,
    first_published,
    held_by_client,
    used_bytes,
    with_newer,
)
from tests.engine.virtual_time import virtually
from tests.publish.helpers import BLOCK, content, write_tree
from tests.store.helpers import BLOCK_BYTES, fill, make_package, read_back


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return delivered(tmp_path)


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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: a patch list names an old file of more than memory has. dlcore fetches the blocks."""
    site = first_published(tmp_path)
    async with site.client() as client:
        older = await client.fetch(ID)
    site = with_newer(site)
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
    assert site.made.patch_bytes + 30 * BLOCK < used_bytes(fetched) < 62 * BLOCK


def test_without_room_for_patched_files_blocks_are_fetched(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: the disk has no room for patched files beside the package. dlcore fetches blocks."""
    monkeypatch.setattr(PatchSpace, "free_bytes", property(lambda _: 0))
    fetched = site.fetch()
    assert read_back(site.to) == NEW
    assert site.made.patch_bytes + BLOCK < used_bytes(fetched) < 12 * BLOCK


async def test_a_patch_list_that_cannot_be_read_costs_bytes(tmp_path: Path) -> None:
    """Fault: the disk fails when a patch list is read. dlcore fetches the blocks."""
    site = await held_by_client(tmp_path)
    site.patches.unlink()
    site.patches.mkdir()
    async with site.client() as client:
        assert read_back(await client.fetch(ID)) == NEW


def test_a_patch_list_that_never_comes_is_not_waited_for(site: Site) -> None:
    """Fault: an endpoint does not answer when it is asked for patches. dlcore fetches blocks."""
    document = (site.folder / manifest_key(site.made.manifest)).read_bytes()
    manifest = decode(document, source="site")

    async def never(*_: object) -> PatchList | None:
        await asyncio.sleep(1e6)
        raise AssertionError

    async def fill() -> float:
        began_s = asyncio.get_running_loop().time()
        with Store.open(site.root / "state") as store:
            package = PackageDownload(ID, manifest, store.begin(manifest, document))
            filling = WithoutFetching(never, no_fetch, lambda _: None, Reserve())
            await filling.fill(package, site.made.manifest, store, [site.to])
        return asyncio.get_running_loop().time() - began_s

    assert virtually(fill()) == pytest.approx(without_fetching.MAX_ASKING_S)


async def no_fetch(*_: object) -> Path | None:
    """Fetches no patches."""
    raise AssertionError


async def test_patches_for_which_there_is_no_room_are_not_fetched(site: Site) -> None:
    """Fault: the disk has room for a package, and none for its patches. dlcore fetches blocks."""
    listed, digest = site.listed(), site.made.manifest
    document = (site.folder / manifest_key(digest)).read_bytes()
    manifest = decode(document, source="site")

    async def find(*_: object) -> PatchList | None:
        return listed

    with Store.open(site.root / "state") as store:
        package = PackageDownload(ID, manifest, store.begin(manifest, document))
        no_room = Reserve.exactly(1 << 60)
        filling = WithoutFetching(find, no_fetch, lambda _: None, no_room)
        await filling.fill(package, digest, store, [site.to])
        assert package.partial.missing()


async def test_the_patches_of_one_version_stay_when_another_one_ends(site: Site) -> None:
    """Fault: an agent fetches patches of two versions of a package. dlcore keeps them apart."""
    listed, digest = site.listed(), site.made.manifest
    document = (site.folder / manifest_key(digest)).read_bytes()
    manifest = decode(document, source="site")
    other = make_package({"a.bin": BLOCK_BYTES}, version=9)
    assert other.manifest.package_id == ID
    fetched: list[Path] = []

    async def find(*_: object) -> PatchList | None:
        return listed

    async def fetch(_: str, wanted: Manifest, patches: bytes, space: Store) -> Path | None:
        partial = space.begin(wanted, patches)
        another = store.begin(other.manifest, other.document)
        fill(another, other)
        another.finish()
        store.patch_space.forget_patches(ID)
        for index, item in enumerate(wanted.objects):
            data = (site.folder / "objects" / item.name).read_bytes()
            partial.write_extent(index, 0, memoryview(data))
        fetched.append(partial.finish())
        return fetched[0]

    with Store.open(site.root / "state") as store:
        package = PackageDownload(ID, manifest, store.begin(manifest, document))
        filling = WithoutFetching(find, fetch, lambda _: None, Reserve())
        assert await filling.fill(package, digest, store, [site.to])
        assert fetched
        assert not fetched[0].exists()  # and are deleted when they were applied


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
