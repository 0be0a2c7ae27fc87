"""Remembers what dlcore has delivered where: which names in a folder are its own.

A record says that the folder or file with this inode, at this path, was put there by dlcore, and
which names a package of that version has. The generation of the inode is part of it: a file that is
made after another was deleted may get the number of the first. With a record, a later delivery of
the same package may replace what is damaged and drop what only the older version had. It is never
evidence of content: that is always hashed.

Guarantees: a record that is missing, damaged, of another path or of another inode is ignored, and
so is one that another user could have written. A record that cannot be written stops no delivery; a
disk that fails to read one raises ``OSError``.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import zlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from dlcore.disk.generation import UNKNOWN, generation_at, may_be_same
from dlcore.disk.links import is_file, is_folder
from dlcore.disk.private_folder import PrivateFolder, make_way
from dlcore.errors import OwnershipError
from dlcore.long_path import rooted
from dlcore.model import Manifest
from dlcore.package_ids import LOCAL_ID
from dlcore.store.batch import Batch
from dlcore.store.files import Files, read_document, write_document
from dlcore.store.tree import folders_of

MAX_RECORD_BYTES = 128 << 20  # unpacked; two manifests of the greatest length are shorter
MAX_RECORDS = 10_000  # a record of 100,000 names has about 1 MB; the oldest ones go
SLACK = 10  # a tenth of the limit is dropped at once
_log = logging.getLogger(__name__)


class Delivered(msgspec.Struct, frozen=True):
    """One thing that dlcore put at a path.

    Attributes:
        inode: Number of the folder, or of the single file.
        package: Id of the package.
        version: Of the package.
        files: Paths of its files.
        folders: Paths of all its folders.
        generation: Of the inode: another file that gets the same number later has another one.
    """

    inode: int
    package: str
    version: int
    files: frozenset[str]
    folders: frozenset[str]
    generation: int = UNKNOWN

    @classmethod
    def of(cls, manifest: Manifest, inode: int, generation: int = UNKNOWN) -> Delivered:
        """A package, as the folder or file with that inode."""
        files = frozenset(file.path for file in manifest.files)
        folders = frozenset(folders_of(manifest))
        return cls(inode, manifest.package_id, manifest.version, files, folders, generation)

    @classmethod
    def at(cls, path: Path, manifest: Manifest) -> Delivered:
        """A package, as the folder or file that is at a path.

        Raises:
            OSError: The disk failed, or nothing is there.
        """
        return cls.of(manifest, path.stat().st_ino, generation_at(path))

    def is_of(self, manifest: Manifest) -> bool:
        """Whether this is a version of a package: of no other one may anything be replaced.

        Content without a package id says nothing but its names, so all of them must be the same.
        """
        if self.package != manifest.package_id:
            return False
        return self.package != LOCAL_ID or self.files == {file.path for file in manifest.files}

    def owns(self, path: str, status: os.stat_result) -> bool:
        """Whether what is at a path in the folder has a name and a kind of this package."""
        if is_folder(status):
            return path in self.folders
        return is_file(status) and path in self.files


class _Record(msgspec.Struct, frozen=True):
    """What a record's file holds.

    Attributes:
        schema: 1.
        path: Absolute.
        delivered: What is there. Two things while one replaces the other.
    """

    schema: int
    path: str
    delivered: tuple[Delivered, ...]


class Deliveries:
    """The records of one user, or of one state directory.

    Args:
        folder: Where they lie; made when the first is written.
        files: The disk. None: the real one, and the folder must be private.
        max_records: How many are kept; the oldest ones go.
    """

    def __init__(
        self, folder: Path, files: Files | None = None, max_records: int = MAX_RECORDS
    ) -> None:
        self._folder = rooted(folder)
        self._files = files or Files(PrivateFolder(self._folder))
        self._max_records = max_records
        self._noted: dict[Path, tuple[Delivered, ...]] = {}  # by `begin`, and on disk
        self._until_counted = 0  # how many more records may be written before they are counted
        self._counting = threading.Lock()

    def find(self, path: Path, inode: int, generation: int = UNKNOWN) -> Delivered | None:
        """What dlcore put at a path, if that is what is there now; None if it is not known.

        Args:
            path: The path.
            inode: Number of what is there now.
            generation: Of that inode.
        """
        for item in self._read(path):
            if item.inode == inode and may_be_same(item.generation, generation):
                return item
        return None

    def all(self, path: Path) -> tuple[Delivered, ...]:
        """What dlcore put at a path, or was about to put there, whatever is there now."""
        return self._read(path)

    def begin(self, path: Path, replaced: Delivered | None, delivered: Delivered) -> None:
        """Note, durably, that something is about to be put at a path.

        Args:
            path: Where.
            replaced: What is there now, if dlcore put it there; it stays noted until `end`.
            delivered: What will be there.
        """
        noted = (replaced, delivered) if replaced else (delivered,)
        if self._write(path, noted):
            self._noted[path] = noted

    def begin_all(self, delivered: Mapping[Path, Delivered]) -> None:
        """Note the same of many things that replace nothing, with few syncs.

        Args:
            delivered: What will be at each path.
        """
        records = {
            self._file(path): zlib.compress(msgspec.json.encode(_Record(1, str(path), (item,))))
            for path, item in delivered.items()
        }
        try:
            make_way(self._folder)
            with Batch(self._files, self._folder) as batch:
                for record, data in records.items():
                    batch.write(_fresh(record), data, lambda _: None)
                batch.sync()
            for record in records:
                self._files.move(_fresh(record), record)
            self._files.sync_folder(self._folder)
            self._drop_oldest(len(records))
        except (OSError, OwnershipError) as error:
            _log.warning("%d deliveries are not recorded: %s", len(records), error)

    def end(self, path: Path, delivered: Delivered) -> None:
        """Note that it is there now, and nothing else, unless `begin` has noted just that."""
        if self._noted.pop(path, ()) != (delivered,):
            self._write(path, (delivered,))

    def _read(self, path: Path) -> tuple[Delivered, ...]:
        try:
            data = read_document(self._files, self._file(path))
            record = msgspec.json.decode(_unpacked(data or b""), type=_Record)
        except (PermissionError, NotADirectoryError, zlib.error):
            return ()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return ()
        except OwnershipError as error:
            _log.warning("records of deliveries are not used: %s", error.message)
            return ()
        is_right = record.schema == 1 and record.path == str(path)
        return record.delivered if is_right else ()

    def _write(self, path: Path, delivered: tuple[Delivered, ...]) -> bool:
        data = zlib.compress(msgspec.json.encode(_Record(1, str(path), delivered)))
        try:
            make_way(self._folder)
            write_document(self._files, self._file(path), data)
            self._files.sync_folder(self._folder)
            self._drop_oldest()
        except (OSError, OwnershipError) as error:
            _log.warning("what was delivered to %s is not recorded: %s", path, error)
            return False
        return True

    def _drop_oldest(self, written: int = 1) -> None:
        """Keep to the limit; records are counted only when there may be too many by now."""
        with self._counting:
            if self._until_counted >= written:
                self._until_counted -= written
                return
            records = [self._folder / name for name in self._files.names(self._folder)]
            left = len(records)
            if left > self._max_records:
                left = self._max_records - self._max_records // SLACK
                for path in sorted(records, key=self._age)[:-left]:
                    self._files.remove(path)
            self._until_counted = self._max_records - left

    def _age(self, path: Path) -> float:
        status = self._files.status(path)
        return status.st_mtime if status else 0.0

    def _file(self, path: Path) -> Path:
        return self._folder / f"{hashlib.sha256(os.fsencode(path)).hexdigest()}.record"


def _fresh(record: Path) -> Path:
    return record.with_name(record.name + ".new")


def _unpacked(data: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    document = unpacker.decompress(data, MAX_RECORD_BYTES)
    if not unpacker.eof:
        raise zlib.error("cut off, or too long")
    return document


def users_deliveries() -> Path:
    """Where the records of this user's own deliveries lie."""
    import platformdirs

    return platformdirs.user_state_path("dlcore") / "deliveries"
