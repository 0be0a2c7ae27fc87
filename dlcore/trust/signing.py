"""The publisher's side of TUF, without I/O: documents and keys in, signed documents out.

Guarantees: nothing is returned that a client which has all earlier documents would refuse: each
document carries enough signatures of the right keys, and a higher version than the one before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from dlcore.errors import ConfigError
from dlcore.model import CATALOG_KEY, patch_list_key
from dlcore.trust.layout import Role
from dlcore.trust.patch_lists import PatchTargets
from dlcore.trust.roots import lifetimes_of

_HASHES = ["sha256"]
S = TypeVar("S", Root, Timestamp, Snapshot, Targets)


class Versions(NamedTuple):
    """Versions of the documents of a site; 0 where there is none yet."""

    timestamp: int = 0
    snapshot: int = 0
    targets: int = 0


class Signing:
    """Signs the documents of one site.

    Args:
        roots: Roots whose thresholds each document must reach: the current one, and while it is
            being replaced also the one before it.
        signers: The keys at hand. Those that count for a role sign its documents.
        now: The time from which documents are valid. For how long, the newest root says.
    """

    def __init__(
        self,
        roots: Sequence[Root],
        signers: Iterable[CryptoSigner],
        now: datetime,
    ) -> None:
        self._roots = tuple(roots)
        self._signers = tuple(signers)
        self._now = now.replace(microsecond=0)  # as TUF writes times
        self._lifetimes = lifetimes_of(self._roots[-1])

    def check(self, *roles: Role) -> None:
        """Refuse keys that do not suffice for a role, before anything is written.

        Raises:
            ConfigError: They do not.
        """
        for role in roles:
            if not self.suffices(role):
                held = sum(
                    s.public_key.keyid in self._roots[-1].roles[role].keyids for s in self._signers
                )
                needed = self._roots[-1].roles[role].threshold
                raise ConfigError(
                    f"the keys at hand cannot sign the {role}: {held} of {needed} keys that count",
                    remedy="Name more keys with --sign-with; dlcore trust show lists which count.",
                )

    def suffices(self, *roles: Role) -> bool:
        """Whether the keys at hand can sign for these roles, as all roots demand."""
        held = {signer.public_key.keyid for signer in self._signers}
        return all(
            len(held.intersection(root.roles[role].keyids)) >= root.roles[role].threshold
            for root in self._roots
            for role in roles
        )

    def is_due(self, role: Role, expires: datetime) -> bool:
        """Whether half of a document's life is over, and the keys at hand can sign it again."""
        half = timedelta(seconds=getattr(self._lifetimes, role) / 2)
        needed: tuple[Role, ...] = ("targets", "snapshot") if role == "targets" else (role,)
        return expires - self._now < half and self.suffices(*needed)

    def targets(
        self, catalog: bytes, version: int, patch_lists: PatchTargets = MappingProxyType({})
    ) -> bytes:
        """The document that names the catalog, and patch lists.

        Raises:
            ConfigError: The keys at hand do not suffice; as all methods.
        """
        file = TargetFile.from_data(CATALOG_KEY, catalog, _HASHES)
        expires = self._expires(self._lifetimes.targets)
        listed = {patch_list_key(digest): each for digest, each in patch_lists.items()}
        targets = {CATALOG_KEY: file, **listed}
        return self._sign("targets", Targets(version, expires=expires, targets=targets))

    def snapshot(self, targets: bytes, targets_version: int, version: int) -> bytes:
        """The document that names the targets."""
        meta = {"targets.json": MetaFile.from_data(targets_version, targets, _HASHES)}
        expires = self._expires(self._lifetimes.snapshot)
        return self._sign("snapshot", Snapshot(version, expires=expires, meta=meta))

    def timestamp(self, snapshot: bytes, snapshot_version: int, version: int) -> bytes:
        """The document that names the snapshot."""
        meta = MetaFile.from_data(snapshot_version, snapshot, _HASHES)
        return self.renewed_timestamp(meta, version)

    def renewed_timestamp(self, snapshot: MetaFile, version: int) -> bytes:
        """The document that names a snapshot that was named before."""
        expires = self._expires(self._lifetimes.timestamp)
        return self._sign("timestamp", Timestamp(version, expires=expires, snapshot_meta=snapshot))

    def root(self, root: Root) -> bytes:
        """A root document, valid from now on."""
        root.expires = self._expires(self._lifetimes.root)
        return self._sign("root", root)

    def _counting(self, role: Role) -> set[str]:
        return {keyid for root in self._roots for keyid in root.roles[role].keyids}

    def _expires(self, life_s: int) -> datetime:
        return self._now + timedelta(seconds=life_s)

    def _sign(self, role: Role, signed: S) -> bytes:
        document = Metadata(signed)
        counting = self._counting(role)
        for signer in self._signers:
            if signer.public_key.keyid in counting:
                document.sign(signer, append=True)
        self.check(role)
        return document.to_bytes(JSONSerializer(compact=True))


def is_signed(root: Root, role: Role, document: bytes) -> bool:
    """Whether a role's document carries the signatures that a root demands."""
    found = Metadata[Targets].from_bytes(document)
    try:
        root.verify_delegate(role, found.signed_bytes, found.signatures)
    except UnsignedMetadataError:
        return False
    return True
