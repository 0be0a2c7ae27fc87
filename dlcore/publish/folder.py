"""Publishes into a folder on a local or mounted disk.

Guarantees: a file appears under its key by one rename, after its content was synced. Documents
change under a lock. Several publishers may work on the same folder. A publisher that was killed
leaves a temporary file, which a later publisher removes once it is old (`PublishPolicy.stale_s`).
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import logging
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedReader
from pathlib import Path

from dlcore.disk.links import is_file, is_folder
from dlcore.disk.lock import FileLock
from dlcore.disk.ownership import check_no_link, followed
from dlcore.disk.system import make_folders, sync_folder
from dlcore.errors import LockedError, OwnershipError
from dlcore.file_times import moment_of
from dlcore.long_path import long_path, plain_path, rooted
from dlcore.model import is_content_key
from dlcore.plain_files import is_there
from dlcore.publish.destination import Change, Listed, Stored, too_long_error
from dlcore.publish.disk import disk_faults, open_plain
from dlcore.publish.policy import DEFAULT_POLICY, PublishPolicy
from dlcore.publish.site_folders import TEMPORARY, check_removable, open_folder
from dlcore.redaction import redact_named

LOCK_NAME = ".catalog.lock"

log = logging.getLogger("dlcore.publish")


class FolderDestination:
    """A `Destination` in a folder.

    Args:
        root: The folder; it is created by the first write.
        policy: Limits and sizes.
        doing: What is being done, as in "cannot publish".
    """

    def __init__(
        self, root: Path, policy: PublishPolicy = DEFAULT_POLICY, *, doing: str = "publish"
    ) -> None:
        has_parent = os.pardir in root.parts  # else a folder before the `..` would be made
        self.root = rooted(root) if has_parent else long_path(root)
        self._policy = policy
        self._doing = doing

    @property
    def name(self) -> str:
        """The folder's path; if nothing is there, without the secrets of a mistyped URL."""
        path = str(plain_path(self.root))
        return path if is_there(self.root) else redact_named(path)

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.root

    @property
    def workers(self) -> int:
        """One for each core, because reading and writing include hashing."""
        return os.cpu_count() or 1

    def find(self, key: str) -> Stored | None:
        """The length of the file under a key; None if there is none."""
        path = self.root / key
        with disk_faults(path, "read"):
            return Stored(path.stat().st_size) if path.is_file() else None

    def read(self, key: str, start: int, end: int) -> memoryview:
        """Read a part of the file under a key."""
        path = self.root / key
        data = memoryview(bytearray(end - start))
        with disk_faults(path, "read"), open_plain(path) as file:
            file.seek(start)
            done = 0
            while done < len(data) and (count := file.readinto(data[done:])):
                done += count
        return data[:done]

    def keys(self, folder: str) -> Iterator[str]:
        """Everything in a folder, apart from what publishers have not finished writing."""
        path = self.root / folder
        with disk_faults(path, "read"):
            names = sorted(entry.name for entry in path.iterdir()) if path.is_dir() else []
        return (f"{folder}/{name}" for name in names if not name.startswith("."))

    def write(
        self, key: str, content: Iterable[memoryview], length_bytes: int, *, address: str = ""
    ) -> None:
        """Write a temporary file next to the final one, sync it, and rename it.

        Raises:
            OwnershipError: A folder of the site is a link, or another user has planted one that
                leads to the site. Nothing was written.
        """
        folder, _, name = key.rpartition("/")
        with disk_faults(self.root / key, self._doing):
            self._make_folders(folder)
            with open_folder(self.root, folder) as opened:
                if opened is None:
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
                opened.write(name, content)

    def _make_folders(self, folder: str = "") -> None:
        """Make the site and a folder in it, as far as they are missing."""
        make_folders(followed(self.root))
        if folder:
            with open_folder(self.root) as opened:
                if opened:
                    opened.make_folder(folder)

    def check_removable(self) -> None:
        """Refuse links in the place of folders, and for root what another user can alter."""
        with disk_faults(self.root, "prune"):
            check_removable(self.root)

    def list_folder(self, folder: str) -> Iterator[Listed]:
        """Everything in a folder, with the time of each file; apart from unfinished files."""
        path = self.root / folder
        with disk_faults(path, "read"), open_folder(self.root, folder) as opened:
            for name, status in opened.entries() if opened else ():
                key = f"{folder}/{name}"
                if is_content_key(key):
                    check_no_link(path / name, status)
                if not name.startswith("."):
                    stored_at = moment_of(status.st_mtime)
                    yield Listed(key, status.st_size, stored_at, is_file(status))

    def remove(self, keys: Sequence[str]) -> None:
        """Delete files."""
        for folder, own in itertools.groupby(keys, key=lambda key: key.rpartition("/")[0]):
            path = self.root / folder
            with disk_faults(path, "prune"), open_folder(self.root, folder) as opened:
                if opened:
                    for key in own:
                        opened.remove(key.rpartition("/")[2])

    def sync(self) -> None:
        """Sync the folders, so that the new names survive a power loss."""
        with disk_faults(self.root, self._doing):
            self._make_folders()
            for folder in (*self.root.iterdir(), self.root):
                if folder.is_dir():
                    sync_folder(folder)

    def read_whole(self, key: str) -> bytes | None:
        """A document; None if there is none under the key. A pipe in its place is refused."""
        path, max_bytes = self.root / key, self._policy.max_document_bytes
        with disk_faults(path, self._doing):
            try:
                with BufferedReader(open_plain(path)) as file:
                    document = file.read(max_bytes + 1)
            except FileNotFoundError:
                return None
        if len(document) > max_bytes:
            raise too_long_error(str(path), max_bytes)
        return document

    def create(self, key: str, document: bytes) -> bool:
        """Store a document if there is none under its key; see `Destination`."""
        if self.find(key) is not None:
            return False
        self.write(key, [memoryview(document)], len(document))
        return True

    def change(self, key: str, change: Change) -> None:
        """Replace a document under the folder's lock; see `Destination`."""
        lock = self.root / LOCK_NAME
        timeout_s = self._policy.lock_timeout_s
        with disk_faults(lock, self._doing), contextlib.ExitStack() as held:
            self._make_folders()
            try:
                held.enter_context(FileLock(lock, timeout_s))
            except LockedError as error:
                raise LockedError(
                    f"{lock}: another publisher has held this lock for {timeout_s:.0f} s",
                    path=lock,
                    remedy=f"Wait until it has finished, then {self._doing} again.",
                ) from error
            self._remove_stale()
            document = change(self.read_whole(key))
            if document is not None:
                self.write(key, [memoryview(document)], len(document))
                self.sync()

    def _remove_stale(self) -> None:
        for folder in self._remove_stale_in(""):  # of documents they lie in the root
            self._remove_stale_in(folder)

    def _remove_stale_in(self, folder: str) -> list[str]:
        """Remove unfinished files from a folder of the site; the names of the folders in it."""
        folders = list[str]()
        # What is not for this user, such as ``lost+found``, has no files of publishers.
        with (
            contextlib.suppress(PermissionError, OwnershipError),
            open_folder(self.root, folder) as opened,
        ):
            for name, status in opened.entries() if opened else ():
                if is_folder(status):
                    folders.append(name)
                elif opened and self._is_stale(name, status):
                    with contextlib.suppress(PermissionError):  # on Windows a program holds it
                        opened.remove(name)
                        path = self.root / folder / name
                        log.info("removed %s, left by a publisher that was killed", path)
        return folders

    def _is_stale(self, name: str, status: os.stat_result) -> bool:
        is_temporary = name.startswith(".") and name.endswith(TEMPORARY) and is_file(status)
        return is_temporary and time.time() - status.st_mtime > self._policy.stale_s
