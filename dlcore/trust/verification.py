"""The client's side of TUF, without I/O: documents go in, the next one to ask for comes out.

The rules (whose signatures count, which version may follow which, what names what) are those of
python-tuf's ``TrustedMetadataSet``. Here are the order of the documents, their places and longest
lengths, and what is kept from one verification to the next.

Guarantees: nothing of a document is used before its signatures were checked; no document is longer
than it may be; at most `TrustPolicy.max_root_rotations` roots are taken. ``evidence`` holds only
what was verified, also after a refusal.

Source: TUF specification 1.0.31, section 5, "Detailed client workflow".
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from tuf.api import exceptions as tuf
from tuf.api.metadata import Metadata, Root, Signed, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet
from tuf.ngclient.config import EnvelopeType

from dlcore.errors import TrustError, TrustFault
from dlcore.model import CATALOG_KEY, TIMESTAMP_KEY
from dlcore.trust.evidence import Evidence
from dlcore.trust.layout import Role, metadata_key, signed_catalog_key
from dlcore.trust.policy import DEFAULT_POLICY, TrustPolicy
from dlcore.trust.refusals import PINNED_REMEDY, SERVER_REMEDY, expired_error, refusing

PINNED: Final = "the pinned root"
_BEFORE_ALL_EXPIRY: Final = datetime.fromtimestamp(0, UTC)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Wanted(NamedTuple):
    """The document to ask for next.

    Attributes:
        key: Where it lies below the site's root.
        max_bytes: No more than that is ever read.
        is_optional: Whether it may be missing: only the root after the newest one may.
    """

    key: str
    max_bytes: int
    is_optional: bool = False


class Verification:
    """One verification of a site's catalog.

    Args:
        pinned_root: The root document that the user trusts.
        evidence: What an earlier verification kept; None if there was none.
        now: This machine's clock, with a time zone: what has expired by then is refused. If the
            evidence was verified later, that time counts. None to let everything be expired, for a
            publisher who is about to sign it again.
        source: Where documents come from, for messages.
        policy: Longest lengths.
        pinned_as: Where the pinned root comes from, for messages.

    Attributes:
        wanted: The document to ask for; None when the catalog is verified.
        catalog: The verified catalog document; None until then.

    Raises:
        TrustError: The pinned root is not a root document that is signed by its own keys.
    """

    def __init__(
        self,
        pinned_root: bytes,
        evidence: Evidence | None,
        now: datetime | None,
        *,
        source: str,
        policy: TrustPolicy = DEFAULT_POLICY,
        pinned_as: str = "--trust-root or [trust] root",
    ) -> None:
        kept = evidence or Evidence()
        self._now = now
        self._time = max(now, kept.verified_at) if now else _BEFORE_ALL_EXPIRY
        self._verified_at = kept.verified_at
        self._source = source
        self._policy = policy
        self._roots: list[bytes] = []
        self._rotations = 0
        self._documents: dict[Role, bytes] = {
            "timestamp": kept.timestamp,
            "snapshot": kept.snapshot,
            "targets": kept.targets,
        }
        self._target: TargetFile | None = None
        self.catalog: bytes | None = None
        with refusing(PINNED, pinned_as, remedy=PINNED_REMEDY):
            self._trusted = _TrustedSet(pinned_root, self._time)
        self._take_kept_roots(kept.roots)
        self._accept: Callable[[bytes], None] = self._accept_root
        self.wanted: Wanted | None = self._next_root()

    @property
    def root(self) -> Root:
        """The newest verified root."""
        return self._trusted.root

    @property
    def timestamp(self) -> Timestamp:
        """The verified timestamp; only after the catalog was verified."""
        return self._trusted.timestamp

    @property
    def snapshot(self) -> Snapshot:
        """The verified snapshot; only after the catalog was verified."""
        return self._trusted.snapshot

    @property
    def targets(self) -> Targets:
        """The verified targets; only after the catalog was verified."""
        return self._trusted.targets

    @property
    def signed(self) -> dict[Role, Signed]:
        """The verified documents by role; only after the catalog was verified."""
        return {
            "root": self.root,
            "targets": self.targets,
            "snapshot": self.snapshot,
            "timestamp": self.timestamp,
        }

    @property
    def wants_catalog(self) -> bool:
        """Whether the metadata is verified, and only the catalog itself is still wanted."""
        return self.wanted is not None and self._target is not None

    @property
    def evidence(self) -> Evidence:
        """What to keep for the next verification. Complete once the catalog is verified."""
        return Evidence(
            verified_at=self._verified_at,
            roots=tuple(self._roots),
            timestamp=self._documents["timestamp"],
            snapshot=self._documents["snapshot"],
            targets=self._documents["targets"],
        )

    def accept(self, document: bytes) -> None:
        """Take in the document that is wanted.

        Raises:
            TrustError: It is refused. The verification is over then.
        """
        assert self.wanted is not None
        if len(document) > self.wanted.max_bytes:
            raise TrustError(
                f"{self._place()} is longer than {self.wanted.max_bytes} bytes",
                fault=TrustFault.TOO_LONG,
                remedy=SERVER_REMEDY,
            )
        with refusing(self.wanted.key, self._source):
            self._accept(document)

    def missing(self) -> None:
        """Go on without the document that is wanted: the site does not have it.

        Raises:
            TrustError: It must not be missing.
        """
        assert self.wanted is not None
        if self.wanted.is_optional:
            self._end_roots()
        elif self.wanted.key == TIMESTAMP_KEY:
            raise TrustError(
                f"{self._source} is not signed: {TIMESTAMP_KEY} is missing, but a root is pinned",
                fault=TrustFault.UNSIGNED,
                remedy="Use the site that the root belongs to. A publisher signs a site with"
                " dlcore trust init.",
            )
        else:
            raise TrustError(
                f"{self._place()} is missing, but the signed metadata names it",
                fault=TrustFault.MISMATCH,
                remedy="If the site is a copy, copy it whole; else its publisher writes it again:"
                " dlcore publish --repair --sign-with KEYS.",
            )

    def _place(self) -> str:
        assert self.wanted is not None
        return f"{self._source}: {self.wanted.key}"

    def _take_kept_roots(self, documents: tuple[bytes, ...]) -> None:
        """Go on from the newest root that was verified before; a newer pinned one is skipped to."""
        for document in documents:
            with contextlib.suppress(tuf.RepositoryError):  # it is the pinned one, or older
                self._trusted.update_root(document)
                self._roots.append(document)

    def _next_root(self) -> Wanted:
        key = metadata_key("root", self.root.version + 1)
        return Wanted(key, self._policy.max_root_bytes, is_optional=True)

    def _accept_root(self, document: bytes) -> None:
        self._trusted.update_root(document)
        self._roots.append(document)
        self._rotations += 1
        if self._rotations < self._policy.max_root_rotations:
            self.wanted = self._next_root()
        else:
            self._end_roots()

    def _end_roots(self) -> None:
        """No newer root follows: this one decides whose signatures count."""
        root = self.root
        if root.is_expired(self._time):
            raise self._expired_error(metadata_key("root", root.version), root)
        if not root.consistent_snapshot:
            raise self._unusable_error("the root does not say consistent_snapshot")
        self._replay("timestamp", self._trusted.update_timestamp)
        self._accept = self._accept_timestamp
        self.wanted = Wanted(TIMESTAMP_KEY, self._policy.max_timestamp_bytes)

    def _accept_timestamp(self, document: bytes) -> None:
        try:
            self._trusted.update_timestamp(document)
            self._documents["timestamp"] = document
        except tuf.EqualVersionNumberError:
            pass  # the kept one is the same version, and counts
        except tuf.ExpiredMetadataError:
            raise self._expired_error(TIMESTAMP_KEY, self.timestamp) from None
        if self.timestamp.is_expired(self._time):
            raise self._expired_error(TIMESTAMP_KEY, self.timestamp)
        meta = self.timestamp.snapshot_meta
        if self._replay("snapshot", lambda kept: self._trusted.update_snapshot(kept, trusted=True)):
            self._want_targets()
        else:
            self._accept = self._accept_snapshot
            self._want(metadata_key("snapshot", meta.version), meta.length)

    def _accept_snapshot(self, document: bytes) -> None:
        try:
            self._trusted.update_snapshot(document)
        except tuf.ExpiredMetadataError:
            raise self._expired_error("snapshot.json", self.snapshot) from None
        self._documents["snapshot"] = document
        self._want_targets()

    def _want_targets(self) -> None:
        meta = self.snapshot.meta.get("targets.json")
        if meta is None:
            raise self._unusable_error("the signed snapshot does not name targets.json")
        if self._replay("targets", self._trusted.update_targets):
            self._want_catalog()
        else:
            self._accept = self._accept_targets
            self._want(metadata_key("targets", meta.version), meta.length)

    def _accept_targets(self, document: bytes) -> None:
        try:
            self._trusted.update_targets(document)
        except tuf.ExpiredMetadataError:  # only after its signatures were checked
            targets = Metadata[Targets].from_bytes(document).signed
            raise self._expired_error("targets.json", targets) from None
        self._documents["targets"] = document
        self._want_catalog()

    def _want_catalog(self) -> None:
        self._target = self.targets.targets.get(CATALOG_KEY)
        sha256 = self._target.hashes.get("sha256", "") if self._target else ""
        if self._target is None or not _DIGEST.fullmatch(sha256):
            raise self._unusable_error(
                f"the signed targets do not name {CATALOG_KEY} with its SHA-256"
            )
        self._accept = self._accept_catalog
        max_bytes = min(self._target.length, self._policy.max_catalog_bytes)
        self.wanted = Wanted(signed_catalog_key(sha256), max_bytes)

    def _accept_catalog(self, document: bytes) -> None:
        assert self._target is not None
        self._target.verify_length_and_hashes(document)
        self.catalog = document
        self.wanted = None
        self._verified_at = max(self._time, self._verified_at)

    def _want(self, key: str, length_bytes: int | None) -> None:
        limit = self._policy.max_metadata_bytes
        self.wanted = Wanted(key, limit if length_bytes is None else min(length_bytes, limit))

    def _replay(self, role: Role, update: Callable[[bytes], object]) -> bool:
        """Take in the document that was kept of a role; whether it still counts as current.

        If it does not, it still guards against rollback. If it is not signed by the keys that
        count now, they were replaced, and it is forgotten: so a publisher recovers after a stolen
        key has signed a version that is too high to be followed.
        """
        document = self._documents[role]
        if document:
            try:
                update(document)
            except tuf.RepositoryError:
                if role not in self._trusted:
                    self._documents[role] = b""
            else:
                return True
        return False

    def _unusable_error(self, what: str) -> TrustError:
        remedy = "Its publisher must sign it as dlcore trust init and dlcore publish do."
        fault = TrustFault.MALFORMED
        return TrustError(f"{self._source}: {what}", fault=fault, remedy=remedy)

    def _expired_error(self, key: str, document: Signed) -> TrustError:
        assert self._now is not None
        return expired_error(key, self._source, document.expires, self._now, self._time)


class _TrustedSet(TrustedMetadataSet):
    """python-tuf's rules, at a time that the caller gives."""

    def __init__(self, root: bytes, time: datetime) -> None:
        super().__init__(root, EnvelopeType.METADATA)
        self.reference_time = time


def version_of(document: bytes) -> int:
    """What a metadata document states as its version, unverified; 0 if it is not one."""
    try:
        return Metadata.from_bytes(document).signed.version
    except DeserializationError:
        return 0
