"""Remembers the digests of objects that were made of a content library's files.

For each object it keeps the SHA-256 digests of its files, and the digests of the blocks that follow
from them. They never change. So a package whose files are all known is compared with a site without
reading one of them.

Guarantees: what is asked for by several threads at once is computed once. The memory is this user's
alone, since whoever could alter it could choose what is published. If it is damaged, it starts
empty; if it cannot be kept, it lasts as long as the process.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from dlcore.disk.private_folder import PrivateFolder, make_way, open_file
from dlcore.errors import OwnershipError
from dlcore.long_path import long_path
from dlcore.publish.source import SourceFile

log = logging.getLogger("dlcore.publish")

NAME: Final = "digests.db"
_TABLE: Final = "CREATE TABLE IF NOT EXISTS object (files BLOB PRIMARY KEY, digests BLOB NOT NULL)"
_WAIT_S: Final = 60.0  # for another process that writes


def default_folder() -> Path:
    """Where digests are kept: with the user's state."""
    import platformdirs

    return platformdirs.user_state_path("dlcore") / "published"


def key_of(files: Iterable[SourceFile], block_bytes: int) -> bytes:
    """The key by which the digests of an object are found.

    Args:
        files: Those that it consists of, in order, each with its SHA-256.
        block_bytes: Length of its blocks.
    """
    named = hashlib.sha256(block_bytes.to_bytes(8, "little"))
    for file in files:
        named.update(file.length_bytes.to_bytes(8, "little") + file.sha256)
    return named.digest()


class KnownDigests:
    """The memory. Thread-safe; several processes may use it.

    Args:
        folder: Where it is kept; None for the `default_folder`.
        keeps: Whether what is new is kept there; a dry run only reads it.
    """

    def __init__(self, folder: Path | None = None, *, keeps: bool = True) -> None:
        self._path = long_path((folder or default_folder()).absolute()) / NAME
        self._lock = threading.Lock()
        self._busy: dict[bytes, threading.Lock] = {}
        self._keeps = keeps
        self._kept = self._open() if keeps or self._path.exists() else None
        self._keeps = keeps and self._kept is not None
        self._new: dict[bytes, bytes] = {}  # what is not kept
        self._disbelieved: set[bytes] = set()  # what is kept, and may not be changed

    def of(self, key: bytes, compute: Callable[[], bytes]) -> bytes:
        """The digests of an object's blocks, concatenated.

        Args:
            key: What it is known by.
            compute: Reads the files, if the digests are not known.
        """
        with self._in_turn(key):
            known = self._find(key)
            if known is None:
                known = compute()
                self._keep(key, known)
            return known

    def forget(self, keys: Collection[bytes]) -> None:
        """Forget objects whose digests may be wrong."""
        rows = [(key,) for key in keys]
        with self._lock:
            for (key,) in rows:
                self._new.pop(key, None)
            if not self._keeps:
                self._disbelieved.update(keys)
            else:
                self._try(lambda db: db.executemany("DELETE FROM object WHERE files = ?", rows))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._kept:
                self._kept.close()
            self._kept = None

    @contextlib.contextmanager
    def _in_turn(self, key: bytes) -> Iterator[None]:
        with self._lock:
            own = self._busy.setdefault(key, threading.Lock())
        with own:
            yield
        with self._lock:
            self._busy.pop(key, None)

    def _find(self, key: bytes) -> bytes | None:
        with self._lock:
            if key in self._new:
                return self._new[key]
            if key in self._disbelieved:
                return None
            found = self._try(
                lambda db: db.execute("SELECT digests FROM object WHERE files = ?", (key,))
            )
            digests = found[0][0] if found else None
            return digests if isinstance(digests, bytes) else None  # a damaged one is a number

    def _keep(self, key: bytes, digests: bytes) -> None:
        with self._lock:
            row = (key, digests)
            if not self._keeps:
                self._new[key] = digests
            else:
                self._try(lambda db: db.execute("INSERT OR REPLACE INTO object VALUES (?, ?)", row))

    def _try(
        self, ask: Callable[[sqlite3.Connection], sqlite3.Cursor]
    ) -> list[tuple[bytes | float | None, ...]]:
        """Ask the file; after a failure it is not asked any more."""
        if self._kept is None:
            return []
        try:
            with self._kept:
                return ask(self._kept).fetchall()
        except sqlite3.Error as error:
            log.warning("%s is not used any more: %s", self._path, error)
            with contextlib.suppress(sqlite3.Error):
                self._kept.close()
            self._kept, self._keeps = None, False
            return []

    def _open(self) -> sqlite3.Connection | None:
        """Open the file, and make it if it is not there; None if that fails."""
        try:
            self._make_private()
            return self._connect()
        except sqlite3.DatabaseError as error:
            log.warning("%s is damaged: %s", self._path, error)
        except (OSError, OwnershipError) as error:
            log.warning("%s is not used: %s", self._path, error)
            return None
        if not self._keeps:
            return None
        try:
            self._path.unlink()
            self._make_private()
            return self._connect()
        except (OSError, sqlite3.Error) as error:
            log.warning("%s is not used: %s", self._path, error)
            return None

    def _make_private(self) -> None:
        """Make the file as far as it is missing, if it is kept; refuse another user's."""
        if self._keeps:
            make_way(self._path.parent)
        place = PrivateFolder(self._path.parent).place(self._path)
        flags = os.O_RDWR if self._keeps else os.O_RDONLY
        os.close(open_file(self._path, place, flags, create=self._keeps))

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=_WAIT_S, check_same_thread=False)
        database.text_factory = bytes  # a damaged row may call its bytes a text
        try:
            # What a power loss takes from it is computed again.
            database.execute("PRAGMA synchronous = OFF")
            if self._keeps:
                database.execute(_TABLE)
            else:
                database.execute("PRAGMA query_only = ON")
                database.execute("SELECT 1 FROM object LIMIT 1")
        except sqlite3.Error:
            database.close()
            raise
        return database
