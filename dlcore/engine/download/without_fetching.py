"""What of a package can be had without fetching it: from old files as they are, and by patches.

This comes before the first request for the package's own blocks, so that nothing is fetched that a
patch is about to give. What is left afterwards is fetched as ever. Patches themselves are fetched
like a package: in deadline order, verified block by block, and kept if they are broken off.

Guarantees: a block counts only if it matched the manifest, by the call that takes blocks from the
network. A patch that is missing, wrong, or finds no room is a hint lost: the log says so, and its
blocks are fetched.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec

from dlcore.engine.download.package import PackageDownload
from dlcore.engine.events import PackagePatched
from dlcore.errors import DlcoreError, StorageError
from dlcore.extras import is_installed
from dlcore.model import Manifest
from dlcore.patches import OldFile, Patch, PatchError, PatchList, apply, name_of
from dlcore.store import Reserve, Store
from dlcore.store.old_files import OldFiles, OldFolders, read_old_file
from dlcore.store.patch_space import PatchSpace
from dlcore.store.seeding import seed_from
from dlcore.waiting import in_thread

FindPatches: TypeAlias = Callable[[str, Manifest, str], Awaitable[PatchList | None]]
"""Asks endpoints for the patch list of a package: its id here, its manifest, and the SHA-256 of the
manifest's document in hex. None if there is none that can be used."""

FetchPatches: TypeAlias = Callable[[str, Manifest, bytes, Store], Awaitable[Path | None]]
"""Fetches patches as a package of their own; None if they cannot be had."""

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
        self, package: PackageDownload, digest: str, store: Store, folders: Sequence[Path]
    ) -> int:
        """Take over all blocks that can be had so; the package was begun, and is not fetched yet.

        Args:
            package: The package.
            digest: SHA-256 of its manifest document, hex.
            store: Where it is filled.
            folders: Have older versions of it, the best first.

        Returns:
            How many bytes that were.

        Raises:
            StorageError: The disk of the package failed.
        """
        manifest, partial = package.manifest, package.partial
        old: OldFiles = OldFolders(folders)
        before_bytes = partial.missing_bytes()
        in_place = await in_thread(old.in_place, manifest)
        await in_thread(seed_from, partial, in_place)
        kept_bytes = before_bytes - partial.missing_bytes()
        if partial.missing():
            await self._patch(package, digest, store, old, in_place)
        gained_bytes = before_bytes - partial.missing_bytes()
        package.count_all()
        if gained_bytes:
            patched_bytes = gained_bytes - kept_bytes
            self._tell(PackagePatched(package.package_id, kept_bytes, patched_bytes))
        return gained_bytes

    async def _patch(
        self,
        package: PackageDownload,
        digest: str,
        store: Store,
        old: OldFiles,
        in_place: list[Path | None],
    ) -> None:
        manifest = package.manifest
        listed = await self._find(package.package_id, manifest, digest)
        if listed is None:
            return
        missing = await in_thread(_files_missing, package)
        usable = await in_thread(_usable, listed, old, missing)
        if not usable:
            return
        try:
            async with self._opening:  # it is emptied when it is opened first
                space = await in_thread(lambda: store.patch_space)
            fetched = await self._fetched(package, listed, usable, space)
            made = await in_thread(self._made, package, usable, fetched, space)
        except StorageError as error:
            logger.warning("package %s: no patch is used: %s", package.package_id, error.message)
            return
        places = [made.get(number, place) for number, place in enumerate(in_place)]
        await in_thread(seed_from, package.partial, places)
        await in_thread(package.partial.sync)
        await in_thread(_forget, space, manifest.package_id)

    async def _fetched(
        self,
        package: PackageDownload,
        listed: PatchList,
        usable: Sequence[_Usable],
        space: PatchSpace,
    ) -> Path | None:
        """The folder with the patches; None if they cannot be had."""
        objects = {each.patch.object for each in usable if each.patch.length_bytes}
        content = listed.selected(objects)
        if not objects or content.content_bytes >= package.partial.missing_bytes():
            return None
        document = msgspec.json.encode(content)
        if await in_thread(space.store.prove, content, document) is None:
            await in_thread(space.take_over, content, document)
        return await self._fetch(package.package_id, content, document, space.store)

    def _made(
        self,
        package: PackageDownload,
        usable: Sequence[_Usable],
        patches: Path | None,
        space: PatchSpace,
    ) -> dict[int, Path]:
        """Where each file is that an old one or a patch gives, by its number; in a thread."""
        manifest = package.manifest
        made = {each.patch.file: each.old for each in usable if not each.patch.length_bytes}
        found: dict[int, Path] = {number: path for number, path in made.items() if path}
        if patches is None:
            return found
        todo = [each for each in usable if each.patch.length_bytes]
        needed_bytes = sum(manifest.files[each.patch.file].length_bytes for each in todo)
        if not self._has_room(space, needed_bytes):
            logger.warning(
                "package %s: no patch is used: there is no room for %d bytes",
                *(package.package_id, needed_bytes),
            )
            return found
        for each in todo:
            file = manifest.files[each.patch.file]
            try:
                data = _apply(each, patches, file.length_bytes)
            except (PatchError, OSError) as error:
                logger.warning(
                    "package %s: no patch for %s: %s", package.package_id, file.path, error
                )
            else:
                path = space.write(manifest.package_id, each.patch.file, data)
                found[each.patch.file] = path
        return found

    def _has_room(self, space: PatchSpace, needed_bytes: int) -> bool:
        return needed_bytes + self._reserve.of(space.disk_bytes) <= space.free_bytes


def _apply(usable: _Usable, patches: Path, new_bytes: int) -> bytes:
    patch = read_old_file(patches / name_of(usable.number), usable.patch.length_bytes)
    described = usable.patch.old
    old = read_old_file(usable.old, described.length_bytes) if usable.old and described else b""
    return apply(old, patch, new_bytes)


def _files_missing(package: PackageDownload) -> set[int]:
    """Numbers of the files of which a block is missing."""
    manifest, have = package.manifest, package.partial.have
    missing = set[int]()
    for number, file in enumerate(manifest.files):
        if not file.is_empty:
            base = manifest.first_blocks[file.object]
            first = base + file.offset_bytes // manifest.block_bytes
            last = base + -(-(file.offset_bytes + file.length_bytes) // manifest.block_bytes)
            if 0 in have[first:last]:
                missing.add(number)
    return missing


def _usable(listed: PatchList, old: OldFiles, missing: set[int]) -> list[_Usable]:
    """One patch for each file that is missing, if its old file is here."""
    can_apply = is_installed("patches")
    usable: dict[int, _Usable] = {}
    for number, patch in enumerate(listed.patches):
        if patch.file not in missing or (patch.length_bytes and not can_apply):
            continue
        path = _found(old, patch.old)
        known = usable.get(patch.file)
        is_better = known is None or patch.length_bytes < known.patch.length_bytes
        if is_better and (path or patch.old is None):
            usable[patch.file] = _Usable(number, patch, path)
    return list(usable.values())


def _found(old: OldFiles, wanted: OldFile | None) -> Path | None:
    return old.find(wanted.sha256, wanted.length_bytes, wanted.path) if wanted else None


def _forget(space: PatchSpace, package_id: str) -> None:
    """Delete what is not needed any more; what cannot be deleted only takes space."""
    try:
        space.forget_made(package_id)
        space.forget_patches(package_id)
    except DlcoreError as error:
        logger.warning("package %s: %s", package_id, error.message)
