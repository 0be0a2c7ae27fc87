"""Takes over what old files have of a package: blocks as they are, and files by patches.

This comes before the first request for the package's own blocks, so that nothing is fetched that a
patch is about to give. What is left afterwards is fetched as usual. Patches themselves are fetched
like a package: in deadline order, verified block by block, and kept if they are broken off.

Guarantees: a block counts only if it matched the manifest, by the call that takes blocks from the
network. A patch that is missing, wrong, or finds no room is a hint lost: the log says so, and its
blocks are fetched.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from functools import partial as partial_of
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import msgspec

from dlcore.engine.download.package import PackageDownload
from dlcore.engine.events import PackagePatched
from dlcore.errors import DlcoreError, IntegrityError, StorageError
from dlcore.extras import is_installed
from dlcore.model import Manifest
from dlcore.patches import DEFAULT_POLICY, OldFile, Patch, PatchError, PatchList, apply, name_of
from dlcore.store import Reserve, Store
from dlcore.store.old_files import OldFiles, OldFolders, read_old_file
from dlcore.store.patch_space import PatchSpace
from dlcore.store.seeding import take_over
from dlcore.waiting import in_thread

FindPatches: TypeAlias = Callable[[str, Manifest, str], Awaitable[PatchList | None]]
"""Asks endpoints for the patch list of a package: its id here, its manifest, and the SHA-256 of the
manifest's document in hex. None if there is none that can be used."""

FetchPatches: TypeAlias = Callable[[str, Manifest, bytes, Store], Awaitable[Path | None]]
"""Fetches patches as a package of their own; None if they cannot be fetched."""

MAX_ASKING_S: Final = 20.0
"""How long a package waits for its patch list: the time that the longest list takes at 1 MiB/s, and
that an endpoint has to begin its answer."""

logger = logging.getLogger(__name__)


async def no_patches(_package_id: str, _manifest: Manifest, _digest: str) -> PatchList | None:
    """Finds none."""
    return None


class _Usable(NamedTuple):
    """A patch whose old file is on this machine."""

    number: int
    patch: Patch
    old: Path | None


class WithoutFetching:
    """Fills packages with what need not be fetched. For one event loop.

    Args:
        find: Asks for patch lists.
        fetch: Fetches patches.
        tell: Hears what came of it.
        reserve: Free space that is left on the disk.
    """

    def __init__(
        self,
        find: FindPatches,
        fetch: FetchPatches,
        tell: Callable[[PackagePatched], None],
        reserve: Reserve,
    ) -> None:
        self._find = find
        self._fetch = fetch
        self._tell = tell
        self._reserve = reserve
        self._opening = asyncio.Lock()

    async def fill(
        self,
        package: PackageDownload,
        digest: str,
        store: Store,
        older: Sequence[Path],
        taken_over: Sequence[Path] = (),
    ) -> int:
        """Take over all blocks that need not be fetched; the package was begun, but no fetch yet.

        Args:
            package: The package.
            digest: SHA-256 of its manifest document, hex.
            store: Where it is filled.
            older: Folders with older versions of it, the best first.
            taken_over: More of them, whose blocks were taken over already; the best of all.

        Returns:
            How many of these bytes were made by patches.

        Raises:
            StorageError: The disk of the package failed.
        """
        partial = package.partial
        before_bytes = partial.missing_bytes()
        if older:
            places = await in_thread(OldFolders(older).in_place, package.manifest)
            await in_thread(take_over, partial, places)
        kept_bytes = before_bytes - partial.missing_bytes()
        if partial.missing():
            await self._patch(package, digest, store, OldFolders([*taken_over, *older]))
        gained_bytes = before_bytes - partial.missing_bytes()
        package.count_all()
        patched_bytes = gained_bytes - kept_bytes
        if gained_bytes:
            self._tell(PackagePatched(package.package_id, kept_bytes, patched_bytes))
        return patched_bytes

    async def _patch(
        self, package: PackageDownload, digest: str, store: Store, old: OldFiles
    ) -> None:
        manifest = package.manifest
        try:
            async with asyncio.timeout(MAX_ASKING_S):
                listed = await self._find(package.package_id, manifest, digest)
            if listed is None:
                return
            missing = await in_thread(_files_missing, package)
            usable = await in_thread(_usable, listed, manifest, old, missing)
            if not usable:
                return
            async with self._opening:  # it is emptied when it is opened first
                space = await in_thread(lambda: store.patch_space)
        except DlcoreError as error:  # whatever it is, the package can be fetched
            logger.warning("package %s: no patch is used: %s", package.package_id, error.message)
        except TimeoutError:
            logger.warning(
                "package %s: no patch is used: no endpoint has its list", package.package_id
            )
        else:
            in_use = ExitStack()
            try:
                is_over = await self._patch_with(package, listed, usable, store, old, in_use)
            finally:
                await in_thread(in_use.close)  # in a thread: it waits while others are deleted
            if is_over:
                await in_thread(_forget, space, package)

    async def _patch_with(
        self,
        package: PackageDownload,
        listed: PatchList,
        usable: Sequence[_Usable],
        store: Store,
        old: OldFiles,
        in_use: ExitStack,
    ) -> bool:
        """Fetch patches, and take over what they and the old files give.

        Args:
            package: The package.
            listed: Its patches.
            usable: Those of them that are wanted.
            store: Where it is filled.
            old: The old files.
            in_use: Its end lets others delete the patches.

        Returns:
            Whether the patches are not needed any more.
        """
        manifest, partial, space = package.manifest, package.partial, store.patch_space
        try:
            patches = await self._fetched(package, listed, usable, store, in_use)
        except DlcoreError as error:
            logger.warning("package %s: no patch is used: %s", package.package_id, error.message)
            return False
        places = await in_thread(old.in_place, manifest)
        for each in usable:
            if not each.patch.length_bytes:
                places[each.patch.file] = each.old
        if patches:
            room_bytes = space.free_bytes - self._reserve.of(space.disk_bytes)
            apply_all = partial_of(_apply_all, package, usable, patches, space, room_bytes)
            for number, path in (await in_thread(apply_all)).items():
                places[number] = path
        await in_thread(take_over, partial, places)
        await in_thread(partial.sync)
        return True

    async def _fetched(
        self,
        package: PackageDownload,
        listed: PatchList,
        usable: Sequence[_Usable],
        store: Store,
        in_use: ExitStack,
    ) -> Path | None:
        """The folder with the patches, which stay until `in_use` ends; None: none is fetched."""
        objects = {each.patch.object for each in usable if each.patch.length_bytes}
        content = listed.selected(objects)
        if not objects or content.content_bytes >= package.partial.missing_bytes():
            return None
        document, space = msgspec.json.encode(content), store.patch_space
        await in_thread(in_use.enter_context, space.using(content, document))
        if await in_thread(space.store.prove, content, document, to_write=False) is None:
            # Of `store`: what packages were promised there is not to be taken by their patches.
            await in_thread(store.check_room, content, document, self._reserve)
            await in_thread(space.take_over, content, document)
        return await self._fetch(package.package_id, content, document, space.store)


