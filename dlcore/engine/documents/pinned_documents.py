"""The documents that a run began with, kept in the state directory by their digests.

Guarantees: a document is on disk, synced, when `keep` returns, before the run's state names it. It
is read only if its digest is right.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

import msgspec

from dlcore.disk.faults import guarded
from dlcore.disk.private_folder import PrivateFolder
from dlcore.long_path import rooted
from dlcore.store.files import Files, read_document, write_document
from dlcore.store.tree import ensure_folder

FOLDER = "pinned"


class CatalogPin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The catalog that a run began with: it says which version of each package counts.

    Attributes:
        catalog: SHA-256 of the document, hex.
        evidence: SHA-256 of what proves its signatures; empty if no root was pinned.
    """

    catalog: str
    evidence: str = ""

    @property
    def documents(self) -> frozenset[str]:
        """The digests of the documents that the run needs."""
        return frozenset(filter(None, (self.catalog, self.evidence)))


def keep(state: Path, document: bytes) -> str:
    """Keep a document.

    Returns:
        Its SHA-256, hex.

    Raises:
        StorageError: The disk failed.
    """
    digest = hashlib.sha256(document).hexdigest()
    if read(state, digest) is None:
        state = rooted(state)
        files, folder = Files(PrivateFolder(state)), state / FOLDER
        with guarded("keep what the run begins with", state, len(document)):
            ensure_folder(files, folder)
            write_document(files, folder / digest, document)
            files.sync_folder(folder)
            files.sync_folder(state)
    return digest


def read(state: Path, digest: str) -> bytes | None:
    """A document that was kept; None if it is not there, or damaged.

    Raises:
        StorageError: The disk failed.
    """
    state = rooted(state)
    path = state / FOLDER / digest
    with guarded(f"read {path}", state):
        document = read_document(Files(PrivateFolder(state)), path)
    intact = document is not None and hashlib.sha256(document).hexdigest() == digest
    return document if intact else None


def tidy(state: Path, needed: Collection[str] = ()) -> None:
    """Remove all documents but those with the given digests.

    Raises:
        StorageError: The disk failed.
    """
    state = rooted(state)
    files, folder = Files(PrivateFolder(state)), state / FOLDER
    with guarded("remove what an earlier run began with", state):
        if files.status(folder) is None:
            return
        for name in files.names(folder):
            if name not in needed:
                files.remove(folder / name)
