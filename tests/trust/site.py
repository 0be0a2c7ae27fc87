"""A signed site whose keys and clock the test holds, so that it can also play the attacker."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root, Timestamp

from dlcore.model import TIMESTAMP_KEY
from dlcore.publish.folder import FolderDestination
from dlcore.publish.preparing import PublishOptions
from dlcore.publish.publishing import publish_to
from dlcore.publish.signed_documents import sign_first
from dlcore.publish.signed_site import SignedSite
from dlcore.trust import DEFAULT_LIFETIMES, Lifetimes, Verification
from dlcore.trust.roots import first_root
from dlcore.trust.signing import Signing
from dlcore.trust.signing_keys import SigningKeys

PACKAGE = "ABC00001"
BLOCK = 4096


@functools.cache
def key(name: str) -> CryptoSigner:
    """A private key; the same one for the same name."""
    return CryptoSigner.generate_ed25519()


class Site:
    """A folder with one package, signed by the keys ``root``, ``targets`` and ``online``.

    Args:
        folder: Where it is published, beside the publisher's own files.
        now: The publisher's clock.
        lifetimes: For how long what is signed is valid.
        threshold: Keys of the targets, and signatures that are needed.
        names: What the names of the keys begin with.
    """

    def __init__(
        self,
        folder: Path,
        *,
        now: datetime | None = None,
        lifetimes: Lifetimes = DEFAULT_LIFETIMES,
        threshold: int = 1,
        names: str = "",
    ) -> None:
        self.folder = folder / "site"
        self.root = folder / "root.json"
        self.now = now or datetime.now(UTC)

        own = [f"{names}targets", *(f"{names}targets {n}" for n in range(1, threshold))]
        self.keys = [key(name) for name in (*own, f"{names}online")]
        self._source = folder / "source"
        self._memory = folder / "publisher"
        root_key, online = key(f"{names}root"), key(f"{names}online").public_key
        root = first_root(
            {
                "root": [root_key.public_key],
                "targets": [key(name).public_key for name in own],
                "snapshot": [online],
                "timestamp": [online],
            },
            lifetimes,
        )
        root.roles["targets"].threshold = threshold
        signing = self.signing(root, [root_key, *self.keys])
        document = signing.root(root)
        self.root.parent.mkdir(parents=True, exist_ok=True)
        self.root.write_bytes(document)
        sign_first(self.target, document, signing)

    def copied(self, folder: Path) -> Site:
        """The same site in another folder, with the publisher's own files."""
        shutil.copytree(self.root.parent, folder)
        site = copy.copy(self)
        site.folder, site.root = folder / "site", folder / "root.json"
        site._source, site._memory = folder / "source", folder / "publisher"
        return site

    @property
    def target(self) -> FolderDestination:
        return FolderDestination(self.folder)

    def signing(self, root: Root, keys: Iterable[CryptoSigner]) -> Signing:
        return Signing([root], keys, self.now)

    def opened(self, *keys: CryptoSigner) -> SignedSite:
        """The site, opened by a publisher who has these keys in hand."""
        return SignedSite(
            self.target,
            SigningKeys(self.root.read_bytes(), keys or tuple(self.keys)),
            memory=self._memory,
            now=lambda: self.now,
        )

    def publish(self, version: int, text: bytes = b"", package_id: str = PACKAGE) -> None:
        """Publish a package whose one file holds its version, or a text."""
        source = self._source / f"{package_id} {version}"
        source.mkdir(parents=True, exist_ok=True)
        (source / "setup.exe").write_bytes(text or b"version %d" % version)
        options = PublishOptions(package_id, version, BLOCK)
        publish_to(self.target, source, options, lambda _: None, catalog=self.opened())

    def later(self, **time: float) -> None:
        """Let time pass for the publisher."""
        self.now += timedelta(**time)

    def verified(self) -> Verification:
        return self.opened().verify()

    def read(self, key: str) -> bytes:
        return (self.folder / key).read_bytes()

    def write(self, key: str, document: bytes) -> None:
        """What whoever controls the server can do."""
        (self.folder / key).write_bytes(document)

    def copy(self) -> dict[str, bytes]:
        """All documents, as an attacker may have kept them."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for folder in ("metadata", "targets")
            for path in (self.folder / folder).iterdir()
        }

    def restore(self, documents: dict[str, bytes]) -> None:
        """Serve what was kept, and nothing else."""
        for folder in ("metadata", "targets"):
            for path in (self.folder / folder).iterdir():
                path.unlink()
        for name, document in documents.items():
            self.write(name, document)

    def forge(self, catalog: bytes, *keys: CryptoSigner) -> None:
        """Put another catalog in the place of the signed one, signed with these keys only."""
        verified = self.verified()
        signing = _Forging([verified.root], keys, self.now)
        version = verified.targets.version + 1
        targets = signing.targets(catalog, version)
        snapshot = signing.snapshot(targets, version, version)
        digest = hashlib.sha256(catalog).hexdigest()
        self.write(f"targets/{digest}.catalog.json", catalog)
        self.write(f"metadata/{version}.targets.json", targets)
        self.write(f"metadata/{version}.snapshot.json", snapshot)
        timestamp = signing.timestamp(snapshot, version, verified.timestamp.version + 1)
        self.write(TIMESTAMP_KEY, timestamp)

    def evil_catalog(self) -> bytes:
        """The signed catalog, but with content of the attacker's."""
        document = b'{"evil":true}'
        digest = hashlib.sha256(document).hexdigest()
        (self.folder / "manifests").mkdir(exist_ok=True)
        self.write(f"manifests/{digest}.json", document)
        catalog = json.loads(self.verified().catalog or b"")
        catalog["packages"][PACKAGE] |= {"manifest": digest, "manifest_bytes": len(document)}
        return json.dumps(catalog, separators=(",", ":")).encode()


class _Forging(Signing):
    """Signs with whatever keys there are, whether they count or not."""

    def check(self, *roles: object) -> None:
        """Refuse nothing."""

    def _counting(self, role: object) -> set[str]:
        return {signer.public_key.keyid for signer in self._signers}


def timestamp(document: bytes) -> Timestamp:
    return Metadata[Timestamp].from_bytes(document).signed
