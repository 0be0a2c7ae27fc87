"""Folders that people name as sources: older deliveries, ``ccmcache``, any folder.

A seed tells nothing of its files, so they are hashed to find out what they are: those that are as
long as a file that is looked for, or have its name. Each is hashed once in the life of a process,
as long as it is not changed.

Guarantees: nothing in a seed is believed or changed. Links are not followed. What cannot be read is
left out, and the log tells it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from dlcore.disk.links import is_file, is_folder
from dlcore.long_path import long_path
from dlcore.manifest import object_name
from dlcore.model import DIGEST_BYTES, BlockInPackage, Manifest
from dlcore.native import block_digests
from dlcore.store.cache.contents import content_name, short
from dlcore.store.cache.local_sources import FilePosition, Missing
from dlcore.store.checking import in_parallel
from dlcore.store.files import Files, read_fully

_log = logging.getLogger(__name__)


class _Hashed(NamedTuple):
    """What a file was when it was hashed.

    Attributes:
        identity: Inode, length and times.
        sha256: Its SHA-256, shortened.
        blocks: The digests of its blocks, shortened.
        name: The short name of its content, if an object of these blocks holds it alone.
    """

    identity: tuple[int, ...]
    sha256: int
    blocks: tuple[int, ...]
    name: int


class Seeds:
    """The seeds of one process. Thread-safe.

    Args:
        folders: The seeds. One that is not there, or no folder, is left out.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = [long_path(folder) for folder in folders]
        self._files = Files()
        self._hashed: dict[tuple[Path, int], _Hashed] = {}
        self._lock = threading.Lock()

    def files(self, missing: Missing) -> dict[int, Path]:
        """Where files of a package may lie: `LocalSource`."""
        hashed = self._look(missing)
        by_content: dict[tuple[int, int], Path] = {}
        for path, each in hashed.items():
            length_bytes = each.identity[1]
            by_content[each.sha256, length_bytes] = path
            by_content[each.name, length_bytes] = path
        manifest, found = missing.manifest, {}
        for number in missing.files:
            file = manifest.files[number]
            place = by_content.get((content_name(manifest, file), file.length_bytes))
            if place:
                found[number] = place
        return found

    def blocks(self, missing: Missing) -> dict[BlockInPackage, FilePosition]:
        """Where blocks of a package may lie: `LocalSource`."""
        block_bytes = missing.manifest.block_bytes
        by_digest = {
            digest: FilePosition(path, at * block_bytes)
            for path, each in self._look(missing).items()
            for at, digest in enumerate(each.blocks)
        }
        found = {}
        for number in missing.blocks:
            if place := by_digest.get(short(missing.digest(number))):
                found[number] = place
        return found

    def _look(self, missing: Missing) -> dict[Path, _Hashed]:
        """Hash what may be looked for, with all cores."""
        manifest = missing.manifest
        wanted = [manifest.files[number] for number in missing.files]
        lengths = {file.length_bytes for file in wanted}
        names = {file.path.rpartition("/")[2].casefold() for file in wanted}
        found: dict[Path, _Hashed] = {}
        chosen: list[tuple[Path, os.stat_result]] = []
        for path, status in self._walk():
            if status.st_size in lengths or path.name.casefold() in names:
                known = self._hashed.get((path, manifest.block_bytes))
                if known and known.identity == _identity(status):
                    found[path] = known
                elif status.st_size:
                    chosen.append((path, status))

        def hash_one(item: tuple[Path, os.stat_result], buffer: memoryview) -> None:
            hashed = self._hash(item[0], manifest, buffer)
            if hashed:
                with self._lock:
                    found[item[0]] = self._hashed[item[0], manifest.block_bytes] = hashed

        in_parallel(chosen, hash_one, manifest.block_bytes)
        return found

    def _hash(self, path: Path, manifest: Manifest, buffer: memoryview) -> _Hashed | None:
        whole, digests = hashlib.sha256(), bytearray()
        try:
            fd = self._files.open_to_read(path)
            try:
                status = os.fstat(fd)
                for at in range(0, status.st_size, len(buffer)):
                    view = buffer[: min(len(buffer), status.st_size - at)]
                    data = view[: read_fully(self._files, fd, view, at)]
                    whole.update(data)
                    digests += block_digests(data, manifest.block_bytes)
            finally:
                self._files.close(fd)
        except OSError as error:
            _log.warning("seed %s is left out: %s", path, error.strerror)
            return None
        rows = tuple(
            short(bytes(digests[at : at + DIGEST_BYTES]))
            for at in range(0, len(digests), DIGEST_BYTES)
        )
        name = object_name(status.st_size, manifest.block_bytes, bytes(digests))
        return _Hashed(_identity(status), short(whole.digest()), rows, short(bytes.fromhex(name)))

    def _walk(self) -> Iterator[tuple[Path, os.stat_result]]:
        """All plain files of the seeds; what cannot be looked at is left out."""
        for seed in self._folders:
            waiting = [seed]
            while waiting:
                folder = waiting.pop()
                try:
                    entries = sorted(self._files.entries(folder), key=lambda entry: entry[0])
                except OSError as error:
                    _log.warning("seed %s is left out: %s", folder, error.strerror)
                    continue
                for name, status in entries:
                    if is_folder(status):
                        waiting.append(folder / name)
                    elif is_file(status):
                        yield folder / name, status


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_ino, status.st_size, status.st_mtime_ns
