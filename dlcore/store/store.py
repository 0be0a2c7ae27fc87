"""The state directory: finished packages, unfinished ones, and the lock on it.

Guarantees: a package below ``packages/`` is complete: it got there by one rename after all of it
was durable. One process holds the directory at a time. Layout: ``docs/formats.md``, section
"State directory"; why it is safe: ``docs/durability.md``.

Threads: calls for different packages may overlap; ``open`` and ``close`` are the owner's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from dlcore.disk.ownership import check_way
from dlcore.disk.private_folder import PrivateFolder
from dlcore.disk.system import allocated_bytes
from dlcore.disk.trees import walk
from dlcore.errors import InternalError
from dlcore.long_path import plain_path, rooted
from dlcore.manifest import digest_of
from dlcore.model import BlockInPackage, Manifest
from dlcore.store.cache import Cache, CacheLimit, Holding, Seeds
from dlcore.store.cache.evictor import Evictor
from dlcore.store.cache.local_sources import LocalSource
from dlcore.store.cache.packages_on_disk import holdings, pin_package
from dlcore.store.cache.reuse import reuse
from dlcore.store.cache.sharing import Sharing
from dlcore.store.files import Files, write_document
from dlcore.store.finished import LENT, FinishedPackages
from dlcore.store.free_space import Reserve, Space, check_room
from dlcore.store.inventory import Inventory
from dlcore.store.keys import package_key
from dlcore.store.lock import StateLock
from dlcore.store.manifest_file import MANIFEST, manifest_in, read_manifest
from dlcore.store.package import Package
from dlcore.store.partial import CONTENT, Partial
from dlcore.store.patch_space import PATCHES, PatchesInUse, PatchSpace, forget_left_patches
from dlcore.store.removal import Removal
from dlcore.store.state_directory import (
    PACKAGES,
    PARTIALS,
    REMOVED,
    make_state_folder,
    translated_in,
)
from dlcore.store.tree import ensure_folder
from dlcore.store.unproven import UNPROVEN, Unproven
from dlcore.store.verify import Bad, verify_tree


class Store:
    """A state directory. Made by `open`, which holds it, or `look`; a context manager.

    Args:
        state: The directory.
        files: The disk.
        lock: Released by `close`; None if the store was made by `look`.

    Attributes:
        evictor: Says which packages stay, and removes others when the cache is full.
    """

    def __init__(self, state: Path, files: Files, lock: StateLock | None = None) -> None:
        self._state = state
        self._files = files
        self._lock = lock
        self._packages = state / PACKAGES
        self._partials = state / PARTIALS
        self._removed = state / REMOVED
        self._begun: dict[str, Partial] = {}
        self._cache: Cache | None = None
        self._seeds: Seeds | None = None
        self._kept_apart = frozenset[str]()
        self._sharing = Sharing(files, self._packages, self._removed)
        self._removal = Removal(files, self._removed, self._sharing.lock)
        self._finished = FinishedPackages(
            files, self._packages, self._partials, self._removal, self._sharing
        )
        self.evictor = Evictor(
            files,
            (self._packages, self._partials),
            self._removal,
            self._finished.forget,
            lambda: {key for key, each in [*self._begun.items()] if not each.closed},
        )
        self._patches: PatchSpace | None = None
        self._patches_in_use = PatchesInUse()

    @classmethod
    def open(cls, state: Path, *, wait_s: float = 0.0, is_beside_runs: bool = False) -> Self:
        """Lock a state directory; make it (mode 0700) if it does not exist.

        Args:
            state: The directory.
            wait_s: How long to wait while another process holds it.
            is_beside_runs: As `StateLock`.

        Raises:
            LockedError: It still does; the message says which.
            OwnershipError: Another user could alter the directory, or has altered it.
            StorageError: The directory cannot be used.
        """
        state = rooted(state)
        anywhere = Files()
        with translated_in(anywhere, "open the state directory", state):
            check_way(state)
            make_state_folder(anywhere, state)
            lock = StateLock(state, wait_s, is_beside_runs=is_beside_runs)
        store = cls(state, Files(lock.folder), lock)
        try:
            store.prepare()
        except BaseException:
            lock.release()
            raise
        return store

    @classmethod
    def look(cls, state: Path) -> Self:
        """Read a state directory without a lock; it need not exist, and nothing is changed.

        Only for `read_manifest`, `reserved_bytes`, `holdings` and `verify`.
        """
        state = rooted(state)
        return cls(state, Files(PrivateFolder(state)))

    def prepare(self) -> None:
        """Make the folders and finish an interrupted `remove`. Called by `open`.

        Raises:
            StorageError: The directory cannot be used.
        """
        with self._translated("open the state directory"):
            make_state_folder(self._files, self._state)
            for folder in (self._packages, self._partials, self._removed):
                ensure_folder(self._files, folder)
            self._files.sync_folder(self._state)
            self._removal.finish()

    def close(self) -> None:
        """Close unfinished packages, keeping their state, and release the lock. Idempotent.

        Raises:
            StorageError: Closing a file failed: what was written to it since the last `sync` may be
                lost. All else is closed.
        """
        with contextlib.ExitStack() as stack:
            if self._lock:
                stack.callback(self._lock.release)
            if self._cache:
                stack.callback(self._cache.close)
            for partial in self._begun.values():
                stack.callback(partial.close)
            if self._patches:
                stack.callback(self._patches.store.close)

    def use_cache(self, limit: CacheLimit | None = None, seeds: Sequence[Path] = ()) -> None:
        """Let packages take over from each other what they have in common. After `open`.

        Args:
            limit: How large all packages together may be; None for as large as the disk.
            seeds: Folders whose files are taken over, too, if they are right.
        """
        self._seeds = Seeds(seeds) if seeds else None
        self._cache = Cache(self._files, self._state, self._sharing)
        self.evictor.keep_below(limit or CacheLimit())

    def keep_apart(self, keys: Collection[str]) -> None:
        """Say which packages will be handed out to be written into, as those of a run.

        They share no files: links would be useless, because files are copied again soon, and steps
        would wait for the copies. Replaces what was said before.
        """
        self._kept_apart = frozenset(keys)

    def use_seeds(self, seeds: Seeds) -> None:
        """Let packages take over what is right of other folders. After `open`."""
        self._seeds = seeds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def read_manifest(self, package_id: str, version: int, manifest_digest: str) -> bytes | None:
        """The manifest document of a finished or unfinished package; None if it is not intact.

        Raises:
            StorageError: The disk failed.
        """
        key = package_key(package_id, version, manifest_digest)
        with self._translated("read a manifest"):
            return read_manifest(
                self._files, self._packages / key, manifest_digest
            ) or read_manifest(self._files, self._partials / key, manifest_digest)

    def reserved_bytes(self, package_id: str, version: int, manifest_digest: str) -> int:
        """Disk space that a package occupies, finished or not; 0 if it was never begun.

        Raises:
            StorageError: The disk failed.
        """
        return self._taken_bytes(package_key(package_id, version, manifest_digest))

    def _taken_bytes(self, key: str) -> int:
        with self._translated("look for a package"):
            return sum(
                allocated_bytes(folder / name)
                for parent in (self._packages, self._partials)
                for folder, _, names in walk(parent / key)
                for name in names
            )

    def content_folder(self, package_id: str, version: int, manifest_digest: str) -> Path:
        """Where the content of a package lies once it is finished, as programs name it."""
        key = package_key(package_id, version, manifest_digest)
        return plain_path(self._packages.absolute() / key / CONTENT)

    def prove(
        self, manifest: Manifest, document: bytes, *, lend: bool = False, to_write: bool
    ) -> Path | None:
        """Prove that a finished package is as its manifest says, before anybody uses its content.

        What this process verified and nobody changed since is only looked at; all else is read
        and hashed, which may take long: call it from a thread. A package that is damaged goes back
        to the unfinished ones by one rename, so that `begin` keeps what is right.

        Args:
            manifest: The package.
            document: The manifest's bytes; their SHA-256 names the package.
            lend: Whether the folder is handed out now, to a step say. What programs leave in it
                from then on is removed by the next proof; in a folder that was never handed out
                it is refused.
            to_write: Whether programs may write into its files, as a step may. It shares none with
                other packages from then on.

        Returns:
            The content folder; None if the package is not finished or not any more.

        Raises:
            UnexpectedContentError: There is something that the manifest does not know. Nothing
                was changed.
            StorageError: The disk failed.
        """
        digest = digest_of(document)
        key = package_key(manifest.package_id, manifest.version, digest)
        if lend:  # first, or it could give way between its proof and the answer
            self.evictor.lend(key)
        with self._translated(f"prove package {manifest.package_id}"):
            return self._finished.prove(
                key,
                manifest,
                digest,
                document,
                lend=lend,
                to_write=to_write or key in self._kept_apart,
            )

    def make_room(self, manifest: Manifest, document: bytes, reserve: Reserve) -> list[str]:
        """Have packages give way for another, if the cache has a limit; the longest unused first.

        Args:
            manifest: The package that is to be begun.
            document: The manifest's bytes; their SHA-256 names the package.
            reserve: Free space that is left on the disk.

        Returns:
            The keys of the packages that were removed.

        Raises:
            StorageError: The disk failed.
        """
        if self.evictor.limit == CacheLimit():
            return []
        key = Package(manifest, document).key
        more_bytes = max(0, manifest.content_bytes - self._taken_bytes(key))
        more_bytes += self._promised_bytes()
        with self._translated("make room"):
            reserve_bytes = reserve.of(self._files.disk_bytes(self._partials))
            return self.evictor.make_room(key, more_bytes, reserve_bytes)

    def prune(self, limit: CacheLimit, *, is_dry_run: bool = False) -> list[Holding]:
        """Have packages give way until the cache is small enough: `Evictor.prune`.

        Raises:
            StorageError: The disk failed.
        """
        with self._translated("prune the cache"):
            return self.evictor.prune(limit, is_dry_run=is_dry_run)

    def holdings(self) -> list[Holding]:
        """All packages, finished or not, and what they take on the disk.

        Raises:
            StorageError: The disk failed.
        """
        with self._translated("look through the packages"):
            return holdings(self._files, self._packages, self._partials)

    def verify(self, key: str) -> list[Bad] | None:
        """Compare a finished package with its manifest; nothing is changed.

        What programs left in a folder that was handed out is not told.

        Returns:
            What differs; None if its manifest is damaged or missing.

        Raises:
            NotFoundError: The package is not there.
            StorageError: The disk failed.
        """
        folder = self._packages / key
        with self._translated(f"verify package {key}"):
            manifest = manifest_in(self._files, folder)
            is_lent = self._files.status(folder / LENT) is not None
        if manifest is None:
            return None
        return verify_tree(folder / CONTENT, manifest, strict=not is_lent)

    def pin(self, key: str, *, is_pinned: bool) -> None:
        """Have a package stay, however full the cache is; or not any more.

        Raises:
            StorageError: The disk failed.
        """
        with self._translated("pin a package"):
            for folder in (self._packages / key, self._partials / key):
                if self._files.status(folder):
                    pin_package(self._files, folder, is_pinned=is_pinned)

    def check_room(self, manifest: Manifest, document: bytes, reserve: Reserve) -> None:
        """Refuse a package for which the disk has no room, before anything is written for it.

        Args:
            manifest: The package.
            document: The manifest's bytes; their SHA-256 names the package.
            reserve: Free space that is left on the disk.

        Raises:
            DiskFullError: There is no room; the message has the numbers.
            StorageError: The disk failed.
        """
        has_bytes = self._taken_bytes(Package(manifest, document).key)
        with self._translated("find out the free space"):
            space = Space(
                self._files.free_bytes(self._partials), self._files.disk_bytes(self._partials)
            )
        needed_bytes = manifest.content_bytes - has_bytes + self._promised_bytes()
        check_room(manifest.package_id, needed_bytes, space, reserve, self._state)

    def _promised_bytes(self) -> int:
        """What the packages that are being filled will still take of the free space."""
        if self._files.is_reserving:  # they have taken it
            return 0
        return sum(each.missing_bytes() for each in [*self._begun.values()] if not each.closed)

    def begin(self, manifest: Manifest, document: bytes) -> Partial:
        """Start to fill a package, or continue where an earlier process ended.

        Reads back what is on disk, which may take long: call it from a thread.

        Args:
            manifest: The package.
            document: The manifest's bytes; their SHA-256 names the package.

        Returns:
            The package, to be filled; ``have`` says which blocks are on disk.

        Raises:
            InternalError: It is finished (`prove` was not asked), or begun and not closed.
            StorageError: The disk failed, or something else is at its path. Nothing is lost.
        """
        digest = digest_of(document)
        key = package_key(manifest.package_id, manifest.version, digest)
        earlier = self._begun.get(key)
        target = self._packages / key
        if earlier and not earlier.closed:
            raise InternalError(f"package {manifest.package_id} is being filled already")
        with self._translated(f"begin package {manifest.package_id}"):
            if self._files.status(target):
                raise InternalError(f"package {manifest.package_id} is finished")
            self._keep_manifest(key, digest, document)
        partial = Partial(
            files=self._files,
            folder=self._partials / key,
            target=target,
            manifest=manifest,
            digest=bytes.fromhex(digest),
            on_finished=lambda found: self._note_finished(key, manifest, found),
        )
        try:
            partial.begin()
            sources: list[LocalSource] = [each for each in (self._cache, self._seeds) if each]
            if sources:
                reuse(partial, sources, is_under_way=False)
                partial.note_reused()
        except BaseException:
            partial.close()
            raise
        self._begun[key] = partial
        return partial

    def reuse(self, partial: Partial) -> list[BlockInPackage]:
        """Fill a package that was begun with what has arrived of others since; call from a thread.

        Returns:
            The numbers of the blocks that it has now and had not.

        Raises:
            StorageError: The disk failed.
        """
        if self._cache is None:  # seeds were looked through at the beginning
            return []
        return reuse(partial, [self._cache], is_under_way=True)

    def remove(self, package_id: str, version: int, manifest_digest: str) -> bool:
        """Delete a package, finished or not; it leaves its place at once.

        Returns:
            Whether it existed.

        Raises:
            InternalError: It is being filled.
            StorageError: The disk failed. What is left is deleted by the next `open`.
        """
        key = package_key(package_id, version, manifest_digest)
        if key in self._begun and not self._begun[key].closed:
            raise InternalError(f"package {package_id} is being filled")
        found = False
        self._finished.forget(key)
        with self._translated(f"remove package {package_id}"):
            for folder in (self._packages, self._partials):
                if self._files.status(folder / key):
                    self._removal.remove(folder / key)
                    found = True
        return found

    def _note_finished(self, key: str, manifest: Manifest, found: Inventory) -> None:
        self._finished.note(key, manifest, found)
        patches, in_use = self._state / PATCHES, self._patches_in_use
        forget_left_patches(self._files, patches, manifest.package_id, in_use)
        if self._cache and key not in self._kept_apart:
            self._cache.share(key, manifest)

    def contents_of(self, package_id: str, *, but: str = "") -> list[Path]:
        """The content folders of finished versions: `FinishedPackages.contents_of`.

        Raises:
            StorageError: The disk failed.
        """
        with self._translated("look for older versions"):
            return self._finished.contents_of(package_id, but=but)

    @property
    def patch_space(self) -> PatchSpace:
        """Where patches, and what is made with them, wait until they are taken over.

        Raises:
            StorageError: The directory cannot be used.
        """
        if self._patches is None:
            folder = self._state / PATCHES
            store = Store(folder, self._files)
            space = PatchSpace(self._files, folder, store, self._patches_in_use)
            with self._translated("make a folder for patches"):
                space.prepare()
            self._patches = space
        return self._patches

    def unproven(self) -> Unproven:
        """Where content waits that has only one hash, of all of it. The caller closes it.

        Raises:
            StorageError: The disk failed.
        """
        unproven = Unproven(self._files, self._state / UNPROVEN, self._translated)
        unproven.prepare()
        return unproven

    def _keep_manifest(self, key: str, manifest_digest: str, document: bytes) -> None:
        folder = self._partials / key
        ensure_folder(self._files, folder)
        if read_manifest(self._files, folder, manifest_digest) is None:
            write_document(self._files, folder / MANIFEST, document)
        self._files.sync_folder(self._partials)

    def _translated(self, doing: str) -> AbstractContextManager[None]:
        return translated_in(self._files, doing, self._state)
