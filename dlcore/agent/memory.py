"""``agent/memory.json``: what the agent remembers across a restart of the machine.

Guarantees: the file is replaced by one rename after it was synced, and its folder is synced then.
Only its owner can read it: a task sequence may hold secrets. A file that is damaged, or of another
version, is reported and dropped: clients want again what they need, and content is found on disk
whatever this file says. A folder or a link in its place is set aside.

The checksum finds damage. It does not prove who wrote the file.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import msgspec

from dlcore.agent.interface import Want
from dlcore.disk.faults import guarded
from dlcore.disk.links import is_file
from dlcore.disk.private_folder import PrivateFolder
from dlcore.engine.documents.pinned_documents import CatalogPin
from dlcore.errors import StorageError
from dlcore.long_path import rooted
from dlcore.native import block_checksums
from dlcore.store.files import Files, fresh_name, read_document, write_document
from dlcore.store.tree import ensure_folder

FOLDER: Final = "agent"
NAME: Final = "memory.json"
ASIDE: Final = ".set-aside"
VERSION: Final = 1
_log = logging.getLogger(__name__)


class Memory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is remembered.

    Attributes:
        wants: What clients want, the oldest first.
        pin: The catalog that was used last; None before the first one.
        next_event_number: No event has had this number or a higher one.
    """

    wants: tuple[Want, ...] = ()
    pin: CatalogPin | None = None
    next_event_number: int = 1


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    """The file.

    Attributes:
        version: Of the payload.
        checksum: XXH3-128 of the payload, hex.
        payload: A `Memory`.
    """

    version: int
    checksum: str
    payload: msgspec.Raw


def encode_memory(memory: Memory) -> bytes:
    """The file."""
    payload = msgspec.json.encode(memory)
    return msgspec.json.encode(_Envelope(VERSION, _checksum(payload), msgspec.Raw(payload)))


def decode_memory(document: bytes) -> Memory | None:
    """Read what `encode_memory` wrote; None if it is damaged or of another version."""
    try:
        envelope = msgspec.json.decode(document, type=_Envelope)
        if envelope.version != VERSION or envelope.checksum != _checksum(bytes(envelope.payload)):
            return None
        return msgspec.json.decode(envelope.payload, type=Memory)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


class MemoryFile:
    """The file in a state directory. One thread at a time; only `look` without the lock.

    Args:
        state: The state directory.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._root = rooted(state)
        self._opened = PrivateFolder(self._root)
        self._files = Files(self._opened)

    def load(self) -> Memory:
        """What was remembered; nothing, with a warning, if there is no file that can be used.

        What is in the place of the file is set aside.

        Raises:
            StorageError: The disk failed.
        """
        path = self._root / FOLDER / NAME
        with guarded(f"read {path}", self._state):
            if self._files.status(path.parent) is not None:
                for each in (path, fresh_name(path)):
                    self._set_aside(each)
        return self.look()

    def look(self) -> Memory:
        """As `load`, and nothing is changed: whoever calls it need not hold the state directory.

        Raises:
            StorageError: The disk failed, or there is something else in the place of the file.
        """
        path = self._root / FOLDER / NAME
        with guarded(f"read {path}", self._state):
            has_folder = self._files.status(path.parent) is not None
            document = read_document(self._files, path) if has_folder else None
        memory = Memory() if document is None else decode_memory(document)
        if memory is None:
            _log.warning(
                "%s is damaged or of another version: the wants are lost, the content is kept",
                path,
            )
        return memory or Memory()

    def save(self, memory: Memory) -> None:
        """Put it on disk, durably.

        Raises:
            StorageError: The disk failed; the old file is still there, or already the new one.
        """
        document, folder = encode_memory(memory), self._root / FOLDER
        with guarded("save what the agent is to have", self._state, len(document)):
            ensure_folder(self._files, folder)
            write_document(self._files, folder / NAME, document)
            self._files.sync_folder(folder)
            self._files.sync_folder(self._root)

    def close(self) -> None:
        """Close the state directory. Idempotent."""
        self._opened.forget()

    def _set_aside(self, path: Path) -> None:
        """Move away what stands in the place of a file and was not made by this process."""
        status = self._files.status(path)
        if status is None or (is_file(status) and status.st_nlink == 1):
            return
        aside = path.with_name(path.name + ASIDE)
        if self._files.status(aside) is not None:
            raise StorageError(
                f"{path} is not a file of the agent's, and neither is {aside}",
                path=path,
                remedy="Move both away, and start the agent again.",
            )
        self._files.move(path, aside)
        _log.warning("%s is not a file of the agent's: it was renamed to %s", path, aside.name)


def _checksum(payload: bytes) -> str:
    return block_checksums(payload, max(1, len(payload))).hex()
