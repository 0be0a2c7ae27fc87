"""The signed metadata of a destination: verified, and replaced by newer versions.

Guarantees: what is signed next is based on what was signed last, and never on a document that
someone else may have written: the destination is not trusted. A reader sees either the old or the
new site, since only the timestamp is ever replaced, and it is written last. An interrupted
publisher leaves documents that nothing names. Documents that were lost are written again only as
they were signed. ``catalog.json``, for clients without a pinned root, is a copy of the signed
catalog, and is written after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from dlcore.errors import ConfigError, TrustError
from dlcore.manifest import decode_catalog
from dlcore.model import CATALOG_KEY, TIMESTAMP_KEY
from dlcore.publish.begun_rotation import is_begun, verified_before
from dlcore.publish.destination import Change, Destination
from dlcore.publish.lost_documents import (
    read_signed,
    restore_documents,
    restore_roots,
    with_remedy,
)
from dlcore.publish.signed_documents import write_signed, write_snapshot
from dlcore.publish.site_catalog import NO_LISTS, PatchLists
from dlcore.trust import (
    Memory,
    Role,
    Verification,
    encode_evidence,
    metadata_key,
    patch_digests_in,
)
from dlcore.trust.patch_lists import PatchTargets, next_patch_targets, patch_targets
from dlcore.trust.refusals import expired_error
from dlcore.trust.roots import Root as Root
from dlcore.trust.roots import RootChange, next_root
from dlcore.trust.signing import Signing, Versions, is_signed
from dlcore.trust.signing_keys import SigningKeys
from dlcore.trust.verification import version_of


def now_utc() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


class _ToSign(NamedTuple):
    """What the next metadata says; the versions are those of the metadata before it."""

    catalog: bytes
    versions: Versions
    patch_lists: PatchTargets


class _Replacing(NamedTuple):
    """A root, and the one that replaces it.

    Attributes:
        is_begun: Whether the new one is at the site already: an interrupted call left it.
    """

    old: Root
    new: Root
    is_begun: bool


class SignedSite:
    """A destination whose catalog is signed; a `SiteCatalog`.

    Args:
        target: The destination.
        keys: The keys at hand, and the root that the publisher trusts.
        memory: Folder that keeps what was verified, so that nothing is signed on top of an older
            version; None for one beside the user's other state.
        keeps: Whether what was verified is kept there; a dry run only reads it.
        now: This machine's clock.

    All methods raise `TrustError` if the site is not what was signed last, and `ConfigError` if the
    keys at hand do not suffice; nothing has changed then.
    """

    def __init__(
        self,
        target: Destination,
        keys: SigningKeys,
        *,
        memory: Path | None = None,
        keeps: bool = True,
        now: Callable[[], datetime] = now_utc,
    ) -> None:
        self._target = target
        self._keys = keys
        self._memory = Memory(memory, keys.root)
        self._keeps = keeps
        self._now = now

    def read(self) -> bytes:
        """The catalog that was signed last. The keys at hand could sign the next one."""
        verified = self.verify()
        self._signing(verified.root).check("targets", "snapshot", "timestamp")
        assert verified.catalog is not None
        return verified.catalog

    def signed_patch_lists(self) -> dict[str, str]:
        """The SHA-256 of each patch list that was signed, by its manifest's, hex."""
        return patch_digests_in(encode_evidence(self.verify().evidence))

    def check_root(self) -> None:
        """Refuse to publish under a root that has expired; see `SiteCatalog.check_root`."""
        self._check_valid(self.verify(), ["root"])

    def change(self, change: Change, patch_lists: PatchLists = NO_LISTS) -> None:
        """Replace the catalog and sign it, then put a copy in the place of the unsigned one."""

        def sign(_: bytes | None) -> bytes | None:
            verified = self._restore()
            assert verified.catalog is not None
            changed = change(verified.catalog)
            catalog = verified.catalog if changed is None else changed
            earlier = patch_targets(verified.targets)
            listed = next_patch_targets(earlier, patch_lists, self._manifests(catalog))
            if changed is None and all(listed[each] == earlier.get(each) for each in listed):
                return None
            signing = self._signing(verified.root)
            return write_signed(self._target, signing, catalog, _versions(verified), listed)

        self._target.change(TIMESTAMP_KEY, sign)
        self._copy_catalog()

    def renew(self) -> Verification:
        """Sign a new timestamp for the same catalog.

        The targets and the snapshot are signed again too, once half of their life is over and if
        the keys at hand suffice.

        Returns:
            The site as it is now.

        Raises:
            TrustError: Also if something has expired that the keys at hand cannot sign. The rest
                is renewed.
        """

        def sign(_: bytes | None) -> bytes:
            verified = self._restore()
            signing = self._signing(verified.root)
            assert verified.catalog is not None
            if signing.is_due("targets", verified.targets.expires):
                versions, listed = _versions(verified), patch_targets(verified.targets)
                return write_signed(self._target, signing, verified.catalog, versions, listed)
            version, meta = verified.timestamp.version + 1, verified.timestamp.snapshot_meta
            if signing.is_due("snapshot", verified.snapshot.expires):
                targets, versions = verified.evidence.targets, _versions(verified)
                return write_snapshot(self._target, signing, targets, versions)
            return signing.renewed_timestamp(meta, version)

        self._target.change(TIMESTAMP_KEY, sign)
        renewed = self.verify()
        self._check_valid(renewed, renewed.signed)
        return renewed

    def rotate(self, change: RootChange) -> int:
        """Replace the root, and sign whatever the keys of the new one have not signed yet.

        While the keys at hand suffice for both roots, readers see a consistent site all the time.
        If they do not, and the call is interrupted, the same call finishes it.

        Args:
            change: What the new root changes; its validity begins again in any case.

        Returns:
            Version of the new root.
        """

        def kept(roots: _Replacing, _: bytes | None) -> _ToSign | None:
            verified = self._verified_below(roots)
            if all(is_signed(roots.new, role, d) for role, d in _documents(verified).items()):
                return None
            assert verified.catalog is not None
            listed = patch_targets(verified.targets)
            return _ToSign(verified.catalog, _versions(verified), listed)

        return self._replace_root(change, kept)

    def rotate_with(
        self, change: RootChange, catalog: bytes, check: Callable[[], None] = lambda: None
    ) -> int:
        """As `rotate`, if the site's metadata cannot be trusted because a key was stolen.

        Args:
            change: What the new root changes.
            catalog: What to sign in place of the site's catalog.
            check: Raises if the catalog must not be replaced now; part of the change.

        Returns:
            Version of the new root.
        """

        def given(_: _Replacing, current: bytes | None) -> _ToSign:
            check()
            known = max(version_of(current or b""), self._remembered_version())
            restore_roots(self._target, self._known_roots())
            return _ToSign(catalog, Versions(known, known, known), {})

        return self._replace_root(change, given)

    def _replace_root(
        self, change: RootChange, choose: Callable[[_Replacing, bytes | None], _ToSign | None]
    ) -> int:
        """Replace the root, with what `choose` says of the roots and the timestamp."""
        roots, document = self._roots_for(change)
        old, new, _ = roots
        signing = self._signing(old, new)
        both = signing.suffices("targets", "snapshot", "timestamp")
        if not both:
            signing = self._signing(new)

        def sign(current: bytes | None) -> bytes | None:
            chosen = choose(roots, current)
            if chosen is None:
                return None
            signing.check("targets", "snapshot", "timestamp")
            if not both:
                self._create_root(new, document)
            return write_signed(
                self._target, signing, chosen.catalog, chosen.versions, chosen.patch_lists
            )

        self._target.change(TIMESTAMP_KEY, sign)
        self._create_root(new, document)
        self._target.sync()
        self._copy_catalog()
        return new.version

    def _roots_for(self, change: RootChange) -> tuple[_Replacing, bytes]:
        """The old and the new root of a change, and the document of the new one."""
        newest, remembered = self._newest_root(), self._begin_verification().root
        if is_begun(remembered, newest, change) and not self._is_whole():
            document = self._target.read_whole(metadata_key("root", newest.version))
            if document is not None:
                return _Replacing(remembered, newest, is_begun=True), document
        new = next_root(newest, change)
        document = self._signing(newest, new).root(new)
        return _Replacing(newest, new, is_begun=False), document

    def _is_whole(self) -> bool:
        try:
            self.verify()
        except TrustError:
            return False
        return True

    def restore(self) -> tuple[str, ...]:
        """Write signed documents again that were lost or damaged, if their bytes are known.

        They are known if the publisher's memory has them; those of the catalog also if there is a
        copy with the digest that was signed. Needs no key, because nothing is signed. The unsigned
        copy of the catalog becomes right, too.

        Returns:
            The keys that were written.
        """
        written: list[str] = []

        def look(_: bytes | None) -> None:
            written.extend(restore_documents(self._target, self._keys.root, self.verify()))

        self._target.change(TIMESTAMP_KEY, look)
        if self._copy_catalog():
            written.append(CATALOG_KEY)
        return tuple(written)

    def verify(self) -> Verification:
        """Verify the site with the publisher's root; expiry does not count.

        Raises:
            TrustError: The site is not what was signed last.
        """
        verification = self._begin_verification()
        try:
            while wanted := verification.wanted:
                document = self._read(wanted.key, is_catalog=verification.wants_catalog)
                if document is None:
                    verification.missing()
                else:
                    verification.accept(document)
        except TrustError as error:
            is_remembered = self._remembered_version() > 0
            raise with_remedy(
                error, self._target.name, wanted.key if wanted else "", is_remembered=is_remembered
            ) from error
        if self._keeps:
            self._memory.keep(verification.evidence)
        return verification

    def _read(self, key: str, *, is_catalog: bool) -> bytes | None:
        return read_signed(self._target, key) if is_catalog else self._target.read_whole(key)

    def _restore(self) -> Verification:
        """The verified site, after what was lost is there again: readers need it at once."""
        verified = self.verify()
        restore_documents(self._target, self._keys.root, verified)
        return verified

    def _check_valid(self, verified: Verification, roles: Iterable[Role]) -> None:
        now = self._now()
        for role in roles:
            document = verified.signed[role]
            if document.is_expired(now):
                raise expired_error(f"{role}.json", self._target.name, document.expires, now, now)

    def _known_roots(self) -> tuple[bytes, ...]:
        return self._keys.root, *self._begin_verification().evidence.roots

    def _remembered_version(self) -> int:
        """Version of the newest timestamp that was verified here; 0 if there is none."""
        remembered = self._memory.read()
        return version_of(remembered.timestamp) if remembered else 0

    def _begin_verification(self) -> Verification:
        return Verification(self._keys.root, self._memory.read(), None, source=self._target.name)

    def _newest_root(self) -> Root:
        verification = self._begin_verification()
        while (wanted := verification.wanted) and wanted.is_optional:
            document = self._target.read_whole(wanted.key)
            if document is None:
                break
            verification.accept(document)
        return verification.root

    def _verified_below(self, roots: _Replacing) -> Verification:
        if roots.is_begun:
            remembered = self._memory.read()
            verification = self._begin_verification()
            return verified_before(verification, remembered, self._read, self._target.name)
        verified = self._restore()
        if verified.root.version != roots.old.version:
            raise ConfigError(
                f"{self._target.name}: another publisher has replaced the root",
                remedy="Look at it (dlcore trust show), then rotate again if it is still needed.",
            )
        return verified

    def _manifests(self, catalog: bytes) -> set[str]:
        source = f"{self._target.name}/{CATALOG_KEY}"
        return {each.manifest for each in decode_catalog(catalog, source=source).packages.values()}

    def _signing(self, *roots: Root) -> Signing:
        return Signing(roots, self._keys.signers, self._now())

    def _create_root(self, root: Root, document: bytes) -> None:
        key = metadata_key("root", root.version)
        if not self._target.create(key, document) and self._target.read_whole(key) != document:
            raise ConfigError(
                f"{self._target.name}: another publisher has written {key}",
                remedy="Look at it (dlcore trust show), then rotate again if it is still needed.",
            )

    def _copy_catalog(self) -> bool:
        """Returns whether the copy was another one."""
        differs = False

        def copy(current: bytes | None) -> bytes | None:
            nonlocal differs
            signed = self.verify().catalog  # read after ``current``, so it is not older
            differs = signed != current
            return signed if differs else None

        self._target.change(CATALOG_KEY, copy)
        return differs


def _versions(verified: Verification) -> Versions:
    return Versions(verified.timestamp.version, verified.snapshot.version, verified.targets.version)


def _documents(verified: Verification) -> dict[Role, bytes]:
    evidence = verified.evidence
    return {
        "timestamp": evidence.timestamp,
        "snapshot": evidence.snapshot,
        "targets": evidence.targets,
    }