def _apply_all(
    package: PackageDownload,
    usable: Sequence[_Usable],
    patches: Path,
    space: PatchSpace,
    room_bytes: int,
) -> dict[int, Path]:
    """Apply patches, one after the other, to bound the memory.

    A file that has an object of its own is written at once. One that shares blocks with others
    waits in the space, until its blocks can be put together.

    Returns:
        Where each file waits, by its number.

    Raises:
        StorageError: The disk of the package failed.
    """
    manifest = package.manifest
    waiting: dict[int, Path] = {}
    for each in usable:
        file = manifest.files[each.patch.file]
        if not each.patch.length_bytes:
            continue
        try:
            data = _apply(each, patches, file.length_bytes)
            if manifest.objects[file.object].length_bytes == file.length_bytes:
                package.partial.write_extent(file.object, 0, memoryview(data))
                continue
        except (PatchError, OSError, IntegrityError) as error:
            logger.warning("package %s: no patch for %s: %s", package.package_id, file.path, error)
            continue
        room_bytes -= len(data)
        try:
            if room_bytes < 0:
                raise StorageError("there is no room for it", path=patches)
            waiting[each.patch.file] = space.write(package.partial.key, each.patch.file, data)
        except StorageError as error:
            logger.warning(
                "package %s: no patch for %s: %s", package.package_id, file.path, error.message
            )
    return waiting


def _apply(usable: _Usable, patches: Path, new_bytes: int) -> bytes:
    patch = read_old_file(patches / name_of(usable.number), usable.patch.length_bytes)
    described = usable.patch.old
    old = read_old_file(usable.old, described.length_bytes) if usable.old and described else b""
    return apply(old, patch, new_bytes)


def _files_missing(package: PackageDownload) -> set[int]:
    """Numbers of the files that lack a block."""
    manifest, have = package.manifest, package.partial.have
    missing = set[int]()
    for number, file in enumerate(manifest.files):
        if not file.is_empty:
            base = manifest.first_blocks[file.object]
            first = base + file.offset_bytes // manifest.block_bytes
            end = base + -(-(file.offset_bytes + file.length_bytes) // manifest.block_bytes)
            if 0 in have[first:end]:
                missing.add(number)
    return missing


def _usable(
    listed: PatchList, manifest: Manifest, old: OldFiles, missing: set[int]
) -> list[_Usable]:
    """One patch for each file that is missing, if its old file is here."""
    can_apply = is_installed("patches")
    usable: dict[int, _Usable] = {}
    for number, patch in enumerate(listed.patches):
        if patch.file not in missing:
            continue
        if patch.length_bytes and not (can_apply and _fits_in_memory(patch, manifest)):
            continue
        path = _found(old, patch.old)
        known = usable.get(patch.file)
        is_better = known is None or patch.length_bytes < known.patch.length_bytes
        if is_better and (path or patch.old is None):
            usable[patch.file] = _Usable(number, patch, path)
    return list(usable.values())


def _fits_in_memory(patch: Patch, manifest: Manifest) -> bool:
    """Whether its files are as short as those that patches are made of."""
    old_bytes = patch.old.length_bytes if patch.old else 0
    longest_bytes = max(old_bytes, manifest.files[patch.file].length_bytes)
    return longest_bytes <= DEFAULT_POLICY.max_file_bytes


def _found(old: OldFiles, wanted: OldFile | None) -> Path | None:
    return old.find(wanted.sha256, wanted.length_bytes, wanted.path) if wanted else None


def _forget(space: PatchSpace, package: PackageDownload) -> None:
    """Delete what is not needed any more; what cannot be deleted only takes space."""
    try:
        space.forget_made(package.partial.key)
        space.forget_patches(package.manifest.package_id)
    except DlcoreError as error:
        logger.warning("package %s: %s", package.package_id, error.message)
