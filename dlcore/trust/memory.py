"""Keeps on disk what was verified, so that older versions are refused after a restart.

Guarantees: the file is replaced by one rename, after its content was synced. It never goes back:
what another process has verified meanwhile stays, unless it is older. A damaged file is refused,
because going on without it would allow a rollback.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from dlcore.disk.faults import storage_error
from dlcore.disk.lock import FileLock
from dlcore.disk.ownership import check_way
from dlcore.disk.private_folder import make_way
from dlcore.disk.system import move, sync, sync_folder
from dlcore.errors import StorageError
from dlcore.trust.evidence import Evidence, decode_evidence, encode_evidence
from dlcore.trust.policy import DEFAULT_POLICY, TrustPolicy
from dlcore.trust.verification import version_of

_REMEDY = "Give this user the right to write there; content on disk is not affected."


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
        name = hashlib.sha256(pinned_root).hexdigest()[:16]
        self.path = (folder or default_folder()).absolute() / f"{name}.evidence"
        self._policy = policy

    def read(self) -> Evidence | None:
        """What was kept; None if nothing was.

        Raises:
            TrustError: It is damaged.
            StorageError: It cannot be read, or another user could alter it.
        """
        try:
            check_way(self.path.parent)
            fd = os.open(self.path, os.O_RDONLY | _SAFELY)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed("read", error) from error
        try:
            with os.fdopen(fd, "rb") as file:
                document = file.read(self._policy.max_evidence_bytes)
        except OSError as error:
            raise self._failed("read", error) from error
        return decode_evidence(document, source=str(self.path))

    def keep(self, evidence: Evidence) -> None:
        """Keep what was verified, unless another process has kept something newer.

        Raises:
            TrustError: What is there is damaged.
            StorageError: It cannot be written; what is there stays.
        """
        try:
            make_way(self.path.parent)
            with FileLock(self.path.with_suffix(".lock"), self._policy.lock_timeout_s):
                kept = self.read()
                if kept is None or _is_newer(evidence, kept):
                    self._replace(encode_evidence(evidence))
        except OSError as error:
            raise self._failed("write", error) from error

    def _replace(self, document: bytes) -> None:
        temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.new")
        try:
            fd = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | _SAFELY, 0o600)
            with os.fdopen(fd, "wb", buffering=0) as file:
                view = memoryview(document)
                while view:
                    view = view[file.write(view) :]
                sync(file.fileno())
            move(temporary, self.path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(self.path.parent)

    def _failed(self, doing: str, error: OSError) -> StorageError:
        what = f"{doing} what was verified of the catalog's signatures"
        return storage_error(error, what, self.path, remedy=_REMEDY)


_SAFELY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def _is_newer(evidence: Evidence, kept: Evidence) -> bool:
    """Whether evidence is to replace what is kept.

    More roots come first: after a key was replaced, versions may begin anew.
    """

    def rank(item: Evidence) -> tuple[int, int, object]:
        return len(item.roots), version_of(item.timestamp), item.verified_at

    return rank(evidence) > rank(kept)
