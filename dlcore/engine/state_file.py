"""``run.json``: where a run stands, kept on disk so that it survives a restart of the machine.

Guarantees: the file is replaced by one rename after it was synced, and its folder is synced then,
so after any crash it is the old one or the new one, and the new one once `StateFile.save` has
returned. A file that is damaged, of another version or contradicts itself is refused: to go on
without it, or with what is left of it, would skip steps or run them twice. Only its owner can read
it: variables may hold secrets.

The checksum finds damage. It does not prove who wrote the file.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from dlcore.disk.faults import guarded
from dlcore.disk.private_folder import PrivateFolder
from dlcore.engine.running.state import RunState
from dlcore.errors import RunStateError, RunStateFault
from dlcore.long_path import rooted
from dlcore.native import block_checksums
from dlcore.store.files import Files, read_document, write_document

STATE_FILE = "run.json"
VERSION = 4
START_OVER_REMEDY = (
    "To start over at the first step, run with --restart (resume='restart'); "
    "content on disk is kept."
)


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    """The file.

    Attributes:
        version: Of the payload.
        checksum: XXH3-128 of the payload, hex.
        payload: A `RunState`.
    """

    version: int
    checksum: str
    payload: msgspec.Raw


class _Version(msgspec.Struct):
    """The members that tell the version, in this one and in the first ones."""

    version: int | None = None
    schema: int | None = None


def encode_state(run: RunState) -> bytes:
    """The file of a run."""
    payload = msgspec.json.encode(run)
    return msgspec.json.encode(_Envelope(VERSION, _checksum(payload), msgspec.Raw(payload)))


def decode_state(document: bytes, *, source: str) -> RunState:
    """Read what `encode_state` wrote.

    Raises:
        RunStateError: It is damaged, of another version, or contradicts itself.
    """
    try:
        told = msgspec.json.decode(document, type=_Version)
        version = told.schema if told.version is None else told.version
        if version not in (VERSION, None):
            raise _of_version(source, version)
        envelope = msgspec.json.decode(document, type=_Envelope)
        if envelope.checksum != _checksum(bytes(envelope.payload)):
            raise _damaged(source, "the checksum is wrong")
        if msgspec.json.encode(envelope) != document:
            raise _damaged(source, "it is not as dlcore writes it")
        run = msgspec.json.decode(envelope.payload, type=RunState)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _damaged(source, "it cannot be decoded") from error
    if run.flaw:
        raise _damaged(source, run.flaw)
    return run


def load(state: Path) -> RunState | None:
    """The run that is under way in this state directory; None if there is none.

    Raises:
        RunStateError: As `decode_state`.
        StorageError: The file is there but the disk fails.
    """
    folder = rooted(state)
    path = folder / STATE_FILE
    with guarded(f"read {path}", state):
        document = read_document(Files(PrivateFolder(folder)), path)
    return None if document is None else decode_state(document, source=str(path))


class StateFile:
    """The file of a run that is under way. It may be written by one thread at a time.

    The state directory is opened, and the way to it checked, when the file is first written, and
    again after `close`.

    Args:
        state: The state directory, in which nothing is reached through a link.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._folder = rooted(state)
        self._opened = PrivateFolder(self._folder)
        self._files = Files(self._opened)

    def save(self, run: RunState) -> None:
        """Put the run's state on disk, durably.

        Raises:
            StorageError: The disk failed; the old state is still there, or already the new one.
        """
        document = encode_state(run)
        with guarded("save the run's state", self._state, len(document)):
            write_document(self._files, self._folder / STATE_FILE, document)
            self._files.sync_folder(self._folder)

    def close(self) -> None:
        """Close the state directory. Idempotent."""
        self._opened.forget()

    def forget(self) -> None:
        """Remove the state: the run has ended, and the next one starts over.

        Raises:
            StorageError: The disk failed.
        """
        with guarded("remove the run's state", self._state):
            with contextlib.suppress(FileNotFoundError):
                self._files.remove(self._folder / STATE_FILE)
            self._files.sync_folder(self._folder)


def _checksum(payload: bytes) -> str:
    return block_checksums(payload, max(1, len(payload))).hex()


def _damaged(source: str, why: str) -> RunStateError:
    return RunStateError(
        f"{source} is damaged: {why}. The step that it had reached is lost",
        fault=RunStateFault.DAMAGED,
        remedy=f"Find out which steps have run. {START_OVER_REMEDY}",
    )


def _of_version(source: str, version: int | None) -> RunStateError:
    return RunStateError(
        f"{source} has version {version}, and this dlcore reads version {VERSION}: "
        "it is not known which step the run had reached",
        fault=RunStateFault.VERSION,
        remedy=f"Go on with the dlcore that began the run. {START_OVER_REMEDY}",
    )
