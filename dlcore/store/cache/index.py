"""The index of the cache: in which package a digest lies. The only importer of sqlite3.

Guarantees: no method raises because of what is in the file, or because it cannot be written. An
index that is damaged, of another version or another user's is deleted and made again once; if that
fails too, there is none for the life of the process, and every question has the answer "nowhere".
What it answers may be wrong: the caller verifies.

Thread-safe. Only one process may have it open: the one that holds the state directory.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, TypeVar

from dlcore.errors import OwnershipError
from dlcore.store.cache.contents import Contents
from dlcore.store.files import Files, delete

INDEX = "cache.db"
VERSION = 2
_MARKS = ("", "-wal", "-shm", "-journal")  # SQLite's own files beside the index
_CACHE_KIB = 2048  # of SQLite's pages in memory, so that the index does not grow the process

_SCHEMA = f"""
PRAGMA user_version = {VERSION};
CREATE TABLE package (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
CREATE TABLE file (
    id INTEGER PRIMARY KEY, package INTEGER NOT NULL, path TEXT NOT NULL,
    length_bytes INTEGER NOT NULL, name INTEGER NOT NULL
);
CREATE INDEX file_by_name ON file (name);
CREATE TABLE block (digest INTEGER NOT NULL, file INTEGER NOT NULL, offset_bytes INTEGER NOT NULL);
CREATE INDEX block_by_digest ON block (digest);
"""

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class FileWish(NamedTuple):
    """A file that is looked for.

    Attributes:
        number: The caller's own number for it.
        name: Short name of its content.
        length_bytes: Its length.
    """

    number: int
    name: int
    length_bytes: int


class FilePlace(NamedTuple):
    """Where a file may lie.

    Attributes:
        number: The caller's number of what was looked for.
        package: Key of the package.
        path: Path in that package.
    """

    number: int
    package: str
    path: str


class BlockPlace(NamedTuple):
    """Where a block may lie.

    Attributes:
        number: The caller's number of what was looked for.
        package: Key of the package.
        path: Path in that package.
        offset_bytes: Where it begins in that file.
    """

    number: int
    package: str
    path: str
    offset_bytes: int


class Index:
    """The index of one state directory. It is opened when it is first needed.

    Args:
        files: The disk.
        folder: The state directory.
    """

    def __init__(self, files: Files, folder: Path) -> None:
        self._files = files
        self._path = folder / INDEX
        self._lock = threading.RLock()
        self._database: sqlite3.Connection | None = None
        self._is_given_up = False

    # What it knows

    def packages(self) -> set[str]:
        """Keys of the packages whose contents are in the index."""
        return self._asked(set, lambda db: {_text(row[0]) for row in db.execute(_ALL_PACKAGES)})

    def find_files(self, wishes: Iterable[FileWish], besides: str) -> list[FilePlace]:
        """Where files of these contents may lie, in any order; several places for one are possible.

        Args:
            wishes: What is looked for.
            besides: Key of the package that they are for, in which is not looked.
        """

        def ask(database: sqlite3.Connection) -> list[FilePlace]:
            _fill_wishes(database, ((w.number, w.name, w.length_bytes) for w in wishes))
            found = database.execute(_FIND_FILES, (besides,))
            return [FilePlace(_whole(n), _text(k), _text(p)) for n, k, p in found]

        return self._asked(list, ask)

    def find_blocks(self, wishes: Iterable[tuple[int, int]], besides: str) -> list[BlockPlace]:
        """Where blocks may lie, as `find_files`.

        Args:
            wishes: The caller's number of each block, and its digest, shortened.
            besides: As for `find_files`.
        """

        def ask(database: sqlite3.Connection) -> list[BlockPlace]:
            _fill_wishes(database, ((number, digest, 0) for number, digest in wishes))
            found = database.execute(_FIND_BLOCKS, (besides,))
            return [BlockPlace(_whole(n), _text(k), _text(p), _whole(o)) for n, k, p, o in found]

        return self._asked(list, ask)

    # What it learns

    def add(self, key: str, contents: Contents) -> None:
        """Keep what a package consists of."""
        self._execute(lambda database: _add(database, key, contents))

    def drop(self, key: str) -> None:
        """Forget a package."""
        self._execute(lambda database: _drop(database, key))

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            database, self._database = self._database, None
            if database is not None:
                database.close()

    # How it is opened, and given up

    def _asked(self, nothing: Callable[[], _T], ask: Callable[[sqlite3.Connection], _T]) -> _T:
        """The answer to a question; ``nothing()`` while there is no index."""
        with self._lock:
            for _ in range(2):  # a damaged one is made again, and then knows nothing
                try:
                    database = self._opened()
                    if database is None:
                        return nothing()
                    with database:
                        return ask(database)
                except _FAULTS as error:
                    self._discard(error)
            self._is_given_up = True
            return nothing()

    def _execute(self, tell: Callable[[sqlite3.Connection], object]) -> None:
        def ask(database: sqlite3.Connection) -> None:
            tell(database)

        self._asked(lambda: None, ask)

    def _opened(self) -> sqlite3.Connection | None:
        if self._database is None and not self._is_given_up:
            self._files.close(self._files.open(self._path, create=True))  # private, and ours
            self._database = _connect(self._path)
        return self._database

    def _discard(self, why: Exception) -> None:
        """Delete the index: whatever is wrong with it, packages are complete without it."""
        _log.warning("%s is rebuilt: %s", self._path, why)
        self.close()
        for mark in _MARKS:
            with contextlib.suppress(OSError, OwnershipError):
                delete(self._files, self._path.with_name(INDEX + mark))


class _DamagedError(ValueError):
    """The index holds what it was never given."""


_FAULTS = (sqlite3.Error, OSError, OwnershipError, ValueError, OverflowError)
"""What a damaged index raises; even a message of SQLite's may not be text."""


_ALL_SQL = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"  # NULL: of a UNIQUE column
_ALL_PACKAGES = "SELECT key FROM package"
_FIND_FILES = """
SELECT wish.number, package.key, file.path FROM wish
JOIN file ON file.name = wish.name AND file.length_bytes = wish.length_bytes
JOIN package ON package.id = file.package WHERE package.key <> ?
"""
_FIND_BLOCKS = """
SELECT wish.number, package.key, file.path, block.offset_bytes FROM wish
JOIN block ON block.digest = wish.name JOIN file ON file.id = block.file
JOIN package ON package.id = file.package WHERE package.key <> ?
"""


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=0.0, check_same_thread=False)
    try:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")  # one process; needs no shared memory
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA temp_store = MEMORY")
        database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if not version:
            database.executescript(_SCHEMA)
        elif version != VERSION:
            raise _DamagedError(f"it has version {version}, and this dlcore writes {VERSION}")
        _check_schema(database)
        database.execute(
            "CREATE TEMP TABLE wish (number INTEGER, name INTEGER, length_bytes INTEGER)"
        )
    except BaseException:
        database.close()
        raise
    return database


