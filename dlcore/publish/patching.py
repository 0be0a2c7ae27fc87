"""Makes the patches of a version, and stores them at a destination.

Guarantees: the patch list is written after the objects that it names, so that it never names what
is not there. Publishing again with the same old versions gives the same objects and the same list.
Patches wait in a file without a name until it is known which are worth their bytes; memory holds
no more than those that are being made.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import IO, NamedTuple

from dlcore.manifest import object_name
from dlcore.model import Manifest, Object, ObjectIndex, object_key, patch_list_key
from dlcore.native import block_digests
from dlcore.patches import (
    DEFAULT_POLICY as PATCHES,
)
from dlcore.patches import (
    OldFile,
    Patch,
    PatchList,
    PatchPolicy,
    encode_patch_list,
    make,
)
from dlcore.patches.choosing import Pair, pairs, worth_keeping
from dlcore.plain_files import is_folder_there
from dlcore.publish.destination import Destination
from dlcore.publish.disk import disk_faults
from dlcore.publish.objects import distinct_objects
from dlcore.publish.old_versions import OldVersion
from dlcore.publish.policy import PublishPolicy
from dlcore.publish.progress import Advance
from dlcore.publish.reading import map_ahead, read_file, sha256_of
from dlcore.publish.site_folders import TEMPORARY
from dlcore.publish.source import Source
from dlcore.publish.stored import damage_of

log = logging.getLogger("dlcore.publish")


class _Made(NamedTuple):
    """A patch that was made, and where it waits."""

    pair: Pair
    old: OldFile | None
    start: int
    length_bytes: int


class MadePatches:
    """The patches of one version; a context manager, which forgets them.

    Args:
        source: The files of the version.
        manifest: What it consists of.
        digest: SHA-256 of the manifest document, hex.
        policy: Sizes and limits of publishing.
        patches: Limits of patches.
        folder: Where the patches are stored in the end; until then they wait there, or in the
            folder around it if it is not there yet. None: where the system keeps temporary files.
        open_waiting: Opens the file in which they wait there; None for a temporary one.

    Attributes:
        listed: The patch list; empty until `make`.
    """

    def __init__(
        self,
        source: Source,
        manifest: Manifest,
        digest: str,
        policy: PublishPolicy,
        patches: PatchPolicy = PATCHES,
        folder: Path | None = None,
        open_waiting: Callable[[Path | None], IO[bytes]] | None = None,
    ) -> None:
        self._source = source
        self._manifest = manifest
        self._policy = policy
        self._patches = patches
        self._folder = folder
        self._open_waiting = open_waiting or _temporary_file
        self._waiting: IO[bytes] = BytesIO()  # until `make`
        self._places: list[list[_Made]] = []  # of each object, what is in it
        self.listed = PatchList(
            schema=1,
            package_id=manifest.package_id,
            version=manifest.version,
            manifest=digest,
            block_bytes=manifest.block_bytes,
            objects=(),
            patches=(),
        )

    def __enter__(self) -> MadePatches:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # the disk is full; nothing needs what is not written
            self._waiting.close()

    @property
    def patch_bytes(self) -> int:
        """Length of all patches together."""
        return sum(item.length_bytes for item in self.listed.objects)

    def make(self, old_versions: Sequence[OldVersion], advance: Callable[[int, int], None]) -> None:
        """Make all that are worth it; raises as `dlcore.publish.publish`.

        Args:
            old_versions: What they are made from.
            advance: Called with the bytes of new files that are done, and of all.
        """
        if old_versions:
            with self._disk_faults():
                self._waiting = self._open_waiting(self._folder)
        kept: list[list[_Made]] = []
        known = set[tuple[int, bytes]]()
        todo = [[*pairs(self._manifest, old.manifest, self._patches)] for old in old_versions]
        total_bytes = sum(self._manifest.files[p.file].length_bytes for own in todo for p in own)
        for old, own in zip(old_versions, todo, strict=True):
            made = list(self._make_patches(old, own, lambda count: advance(count, total_bytes)))
            worth = worth_keeping(
                self._manifest,
                {each.pair.file: each.length_bytes for each in made},
                self._patches,
            )
            chosen = [each for each in made if each.pair.file in worth and _rank(each) not in known]
            known.update(map(_rank, chosen))
            kept.append(chosen)
            log.info("%s: %d of %d patches are kept", old.title, len(chosen), len(made))
        self._list(kept)

    def _make_patches(self, old: OldVersion, todo: list[Pair], advance: Advance) -> Iterator[_Made]:
        """Make the patches from one version, in order."""

        def work(pair: Pair) -> tuple[Pair, OldFile | None, bytes]:
            new = self._source.files[pair.file]
            if pair.old is None:
                return pair, None, make(b"", read_file(new), self._patches)
            if pair.is_same:
                sha256 = sha256_of(new, self._policy.span_bytes)
                return pair, OldFile(pair.old.path, new.length_bytes, sha256), b""
            data, new_data = old.read(pair.old), read_file(new)
            found = OldFile(pair.old.path, len(data), hashlib.sha256(data).digest())
            if data == new_data:  # which the manifests could not tell
                return pair, found, b""
            return pair, found, make(data, new_data, self._patches)

        workers = min(self._policy.patch_workers, os.cpu_count() or 1)
        for pair, found, patch in map_ahead(work, todo, workers):
            advance(self._manifest.files[pair.file].length_bytes)
            if not patch and found and found.path == self._manifest.files[pair.file].path:
                continue  # clients look there anyway
            with self._disk_faults():
                start = self._waiting.seek(0, os.SEEK_END)
                self._waiting.write(patch)
                self._waiting.flush()
            yield _Made(pair, found, start, len(patch))

    def _list(self, kept: Sequence[Sequence[_Made]]) -> None:
        """Decide which patch goes into which object: those of one old version are together."""
        places: list[list[_Made]] = []
        for made in kept:
            length = self._patches.object_bytes
            for each in made:
                if not each.length_bytes:
                    continue
                if length + each.length_bytes > self._patches.object_bytes:
                    places.append([])
                    length = 0
                places[-1].append(each)
                length += each.length_bytes
        self._places = places
        patches = [
            Patch(each.pair.file, old=each.old)
            for own in kept
            for each in own
            if not each.length_bytes
        ]
        for index, own in enumerate(places):
            at = 0
            for each in own:
                patches.append(Patch(each.pair.file, each.length_bytes, index, at, each.old))
                at += each.length_bytes
        patches.sort(key=lambda patch: (patch.file, patch.old.sha256 if patch.old else b""))
        objects = tuple(self._object(index) for index in range(len(places)))
        head = self.listed
        self.listed = PatchList(
            schema=head.schema,
            package_id=head.package_id,
            version=head.version,
            manifest=head.manifest,
            block_bytes=head.block_bytes,
            objects=objects,
            patches=tuple(patches),
        )

    def _object(self, index: int) -> Object:
        data, block_bytes = self._data(index), self._manifest.block_bytes
        digests = block_digests(memoryview(data), block_bytes)
        return Object(object_name(len(data), block_bytes, digests), len(data), digests)

    def _data(self, index: int) -> bytes:
        """The bytes of an object."""
        parts = []
        for each in self._places[index]:
            with self._disk_faults():
                self._waiting.seek(each.start)
                parts.append(self._waiting.read(each.length_bytes))
        return b"".join(parts)

    def _disk_faults(self) -> AbstractContextManager[None]:
        return disk_faults(_place_for(self._folder) or Path("TMPDIR"))

    @property
    def documents(self) -> dict[str, bytes]:
        """The document of the list, by the SHA-256 of the manifest."""
        return {self.listed.manifest: encode_patch_list(self.listed)}

    def write(self, target: Destination) -> None:
        """Store the objects that are missing or damaged, then the list.

        Raises:
            DlcoreError: As `dlcore.publish.publish`.
        """
        content = self.listed.content
        for name, index in distinct_objects(content).items():
            if not _is_stored(target, content, index, self._policy):
                data = self._data(index)
                target.write(object_key(name), [memoryview(data)], len(data), address=name)
        target.sync()
        document = encode_patch_list(self.listed)
        key = patch_list_key(self.listed.manifest)
        target.write(key, [memoryview(document)], len(document))
        target.sync()


def _rank(made: _Made) -> tuple[int, bytes]:
    return made.pair.file, made.old.sha256 if made.old else b""


def _is_stored(
    target: Destination, content: Manifest, index: ObjectIndex, policy: PublishPolicy
) -> bool:
    item = content.objects[index]
    stored = target.find(object_key(item.name))
    if stored is not None and stored == (item.length_bytes, item.name):
        return True
    return damage_of(target, content, index, policy.span_bytes, lambda _: None) is None


def _place_for(folder: Path | None) -> Path | None:
    """The folder, or the nearest one around it that exists: a new site may not exist yet."""
    above = (folder, *folder.parents) if folder else ()
    return next(filter(is_folder_there, above), None)


def _temporary_file(folder: Path | None) -> IO[bytes]:
    """A file that is gone when it is closed."""
    return tempfile.TemporaryFile(dir=_place_for(folder), prefix=".patches.", suffix=TEMPORARY)
