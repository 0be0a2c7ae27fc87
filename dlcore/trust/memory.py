"""Keeps on disk what was verified, so that older versions are refused after a restart.

Guarantees: the file is replaced by one rename, after its content was synced. It never goes back:
what another process has verified meanwhile stays, unless it is older. A damaged file is refused,
because going on without it would allow a rollback.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dlcore.disk.faults import storage_error
from dlcore.disk.lock import FileLock
from dlcore.disk.private_folder import PrivateFolder, open_file
from dlcore.disk.system import move, sync, sync_folder
from dlcore.long_path import long_path
from dlcore.trust.evidence import Evidence, decode_evidence, encode_evidence
from dlcore.trust.policy import DEFAULT_POLICY, TrustPolicy
from dlcore.trust.verification import version_of

_REMEDY: Final = "Give this user the right to write there; content on disk is not affected."


def default_folder() -> Path:
    """Where what was verified is kept if there is no state directory: with the user's state."""
    import platformdirs

    return platformdirs.user_state_path("dlcore") / "trust"


class Memory:
    """What was verified with one pinned root.

    Args:
        folder: Where it is kept, made when something is kept; None for the `default_folder`.
        pinned_root: The root document: each has a file of its own.
        policy: Longest lengths, and how long to wait for another process.
    """

    def __init__(
        self, folder: Path | None, pinned_root: bytes, policy: TrustPolicy = DEFAULT_POLICY
    ) -> None:
        folder = long_path((folder or default_folder()).absolute())
        self.path = folder / f"{hashlib.sha256(pinned_root).hexdigest()[:16]}.evidence"
        self._folder = PrivateFolder(folder)
        self._policy = policy

    def read(self) -> Evidence | None:
        """What was kept; None if nothing was.

        Raises:
            TrustError: It is damaged.
            OwnershipError: Another user could have written it.
            StorageError: It cannot be read.
        """
        with self._faults("read"):
            try:
                fd = open_file(self.path, self._folder.place(self.path), os.O_RDONLY)
            except FileNotFoundError:
                return None
            with os.fdopen(fd, "rb") as file:
                document = file.read(self._policy.max_evidence_bytes)
        return decode_evidence(document, source=str(self.path))

    def keep(self, evidence: Evidence) -> None:
        """Keep what was verified, unless another process has kept something newer.

        Raises:
            TrustError: What is there is damaged.
            OwnershipError: Another user could alter it.
            StorageError: It cannot be written; what is there stays.
        """
        with self._faults("write"):
            lock = self.path.with_suffix(".lock")
            with FileLock(lock, self._policy.lock_timeout_s, self._folder):
                kept = self.read()
                if kept is None or _is_newer(evidence, kept):
                    self._replace(encode_evidence(evidence))

    def _replace(self, document: bytes) -> None:
        fresh = self.path.with_suffix(".new")
        flags = os.O_WRONLY | os.O_TRUNC
        fd = open_file(fresh, self._folder.place(fresh), flags, create=True)
        with os.fdopen(fd, "wb") as file:
            file.write(document)
            file.flush()
            sync(file.fileno())
        source, target = self._folder.place(fresh), self._folder.place(self.path)
        with source as (old, parent), target as (new, into):
            move(old, new, source_parent=parent, target_parent=into)
        with self._folder.place(self.path.parent) as (name, parent):
            sync_folder(name, parent=parent)

    @contextlib.contextmanager
    def _faults(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = f"{doing} what was verified of the catalog's signatures"
            raise storage_error(error, what, self.path, remedy=_REMEDY) from error


def _is_newer(evidence: Evidence, kept: Evidence) -> bool:
    """Whether evidence is to replace what is kept.

    More roots come first: after a key was replaced, versions may start over.
    """

    def rank(item: Evidence) -> tuple[int, int, object]:
        return len(item.roots), version_of(item.timestamp), item.verified_at

    return rank(evidence) > rank(kept)
