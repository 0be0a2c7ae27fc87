"""The state directory: finished packages, unfinished ones, and the lock on it.

Guarantees: a package below ``packages/`` is complete: it got there by one rename after all of it
was durable. One process holds the directory at a time. Layout: ``docs/formats.md``, section
"State directory"; why it is safe: ``docs/durability.md``.

Threads: calls for different packages may overlap; ``open`` and ``close`` are the owner's.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from dlcore.disk.faults import translated
from dlcore.disk.ownership import check_way
from dlcore.disk.private_folder import PrivateFolder
from dlcore.disk.system import allocated_bytes
from dlcore.errors import InternalError, ManifestError
from dlcore.long_path import plain_path, rooted
from dlcore.model import BlockInPackage, Manifest
from dlcore.printable import quoted
from dlcore.store.cache import Cache
from dlcore.store.cache.sharing import Sharing
from dlcore.store.files import Files, write_document
from dlcore.store.finished import FinishedPackages
from dlcore.store.inventory import Inventory
from dlcore.store.lock import StateLock
from dlcore.store.manifest_file import MANIFEST, read_manifest
from dlcore.store.partial import CONTENT, Partial
from dlcore.store.removal import Removal
from dlcore.store.room import Reserve, Space, check_room
from dlcore.store.tree import ensure_folder

_PACKAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def package_key(package_id: str, version: int, manifest_digest: str) -> str:
    """Name of a package's folder: ``ABC00012.1-<first 16 hex of the manifest digest>``.

    Raises:
        ManifestError: The id cannot be the name of a folder.
    """
    if not _PACKAGE_ID.fullmatch(package_id):
        raise ManifestError(f"not a package id: {quoted(package_id)}")
    return f"{package_id}.{version}-{manifest_digest[:16].lower()}"


class Store:
    """A state directory. Made by `open`, which holds it, or `look`; a context manager.

    Args:
        state: The directory.
        files: The disk.
        lock: Released by `close`; None if the store was made by `look`.
    """

    def __init__(self, state: Path, files: Files, lock: StateLock | None = None) -> None:
        self._state = state
        self._files = files
        self._lock = lock
        self._packages = state / "packages"
        self._partials = state / "partial"
        self._removed = state / "removed"
        self._begun: dict[str, Partial] = {}
        self._cache: Cache | None = None
        self._sharing = Sharing(files, self._packages, self._removed)
        self._removal = Removal(files, self._removed, self._sharing.lock)
        self._finished = FinishedPackages(
            files, self._packages, self._partials, self._removal, self._sharing
        )

    @classmethod
    def open(cls, state: Path, *, wait_s: float = 0.0) -> Self:
        """Lock a state directory; make it (mode 0700) if it does not exist.

        Args:
            state: The directory.
            wait_s: How long to wait while another process holds it.

        Raises:
            LockedError: It still does; the message says which.
            OwnershipError: Another user could alter the directory, or has altered it.
            StorageError: The directory cannot be used.
        """
        state = rooted(state)
        anywhere = Files()
        with _translated(anywhere, "open the state directory", state):
            check_way(state)
            make_state_folder(anywhere, state)
            lock = StateLock(state, wait_s)
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

        Only for `read_manifest` and `reserved_bytes`.
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

    def use_cache(self) -> None:
        """Let packages take over from each other what they have in common. After `open`."""
        self._cache = Cache(self._files, self._state, self._sharing)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def read_manifest(self, package_id: str, manifest_digest: str, version: int) -> bytes | None:
        """The manifest document of a finished or unfinished package; None if it is not intact.

        Raises:
            StorageError: The disk failed.
        """
        key = package_key(package_id, version, manifest_digest)
        with self._translated("read a manifest"):
            return read_manifest(
                self._files, self._packages / key, manifest_digest
            ) or read_manifest(self._files, self._partials / key, manifest_digest)

    def reserved_bytes(self, package_id: str, manifest_digest: str, version: int) -> int:
        """Disk space that a package occupies, finished or not; 0 if it was never begun.

        Raises:
            StorageError: The disk failed.
        """
        key = package_key(package_id, version, manifest_digest)
        with self._translated("look for a package"):
            return sum(
                allocated_bytes(Path(folder) / name)
                for parent in (self._packages, self._partials)
                for folder, _, names in os.walk(parent / key)
                for name in names
            )

    def content_folder(self, package_id: str, version: int, manifest_digest: str) -> Path:
        """Where the content of a package lies once it is finished, as programs name it."""
        key = package_key(package_id, version, manifest_digest)
        return plain_path(self._packages.absolute() / key / CONTENT)

    def prove(
        self, manifest: Manifest, document: bytes, *, lend: bool = False, to_write: bool = False
    ) -> Path | None:
        """Prove that a finished package is as its manifest says: the only way to its content.

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
        digest = hashlib.sha256(document).hexdigest()
        key = package_key(manifest.package_id, manifest.version, digest)
        with self._translated(f"prove package {manifest.package_id}"):
            return self._finished.prove(
                key, manifest, digest, document, lend=lend, to_write=to_write
            )

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
        digest = hashlib.sha256(document).hexdigest()
        has_bytes = self.reserved_bytes(manifest.package_id, digest, manifest.version)
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
        digest = hashlib.sha256(document)
        key = package_key(manifest.package_id, manifest.version, digest.hexdigest())
        earlier = self._begun.get(key)
        target = self._packages / key
        if earlier and not earlier.closed:
            raise InternalError(f"package {manifest.package_id} is being filled already")
        with self._translated(f"begin package {manifest.package_id}"):
            if self._files.status(target):
                raise InternalError(f"package {manifest.package_id} is finished")
            self._keep_manifest(key, digest.hexdigest(), document)
        partial = Partial(
            self._files,
            self._partials / key,
            target,
            manifest,
            digest.digest(),
            lambda found: self._note_finished(key, manifest, found),
        )
        try:
            partial.begin()
            if self._cache:
                self._cache.fill(partial, key, is_under_way=False)
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
        if self._cache is None:
            return []
        return self._cache.fill(partial, partial.key, is_under_way=True)

    def find_file(self, sha256: bytes, length_bytes: int | None = None) -> Path | None:
        """A file of any package with this SHA-256: `Cache.find_file`; None without a cache."""
        return self._cache.find_file(sha256, length_bytes) if self._cache else None

    def remove(self, package_id: str, manifest_digest: str, version: int) -> bool:
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
        self._finished.note(key, found)
        if self._cache:
            self._cache.share(key, manifest)

    def _keep_manifest(self, key: str, manifest_digest: str, document: bytes) -> None:
        folder = self._partials / key
        ensure_folder(self._files, folder)
        if read_manifest(self._files, folder, manifest_digest) is None:
            write_document(self._files, folder / MANIFEST, document)
        self._files.sync_folder(self._partials)

    def _translated(self, doing: str) -> AbstractContextManager[None]:
        return _translated(self._files, doing, self._state)


def make_state_folder(files: Files, state: Path) -> None:
    """Make the state directory and its parents, durably.

    Raises:
        OSError: The disk refused.
    """
    if files.status(state) is not None:
        return
    make_state_folder(files, state.parent)
    files.make_folder(state)
    files.sync_folder(state.parent)


def _translated(files: Files, doing: str, folder: Path) -> AbstractContextManager[None]:
    return translated(doing, folder, lambda: files.free_bytes(folder), lambda: 0)