def _check_schema(database: sqlite3.Connection) -> None:
    """Refuse all but what dlcore has made: a view or a trigger may be a query without end."""
    wanted = {line.strip() for line in _SCHEMA.split(";") if "CREATE" in line}
    if {sql for (sql,) in database.execute(_ALL_SQL)} != wanted:
        raise _DamagedError("it has other tables than those of dlcore")


def _fill_wishes(database: sqlite3.Connection, rows: Iterable[tuple[int, int, int]]) -> None:
    database.execute("DELETE FROM wish")
    database.executemany("INSERT INTO wish VALUES (?, ?, ?)", rows)


def _add(database: sqlite3.Connection, key: str, contents: Contents) -> None:
    _drop(database, key)
    package = database.execute("INSERT INTO package (key) VALUES (?)", (key,)).lastrowid
    (last,) = database.execute("SELECT coalesce(max(id), 0) FROM file").fetchone()
    first = _whole(last) + 1
    database.executemany(
        "INSERT INTO file VALUES (?, ?, ?, ?, ?)",
        ((first + at, package, *entry) for at, entry in enumerate(contents.files)),
    )
    database.executemany(
        "INSERT INTO block VALUES (?, ?, ?)",
        ((digest, first + file, offset) for digest, file, offset in contents.blocks),
    )


def _drop(database: sqlite3.Connection, key: str) -> None:
    found = database.execute("SELECT id FROM package WHERE key = ?", (key,)).fetchone()
    if found:
        database.execute(
            "DELETE FROM block WHERE file IN (SELECT id FROM file WHERE package = ?)", found
        )
        database.execute("DELETE FROM file WHERE package = ?", found)
        database.execute("DELETE FROM package WHERE id = ?", found)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise _DamagedError("a value is not text")


def _whole(value: object) -> int:
    if isinstance(value, int):
        return value
    raise _DamagedError("a value is not a whole number")
