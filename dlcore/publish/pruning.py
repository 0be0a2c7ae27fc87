"""Removes old versions of packages from a site, and what nothing needs any more.

Guarantees: what the catalog names stays, and all that it needs. The catalog is not changed, nor is
anything that is signed. Manifests of old versions go first, then the objects that no manifest
names: so a pruning that is killed leaves a valid site, whose old versions are whole or gone, and
the next one removes what it left. What was stored a short time ago stays: a publisher at work may
need it (`prune_mark` says how publishers and prunings agree).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from dlcore.errors import IntegrityError, ManifestError, NotFoundError
from dlcore.manifest import MAX_MANIFEST_BYTES, decode, decode_catalog, digest_of
from dlcore.model import (
    CATALOG_KEY,
    CatalogEntry,
    Manifest,
    is_content_key,
    manifest_key,
    object_key,
    patch_list_key,
)
from dlcore.patches import PatchList
from dlcore.publish.destination import Destination, Listed
from dlcore.publish.documents import read_document
from dlcore.publish.history import (
    History,
    ReadCatalog,
    Standing,
    digest_in,
    history_of,
    look,
    named_in,
    seen,
)
from dlcore.publish.opening import open_destination
from dlcore.publish.patch_lists import read_patch_list
from dlcore.publish.policy import DEFAULT_POLICY, PublishPolicy
from dlcore.publish.prune_mark import Marking, Now, now_utc
from dlcore.publish.replaced import Limits, PrunedVersion, Stored, old_versions
from dlcore.publish.site import read_manifest
from dlcore.publish.stored import Wrong
from dlcore.publish.trusted_catalog import read_trusted

log = logging.getLogger("dlcore.publish")

Hold = Callable[[], None]
"""Called again and again, so that the mark does not run out (`Marking.hold`)."""


class Pruned(msgspec.Struct, frozen=True):
    """The result of pruning.

    Attributes:
        versions: What was removed, by package and version.
        unpublished: What else was removed: versions that were stored and never published.
        damaged: Keys of manifests that were removed because they are not as they were published.
        objects: Number of objects that were removed.
        removed_bytes: Length of these objects and of the manifests.
        kept_versions: Number of versions that are kept, the current ones included.
        unknown_versions: How many of them were stored before the site noted what is published: so
            nobody knows when they were replaced, or whether they ever were published.
        kept_unpublished: Number of versions that were never published and are not removed yet.
        young_objects: Number of objects that nothing needs and that are kept, because they were
            stored so lately that a publisher may be at work on them.
        foreign: Keys of what is neither an object nor a manifest by its name; it is left alone.
    """

    versions: tuple[PrunedVersion, ...]
    damaged: tuple[str, ...]
    objects: int
    removed_bytes: int
    kept_versions: int
    young_objects: int
    foreign: tuple[str, ...] = ()
    unpublished: tuple[PrunedVersion, ...] = ()
    unknown_versions: int = 0
    kept_unpublished: int = 0


def prune(
    where: str,
    *,
    keep: int | None = None,
    older_than_s: float | None = None,
    trust_root: Path | None = None,
    sign_with: Sequence[Path] = (),
    passphrase: bytes | None = None,
    dry_run: bool = False,
) -> Pruned:
    """Remove old versions from a site.

    A client that began a run with a version that is removed cannot fetch the rest of it any more.

    Args:
        where: A folder, or a URL with the scheme ``az``, ``s3`` or ``gs``.
        keep: How many versions of each package to keep, the current one included; 1 or more. None
            for all that ``older_than_s`` leaves. Of a package that the catalog does not name, none
            is kept for its number.
        older_than_s: Only remove versions that the catalog stopped naming longer ago than this.
            Where nobody noted that, it counts from the first pruning or publishing that sees it.
        trust_root: Root document that says which catalog counts; for a signed site, this or keys.
        sign_with: Private keys, in place of the root; nothing is signed with them.
        passphrase: Decrypts the keys that are encrypted.
        dry_run: Whether to find out only what would be removed.

    Raises:
        ConfigError: Neither ``keep`` nor ``older_than_s`` is given, or it cannot be used; the site
            is signed, and neither a root nor keys are given; or the URL cannot be used.
        NotFoundError: There is no catalog.
        ManifestError: The catalog is malformed; or an earlier version has a manifest that this
            version of dlcore cannot read. Nothing was removed.
        IntegrityError: The manifest of a current version is damaged, so that nobody knows what it
            needs. Nothing was removed.
        TrustError: The signatures are not what was signed last.
        OwnershipError: There is a link in the place of a folder of the site, of an object or of a
            manifest; or root is asked to prune where another user could alter something.
        StorageError: The disk failed. The site is valid; prune again. A full disk does not matter
            as long as it has room for the name of a file.
        TransferError: The object store failed. The site is valid; prune again.
        LockedError: The machine stood still for minutes. The site is valid; prune again.
    """
    target = open_destination(where, doing="prune")

    def catalog() -> bytes | None:
        return read_trusted(target, sign_with, trust_root, passphrase, keeps=not dry_run)

    limits = Limits(keep, older_than_s)
    return Pruning(target, catalog, limits, DEFAULT_POLICY).run(dry_run=dry_run)


class Pruning:
    """One pruning of a site that is already open; otherwise as `prune`.

    Args:
        target: The site.
        catalog: Reads the catalog document that counts; None if there is none.
        limits: Which versions are old.
        policy: Sizes and limits.
        now: This machine's clock.
    """

    def __init__(
        self,
        target: Destination,
        catalog: ReadCatalog,
        limits: Limits,
        policy: PublishPolicy,
        now: Now = now_utc,
    ) -> None:
        limits.check()
        self._target = target
        self._catalog = catalog
        self._limits = limits
        self._policy = policy
        self._now = now

    def run(self, *, dry_run: bool = False) -> Pruned:
        """Remove what is old."""
        self._target.check_removable()
        if dry_run:
            return self._decide(lambda: None).pruned
        self._current()  # a site that cannot be pruned gets no mark
        marking = Marking(self._target, self._policy, self._now)
        try:
            marking.hold()
            decided = self._decide(marking.hold)
            self._remove(decided.manifests, marking.hold)
            self._remove(decided.patch_lists, marking.hold)
            self._remove(decided.objects, marking.hold)
            self._note(decided)
        finally:
            marking.end()
        return decided.pruned

    def _remove(self, keys: Sequence[str], hold: Hold) -> None:
        """Remove content, durably before anything else is removed."""
        for start in range(0, len(keys), self._policy.removed_at_once):
            hold()
            self._target.remove(keys[start : start + self._policy.removed_at_once])
        if keys:
            log.info("%s: removed %d of %s", self._target.name, len(keys), keys[0].split("/")[0])
            self._target.sync()

    def _note(self, decided: _Decided) -> None:
        """Note what was found. After removals, because the disk may have been full before."""
        gone = {digest_in(key) for key in decided.manifests} | decided.missing
        look(self._target, self._catalog, self._now, found=decided.found - gone, gone=gone)

    def _decide(self, hold: Hold) -> _Decided:
        now = self._now()
        manifests_listed, foreign_manifests = self._list_keys("manifests", hold)
        objects, foreign_objects = self._list_keys("objects", hold)
        lists, foreign_lists = self._list_keys("patches", hold)
        manifests = {each.key: each for each in manifests_listed}
        current, there = self._current(), frozenset(map(digest_in, manifests))
        known = history_of(self._target)
        history = seen(known, {entry.manifest for entry in current.values()}, there, now)
        found, damaged = self._versions(current, manifests, history, hold)
        old = old_versions(found, self._limits, now)
        in_copy = self._named_in_copy()
        old = [
            each
            for each in old
            if not self._is_young(each.stored_at, now) and each.version.manifest not in in_copy
        ]
        gone = {each.version for each in old}
        kept = [each for each in found if each.version not in gone]
        needed = frozenset(key for each in kept for key in each.objects)
        unneeded = [each for each in objects if each.key not in needed]
        removed = [each for each in unneeded if not self._is_young(each.stored_at, now)]
        damaged = [key for key in damaged if not self._is_young(manifests[key].stored_at, now)]
        removed_manifests = [manifest_key(each.version.manifest) for each in old] + damaged
        listing = {patch_list_key(each.version.manifest) for each in kept}
        unneeded_lists = [each for each in lists if each.key not in listing]
        removed_lists = [each for each in unneeded_lists if not self._is_young(each.stored_at, now)]
        lengths = [each.length_bytes for each in (*removed, *removed_lists)]
        lengths += [manifests[key].length_bytes for key in removed_manifests]
        pruned = Pruned(
            versions=tuple(each.version for each in old if _is_version(each)),
            damaged=tuple(damaged),
            objects=len(removed),
            removed_bytes=sum(lengths),
            kept_versions=sum(map(_is_version, kept)),
            young_objects=len(unneeded) - len(removed),
            foreign=(*foreign_manifests, *foreign_objects, *foreign_lists),
            unpublished=tuple(each.version for each in old if not _is_version(each)),
            unknown_versions=sum(each.standing is Standing.UNKNOWN for each in kept),
            kept_unpublished=len(kept) - sum(map(_is_version, kept)),
        )
        return _Decided(
            pruned,
            removed_manifests,
            [each.key for each in removed_lists],
            [each.key for each in removed],
            there,
            frozenset(history.manifests - there),
        )

    def _is_young(self, stored_at: datetime, now: datetime) -> bool:
        return now - stored_at < timedelta(seconds=self._policy.stale_s)

    def _current(self) -> Mapping[str, CatalogEntry]:
        document = self._catalog()
        if document is None:
            raise NotFoundError(
                f"{self._target.name} has no {CATALOG_KEY}",
                remedy="Name the folder or URL that was given to dlcore publish --to.",
            )
        return decode_catalog(document, source=f"{self._target.name}/{CATALOG_KEY}").packages

    def _named_in_copy(self) -> set[str]:
        """The manifests in the catalog that clients without a pinned root read.

        On a signed site it is a copy. It is behind if a publisher was killed before it wrote it.
        """
        try:
            return named_in(self._target.read_whole(CATALOG_KEY), self._target.name)
        except ManifestError as error:
            log.warning(
                "the copy of the catalog is damaged, so it keeps nothing: %s", error.message
            )
            return set()

    def _list_keys(self, folder: str, hold: Hold) -> tuple[list[Listed], list[str]]:
        """What can be content by its name, and the keys of everything else."""
        found, foreign = list[Listed](), list[str]()
        for number, each in enumerate(self._target.list_folder(folder)):
            if number % self._policy.removed_at_once == 0:
                hold()
            if each.is_file and is_content_key(each.key):
                found.append(each)
            else:
                foreign.append(each.key)
        return found, foreign

    def _versions(
        self,
        current: Mapping[str, CatalogEntry],
        manifests: Mapping[str, Listed],
        history: History,
        hold: Hold,
    ) -> tuple[list[Stored], list[str]]:
        """All versions of the site, and the keys of manifests that are damaged."""
        found, damaged = list(self._current_versions(current, manifests, hold)), []
        named = {manifest_key(entry.manifest) for entry in current.values()}
        for key in sorted(manifests.keys() - named):
            hold()
            document = read_document(self._target, key, MAX_MANIFEST_BYTES)
            if document is None:  # another pruning was faster
                continue
            version = self._earlier(manifests[key], document, history)
            if version:
                found.append(version)
            else:
                damaged.append(key)
        return found, damaged

    def _current_versions(
        self, current: Mapping[str, CatalogEntry], manifests: Mapping[str, Listed], hold: Hold
    ) -> Iterator[Stored]:
        for package_id, entry in current.items():
            hold()
            manifest = read_manifest(self._target, package_id, entry)
            key = manifest_key(entry.manifest)
            if not isinstance(manifest, Manifest):
                wrong, detail = manifest
                remedy = "Mend it with dlcore publish --repair, then prune again."
                if wrong is Wrong.MALFORMED:  # perhaps of a later version of dlcore
                    remedy = (
                        f"Prune with the latest version of dlcore. If that refuses it: {remedy}"
                    )
                raise IntegrityError(
                    f"{self._target.name}/{key} of {package_id} is {wrong.value}, so nobody"
                    f" knows which objects it needs{detail and f' ({detail})'}",
                    path=key,
                    remedy=remedy,
                )
            stored_at = manifests[key].stored_at if key in manifests else self._now()
            version = PrunedVersion(package_id, entry.version, entry.manifest)
            yield Stored(version, self._objects(manifest, entry.manifest), stored_at, True)

    def _earlier(self, listed: Listed, document: bytes, history: History) -> Stored | None:
        """A version that the catalog does not name; None if its manifest is damaged."""
        digest = digest_in(listed.key)
        source = f"{self._target.name}/{listed.key}"
        if len(document) <= MAX_MANIFEST_BYTES and digest_of(document) != digest:
            log.warning("%s is damaged: it does not match its name", source)
            return None
        try:
            manifest = decode(document, source=source)
        except ManifestError as error:  # as it was published, perhaps by a later version of dlcore
            raise ManifestError(
                f"{error.message}; so nobody knows which objects it needs, and nothing is removed",
                remedy="Prune with the latest version of dlcore. If that cannot read it either, and"
                " nobody needs this version of a package, delete the manifest yourself.",
            ) from error
        version = PrunedVersion(manifest.package_id, manifest.version, digest)
        return Stored(
            version=version,
            objects=self._objects(manifest, digest),
            stored_at=listed.stored_at,
            is_current=False,
            standing=history.standing(digest),
            unnamed_since=history.unnamed_since(digest),
        )

    def _objects(self, manifest: Manifest, digest: str) -> frozenset[str]:
        """What a version needs, with its patches."""
        listed = read_patch_list(self._target, manifest, digest)
        patched = listed.objects if isinstance(listed, PatchList) else ()
        return frozenset(object_key(item.name) for item in (*manifest.objects, *patched))


class _Decided(NamedTuple):
    """What is to be removed, by keys, and what that comes to.

    Attributes:
        found: SHA-256 of each manifest that was there.
        missing: SHA-256 of each manifest that the history knows and that was not there.
    """

    pruned: Pruned
    manifests: list[str]
    patch_lists: list[str]
    objects: list[str]
    found: frozenset[str]
    missing: frozenset[str]


def _is_version(each: Stored) -> bool:
    """Whether it is a version, as far as anyone knows, and not what a publisher left."""
    return each.standing is not Standing.UNPUBLISHED
