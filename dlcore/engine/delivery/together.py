"""Delivers short files that are in memory, many with few syncs, each beside whatever else is there.

Each sync waits for the disk, so thousands of short files would take as long as thousands of writes
of the disk's head. Here a group of files is written to a private folder, made durable by one call,
and recorded by one more; then each file gets its name, and their folders are synced.

Guarantees: a file gets its name complete, when its bytes are on the disk, and only where nothing
is. It is called delivered when its name is on the disk as well. What cannot be delivered here, and
why not, is left to a delivery by itself, which replaces, waits, and tells what is wrong. A process
that is killed leaves the private folder; the next call for the same folder clears it.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from dlcore.disk.clearing import clear
from dlcore.disk.faults import guarded
from dlcore.disk.generation import generation
from dlcore.disk.ownership import check_way
from dlcore.disk.private_folder import PrivateFolder
from dlcore.disk.rights import Right, give_rights, rights_of_new_file
from dlcore.disk.system import make_folders
from dlcore.engine.delivery.deliveries import Delivered, Deliveries
from dlcore.engine.delivery.state_folder import (
    remove_lock,
    remove_released,
    remove_state,
    state_folder,
)
from dlcore.engine.delivery.target import Disk, place_of_delivery
from dlcore.engine.policy import EnginePolicy
from dlcore.errors import DlcoreError
from dlcore.package_ids import LOCAL_ID
from dlcore.store.batch import Batch
from dlcore.store.free_space import check_room, space_at
from dlcore.store.lock import StateLock

STATE: Final = ".dlcore.together"
"""Name of the private folder. The state folders of single files end in ``.dlcore``."""

_LEFT_ALONE: Final = {errno.EEXIST, errno.EXDEV}  # another program was faster; another disk

_log = logging.getLogger(__name__)


class ShortFile(NamedTuple):
    """A file to deliver.

    Attributes:
        folder: Where it goes, as the user names it.
        name: What it is called there; that of a file.
        content: Its bytes, verified.
        modified_ns: The time of modification that it gets, in nanoseconds since 1970; None for that
            of its delivery.
    """

    folder: Path
    name: str
    content: bytes
    modified_ns: int | None = None


class _Written(NamedTuple):
    """A file in the private folder.

    Attributes:
        number: Which of its group.
        path: Where it is.
        target: Where it goes.
        inode: Its number.
        generation: Of that inode.
    """

    number: int
    path: Path
    target: Path
    inode: int
    generation: int


class Together:
    """Delivers groups of short files below one folder. For one thread at a time.

    Args:
        folder: The folder of all; made when the first file is delivered.
        deliveries: Remembers what was delivered.
        make_disk: Makes the disk of a private folder; None: of everything.
    """

    def __init__(
        self,
        folder: Path,
        deliveries: Deliveries,
        make_disk: Callable[[PrivateFolder | None], Disk] = Disk,
    ) -> None:
        self._folder = folder
        self._deliveries = deliveries
        self._make_disk = make_disk
        self._disk = make_disk(None)
        self._state: Path | None = None
        self._lock: StateLock | None = None

    def deliver(self, files: Sequence[ShortFile]) -> list[Path | None]:
        """Deliver a group of files.

        Returns:
            Where each is; None for those that were left alone.

        Raises:
            StorageError: The disk failed when some had their names. None counts as delivered.
        """
        written: list[_Written] = []
        try:
            written = self._write(files)
        except (DlcoreError, OSError) as error:
            _log.info("short files are delivered one by one: %s", error)
            self._clear()
            return [None] * len(files)
        with guarded(f"put files into {self._folder}", self._folder):
            named = self._give_names(written)
        found: list[Path | None] = [None] * len(files)
        for each in named:
            found[each.number] = each.target
        return found

    def close(self) -> None:
        """Remove the private folder and end its lock. Idempotent."""
        if self._lock and self._state:
            self._clear()
            lock, self._lock = self._lock, None
            remove_state(self._state)
            remove_lock(self._state)
            lock.release()
            remove_released(self._state)

    def _open(self) -> tuple[Path, Disk]:
        """Take the private folder, and clear what a process that was killed left in it."""
        if self._lock is None or self._state is None:
            self._state = place_of_delivery(self._folder) / STATE
            make_folders(self._state.parent)
            check_way(self._state)
            self._lock = StateLock(self._state, 0.0)
            self._clear()
        return self._state, self._make_disk(self._lock.folder)

    def _clear(self) -> None:
        if self._state is not None and self._lock is not None:
            clear(self._state / "files")

    def _write(self, files: Sequence[ShortFile]) -> list[_Written]:
        """Write what may get its name, and its records, durably.

        Raises:
            DlcoreError: There is no room, or another user could alter a folder.
            OSError: The disk failed.
        """
        state, disk = self._open()
        content_bytes = sum(len(file.content) for file in files)
        check_room(LOCAL_ID, content_bytes, space_at(state), EnginePolicy().reserve, state)
        place = state / "files"
        if disk.status(place) is None:
            disk.make_folder(place)
        folders = _Folders(state)
        written: list[_Written] = []
        with Batch(disk, place) as batch:
            for number, file in enumerate(files):
                folder, right = folders.of(file.folder)
                target = folder / file.name
                if self._is_taken(target):
                    continue
                path = place / str(number)
                written.append(
                    _Written(number, path, target, *_write_one(batch, path, file, right))
                )
            batch.sync()
        names = {each.target: each for each in written}
        self._deliveries.begin_all({path: _delivered(each) for path, each in names.items()})
        return list(names.values())

    def _is_taken(self, target: Path) -> bool:
        """Whether something is there, or an earlier call has begun with it."""
        is_there = self._disk.status(target) is not None
        return is_there or self._disk.status(state_folder(target)) is not None

    def _give_names(self, written: Sequence[_Written]) -> list[_Written]:
        """Give files their names, where nothing is; durably.

        Raises:
            OSError: The disk failed.
        """
        named: list[_Written] = []
        for each in written:
            try:
                self._disk.move_to_free_name(each.path, each.target)
                named.append(each)
            except OSError as error:
                if error.errno not in _LEFT_ALONE:
                    raise
                self._disk.remove(each.path)
        for folder in {each.target.parent for each in named}:
            self._disk.sync_folder(folder)
        return named


class _Folders:
    """The folders that one group goes into: each is judged, and its rights are asked for, once."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._found: dict[Path, tuple[Path, Right]] = {}

    def of(self, folder: Path) -> tuple[Path, Right]:
        """Where a folder is, and the rights of new files in it; the folder is made.

        Raises:
            DlcoreError: Another user could alter it.
            OSError: The disk refused.
        """
        if folder not in self._found:
            place = place_of_delivery(folder)
            make_folders(place)
            check_way(place / STATE)
            rights = rights_of_new_file(place / STATE, self._state)
            self._found[folder] = place, rights.files
        return self._found[folder]


def _write_one(batch: Batch, path: Path, file: ShortFile, right: Right) -> tuple[int, int]:
    """Write one file, with its rights and time; its inode, and the generation of that."""
    inodes: list[tuple[int, int]] = []

    def finish(fd: int) -> None:
        give_rights(fd, path, right)
        if file.modified_ns is not None:
            os.utime(fd if os.utime in os.supports_fd else path, ns=(file.modified_ns,) * 2)
        inodes.append((os.fstat(fd).st_ino, generation(fd)))

    batch.write(path, file.content, finish)
    return inodes[0]


def _delivered(each: _Written) -> Delivered:
    files = frozenset({each.target.name})
    return Delivered(each.inode, LOCAL_ID, 1, files, frozenset(), each.generation)
