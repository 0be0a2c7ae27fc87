"""Checks a whole published site: catalog, manifests, objects, blocks. Changes nothing.

Guarantees: what is not reported was read completely and matched its digest. Each object is read
once, however many packages use it.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from dlcore.errors import ManifestError, NotFoundError
from dlcore.extras import require
from dlcore.manifest import MAX_CATALOG_BYTES, decode, decode_catalog, digest_of
from dlcore.model import (
    CATALOG_KEY,
    CatalogEntry,
    Manifest,
    ObjectIndex,
    manifest_key,
    object_key,
    patch_list_key,
)
from dlcore.patches import MAX_PATCH_LIST_BYTES
from dlcore.publish.destination import Site
from dlcore.publish.documents import read_document
from dlcore.publish.objects import distinct_objects, read_objects
from dlcore.publish.opening import open_site
from dlcore.publish.patch_lists import UnusableList, read_patch_list
from dlcore.publish.policy import DEFAULT_POLICY, PublishPolicy
from dlcore.publish.stored import Damage, Wrong, files_of


class SiteFault(msgspec.Struct, frozen=True):
    """Something at a site that is not as it was published.

    Attributes:
        key: Where it is: ``catalog.json``, ``manifests/...``, ``objects/...`` or ``patches/...``.
        wrong: What is wrong.
        package_id: The package that needs it; empty for the catalog.
        blocks: The object's blocks ``[first, last)`` that are wrong; None for a document.
        offset_bytes: Where in the object the first of them begins.
        files: Paths in the package of the files that are wrong with them; of an object that has
            patches, numbers of these in the patch list.
        message: What else is known; may be empty.
    """

    key: str
    wrong: Wrong
    package_id: str = ""
    blocks: tuple[int, int] | None = None
    offset_bytes: int = 0
    files: tuple[str, ...] = ()
    message: str = ""


class SiteReport(msgspec.Struct, frozen=True):
    """The result of `verify_site`.

    Attributes:
        packages: Number of packages in the catalog.
        objects: Number of objects that they need.
        content_bytes: Length of these objects.
        faults: Everything that is wrong, in the order of the catalog.
        unreferenced: Keys of objects and manifests that no package needs, such as those of earlier
            versions; None if the site cannot be listed, or if the catalog or a manifest cannot be
            read. They are not faults.
    """

    packages: int
    objects: int
    content_bytes: int
    faults: tuple[SiteFault, ...]
    unreferenced: tuple[str, ...] | None


def verify_site(
    where: str,
    *,
    trust_root: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    ca_file: str = "",
) -> SiteReport:
    """Check everything that the catalog of a site names.

    Args:
        where: A folder, or a URL with the scheme ``http``, ``https``, ``az``, ``s3`` or ``gs``.
        trust_root: Root document that must vouch for the catalog; None if it need not be signed.
        progress: Called with the bytes that were read and the bytes to read; from several threads,
            but never at the same time.
        ca_file: PEM file of authorities to trust besides the system's; empty for none.

    Raises:
        ConfigError: The URL cannot be used; the user's fault.
        NotFoundError: There is no catalog, or no file with the root.
        TrustError: The signatures do not prove that the catalog is the publisher's latest.
        StorageError: The disk failed.
        TransferError: The site failed.
    """
    site = open_site(where, ca_file=ca_file)
    signed = _verify_signatures(site, trust_root) if trust_root else None
    return SiteCheck(site, progress or (lambda *_: None), DEFAULT_POLICY, signed=signed).run()


class Signed(NamedTuple):
    """What the signatures of a site prove.

    Attributes:
        catalog: The catalog document.
        patch_lists: The SHA-256 of each patch list, by its manifest's.
    """

    catalog: bytes
    patch_lists: Mapping[str, str]


def _verify_signatures(site: Site, trust_root: Path) -> Signed:
    require("trust")
    from dlcore.publish.signatures import verify_signatures
    from dlcore.trust import encode_evidence, patch_digests_in
    from dlcore.trust.pinned_root import read_root

    verified = verify_signatures(site, read_root(trust_root))
    assert verified.catalog is not None
    return Signed(verified.catalog, patch_digests_in(encode_evidence(verified.evidence)))


class SiteCheck:
    """One check of a site that is already open; otherwise as `verify_site`.

    Args:
        site: Where to read.
        progress: As of `verify_site`.
        policy: Limits and sizes.
        signed: What the signatures prove; None if they are not asked for.
    """

    def __init__(
        self,
        site: Site,
        progress: Callable[[int, int], None],
        policy: PublishPolicy,
        *,
        signed: Signed | None = None,
    ) -> None:
        self._site = site
        self._signed = signed
        self._meter = _Meter(progress)
        self._policy = policy
        self._faults: list[SiteFault] = []
        self._damages: dict[str, Damage | None] = {}  # by the name of each object that was read
        self._needed = {CATALOG_KEY}
        self._knows_what_is_needed = True
        self._content_bytes = 0

    def run(self) -> SiteReport:
        """Check everything."""
        packages = self._packages()
        for package_id, entry in packages.items():
            manifest = self._manifest(package_id, entry)
            if manifest is not None:
                self._check_objects(manifest)
                self._check_patches(manifest, entry)
        return SiteReport(
            packages=len(packages),
            objects=len(self._damages),
            content_bytes=self._content_bytes,
            faults=tuple(self._faults),
            unreferenced=self._find_unreferenced(),
        )

    def _packages(self) -> dict[str, CatalogEntry]:
        document = read_catalog(self._site)
        if self._signed is not None and document != self._signed.catalog:
            message = "it is not the catalog that was signed"
            self._faults.append(SiteFault(CATALOG_KEY, Wrong.MISMATCH, message=message))
            document = self._signed.catalog
        try:
            return decode_catalog(document, source=f"{self._site.name}/{CATALOG_KEY}").packages
        except ManifestError as error:
            self._faults.append(SiteFault(CATALOG_KEY, Wrong.MALFORMED, message=error.message))
            self._knows_what_is_needed = False
            return {}

    def _manifest(self, package_id: str, entry: CatalogEntry) -> Manifest | None:
        key = manifest_key(entry.manifest)
        self._needed.add(key)
        found = read_manifest(self._site, package_id, entry)
        if isinstance(found, Manifest):
            return found
        self._faults.append(SiteFault(key, found[0], package_id, message=found[1]))
        self._knows_what_is_needed = False
        return None

    def _check_patches(self, manifest: Manifest, entry: CatalogEntry) -> None:
        listed = read_patch_list(self._site, manifest, entry.manifest)
        if listed is None:
            return
        key = patch_list_key(entry.manifest)
        self._needed.add(key)
        if self._signed and not self._is_signed(key, entry.manifest):
            message = "it is not the patch list that was signed; clients do not use it"
            self._faults.append(
                SiteFault(key, Wrong.MISMATCH, manifest.package_id, message=message)
            )
        if isinstance(listed, UnusableList):
            fault = SiteFault(key, Wrong.MALFORMED, manifest.package_id, message=listed.why)
            self._faults.append(fault)
            self._knows_what_is_needed = False
        else:
            self._check_objects(listed.content)

    def _is_signed(self, key: str, manifest: str) -> bool:
        assert self._signed is not None
        document = read_document(self._site, key, MAX_PATCH_LIST_BYTES) or b""
        return digest_of(document) == self._signed.patch_lists.get(manifest)

    def _check_objects(self, manifest: Manifest) -> None:
        objects = distinct_objects(manifest)
        self._needed.update(map(object_key, objects))
        unread = {name: index for name, index in objects.items() if name not in self._damages}
        added_bytes = sum(manifest.objects[index].length_bytes for index in unread.values())
        self._content_bytes += added_bytes
        self._meter.expect(added_bytes)

        self._damages.update(dict.fromkeys(unread))
        advance, policy = self._meter.advance, self._policy
        self._damages.update(read_objects(self._site, manifest, unread, advance, policy))
        for index, item in enumerate(manifest.objects):
            wrong = self._damages[item.name]
            if wrong is not None:
                self._faults += self._faults_of(manifest, ObjectIndex(index), wrong)

    def _faults_of(
        self, manifest: Manifest, index: ObjectIndex, damage: Damage
    ) -> Iterator[SiteFault]:
        """One fault for each extent of wrong blocks."""
        files = files_of(self._site, manifest, index, damage)
        extents = itertools.groupby(enumerate(damage.blocks), key=lambda pair: pair[1] - pair[0])
        for _, extent in extents:
            blocks = [block for _, block in extent]
            named = dict.fromkeys(path for block in blocks for path in files[block])
            yield SiteFault(
                object_key(manifest.objects[index].name),
                damage.wrong,
                manifest.package_id,
                (blocks[0], blocks[-1] + 1),
                manifest.block_span(index, blocks[0])[0],
                tuple(named),
            )

    def _find_unreferenced(self) -> tuple[str, ...] | None:
        if not self._knows_what_is_needed:
            return None
        listed = [self._site.keys(folder) for folder in ("manifests", "objects", "patches")]
        found = [key for keys in listed if keys is not None for key in keys]
        return None if None in listed else tuple(sorted(set(found) - self._needed))


class _Meter:
    """Adds up what the threads have read."""

    def __init__(self, progress: Callable[[int, int], None]) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._done_bytes = 0
        self._total_bytes = 0

    def expect(self, count: int) -> None:
        with self._lock:
            self._total_bytes += count

    def advance(self, count: int) -> None:
        with self._lock:
            self._done_bytes += count
            self._progress(self._done_bytes, self._total_bytes)


def read_catalog(site: Site) -> bytes:
    """The document of a site's catalog.

    Raises:
        NotFoundError: There is none.
    """
    document = read_document(site, CATALOG_KEY, MAX_CATALOG_BYTES)
    if document is None:
        raise NotFoundError(
            f"{site.name} has no {CATALOG_KEY}",
            remedy="Name the folder or URL that was given to dlcore publish --to.",
        )
    return document


def read_manifest(site: Site, package_id: str, entry: CatalogEntry) -> Manifest | tuple[Wrong, str]:
    """The manifest that a catalog names; or what is wrong with it, and what else is known."""
    key = manifest_key(entry.manifest)
    document = read_document(site, key, entry.manifest_bytes)
    if document is None:
        return Wrong.MISSING, ""
    if digest_of(document) != entry.manifest:
        lengths = len(document), entry.manifest_bytes
        wrong = Wrong.SHORTER if lengths[0] < lengths[1] else Wrong.LONGER
        return Wrong.MISMATCH if lengths[0] == lengths[1] else wrong, ""
    try:
        manifest = decode(document, source=f"{site.name}/{key}")
    except ManifestError as error:
        return Wrong.MALFORMED, error.message
    stated = (manifest.package_id, manifest.version, manifest.content_bytes, len(document))
    if stated != (package_id, entry.version, entry.content_bytes, entry.manifest_bytes):
        return Wrong.CONTRADICTION, "the catalog states another package id, version or length"
    return manifest
