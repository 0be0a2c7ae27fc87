"""What is known of each package: its catalog entry, its manifest, and who holds its objects.

Guarantees: a manifest is used only if its SHA-256 is the one that the catalog states, whatever its
source; each is read once. For documents, endpoints are asked in the order of preference, with those
that failed before at the end; if one is slow or busy, the next is asked as well (`inquiry`). For
objects, all endpoints that may be used are asked at once, and a slow or busy one delays no other.

Documents are policy, not content: endpoints that may not be used where the machine is are asked for
them as well, after all that may.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec

from dlcore import manifest as documents
from dlcore.engine.download.allowed import AllEndpoints, AllowedEndpoints
from dlcore.engine.download.asking import Asking, NoAnswerError
from dlcore.engine.download.exhaustion import decisive, exhausted
from dlcore.engine.download.inquiry import InquiryPolicy
from dlcore.engine.download.version_names import package_id_of
from dlcore.engine.events import Event
from dlcore.errors import (
    DlcoreError,
    ExhaustedError,
    Fault,
    ManifestError,
    NotFoundError,
    StorageError,
    TransferError,
    without_frames,
)
from dlcore.long_path import long_path, shown
from dlcore.model import Catalog, CatalogEntry, Manifest, manifest_key, patch_list_key
from dlcore.patches import MAX_PATCH_LIST_BYTES, PatchList, decode_patch_list, fits
from dlcore.plain_files import read_plain
from dlcore.spelling import IDS, hint
from dlcore.store import Store
from dlcore.transfer import Endpoint, Placement
from dlcore.waiting import in_thread

_log = logging.getLogger(__name__)

DescribeStated = Callable[[str, CatalogEntry], Awaitable[bytes]]
"""The manifest document of an entry with a content hash; raises DlcoreError if there is none."""

UNREACHABLE = frozenset({Fault.CONNECT, Fault.STALL})
"""The faults of an endpoint that does not answer at all."""


class PackageIndex:
    """Packages by id.

    Args:
        catalog: The trusted statement of versions and manifest digests.
        endpoints: In order of preference.
        store: Asked first for the manifests of packages that it holds, if there is one.
        folder: Where manifests may lie beside the catalog, to be asked before any endpoint.
        tell: Hears of endpoints that ask for time.
        policy: How patiently they are asked.
        patch_digests: The SHA-256 of each patch list that may be used, by that of its manifest;
            None: any, because nothing is signed.
        other_versions: Versions that are not in the catalog, by their names (`version_name`); more
            may be added meanwhile.
        allowed: Says which endpoints may be used.
        describe: Gives the manifests of packages whose content hash is stated.
        trouble: Tells why a stated package is not known; returns None for every other package.
    """

    def __init__(
        self,
        catalog: Catalog,
        endpoints: Sequence[Endpoint],
        store: Store | None,
        folder: Path | None = None,
        *,
        tell: Callable[[Event], None] = lambda _: None,
        policy: InquiryPolicy | None = None,
        patch_digests: Mapping[str, str] | None = None,
        other_versions: Mapping[str, CatalogEntry] = MappingProxyType({}),
        allowed: AllowedEndpoints | None = None,
        describe: DescribeStated | None = None,
        trouble: Callable[[str], DlcoreError | None] = lambda _: None,
    ) -> None:
        self.catalog = catalog
        self._describe = describe
        self._trouble = trouble
        self._allowed = allowed or AllEndpoints()
        self._other_versions = other_versions
        self._patch_digests = patch_digests
        self._endpoints = tuple(endpoints)
        self._store = store
        self._folder = long_path(folder) if folder else None
        self._manifests: dict[str, tuple[Manifest, bytes]] = {}
        self._located: dict[str, tuple[Manifest, dict[str, Placement]]] = {}
        self._failed: set[str] = set()  # endpoints whose last document could not be read
        self._asking = Asking(tell, policy=policy)

    def known(self, name: str) -> CatalogEntry | None:
        """The catalog entry of a package, or of another version of it; None: it is not known."""
        return self.catalog.packages.get(name) or self._other_versions.get(name)

    def entry(self, package_id: str) -> CatalogEntry:
        """As `known`, for what must be known.

        Raises:
            NotFoundError: The catalog does not know the package.
            DlcoreError: Its content hash is stated, and nothing with that hash was found.
        """
        entry = self.known(package_id)
        if entry is None and (trouble := self._trouble(package_id)):
            raise without_frames(trouble)
        if entry is None:
            raise NotFoundError(
                f"package {package_id} is not in the catalog"
                + hint(package_id, self.catalog.packages, alike=IDS),
                remedy="Publish the package, or correct its id where it is asked for.",
            )
        return entry

    async def manifest(self, package_id: str) -> tuple[Manifest, bytes]:
        """The package's manifest, and the document that it was read from.

        Raises:
            NotFoundError: The catalog does not know the package, or no endpoint has its manifest.
            ExhaustedError: No endpoint can be reached; or none has it, and one does not accept
                this client, or could not prove who it is.
            ManifestError: The manifest is malformed or of another package, though its digest is
                right.
        """
        if package_id not in self._manifests:
            entry = self.entry(package_id)
            document = await self._kept(entry, package_id) or await self._read(entry, package_id)
            source = f"manifest of {package_id}"
            manifest = documents.decode(document, source=source)
            _check_entry(entry, package_id_of(package_id), manifest, len(document))
            self._manifests[package_id] = (manifest, document)
        return self._manifests[package_id]

    async def patch_list(
        self, package_id: str, manifest: Manifest, digest: str
    ) -> PatchList | None:
        """The patch list of a version, if there is one that can be used: it is only a hint.

        Args:
            package_id: What the package is called here, for the log.
            manifest: The version's.
            digest: SHA-256 of the manifest document, hex.
        """
        key = patch_list_key(digest)
        if self._patch_digests is not None and digest not in self._patch_digests:
            return None  # what nobody has signed is not used
        try:
            document = await self._read_patch_list(digest)
            listed = decode_patch_list(document, source=key)
        except NoAnswerError:
            return None
        except ManifestError as error:
            _log.warning("package %s: its patches are not used: %s", package_id, error.message)
            return None
        if not fits(listed, manifest, digest):
            _log.warning("package %s: its patches are of another version", package_id)
            return None
        return listed

    async def _read_patch_list(self, digest: str) -> bytes:
        """The document from the first place that has the right one."""
        key = patch_list_key(digest)
        if self._folder:
            document = await in_thread(read_if_there, self._folder / key, MAX_PATCH_LIST_BYTES)
            if document is not None and self._is_vouched_for(digest, document):
                return document

        async def read(endpoint: Endpoint) -> bytes:
            document = await endpoint.read_document(key, MAX_PATCH_LIST_BYTES)
            if not self._is_vouched_for(digest, document):
                message = "the patch list is not the one that was signed"
                raise TransferError(message, fault=Fault.CORRUPT, endpoint=endpoint.name)
            return document

        length_bytes = MAX_PATCH_LIST_BYTES
        return await self._asking.ask_any(self._for_documents(), read, length_bytes=length_bytes)

    def _is_vouched_for(self, digest: str, document: bytes) -> bool:
        if self._patch_digests is None:
            return True
        return documents.digest_of(document) == self._patch_digests[digest]

    async def locate(
        self,
        package_id: str,
        manifest: Manifest,
        found: Callable[[str, Placement | TransferError | None], None],
    ) -> None:
        """Ask every endpoint that may be used for a package's objects, and again if it failed.

        Args:
            package_id: What the package is called here.
            manifest: The package's.
            found: Told each endpoint's name and answer as soon as it is there; None: it may not be
                used.
        """
        located, known = self._located.get(package_id, (manifest, {}))
        if located is not manifest:  # other patches are wanted now: a number names another object
            known = {}
        self._located[package_id] = manifest, known

        async def ask(endpoint: Endpoint) -> None:
            try:
                if endpoint.name not in known:
                    known[endpoint.name] = await self.place(endpoint, manifest)
            except TransferError as error:
                found(endpoint.name, known.get(endpoint.name, error))
            else:
                found(endpoint.name, known[endpoint.name])

        allowed = self._allowed.ranks_of(each.name for each in self._endpoints)
        for endpoint in self._endpoints:
            if endpoint.name not in allowed:
                found(endpoint.name, None)
        asked = (endpoint for endpoint in self._endpoints if endpoint.name in allowed)
        await asyncio.gather(*map(ask, asked))

    def _for_documents(self) -> Sequence[Endpoint]:
        """All endpoints; those that may be used come first."""
        ranks = self._allowed.ranks_of(each.name for each in self._endpoints)
        return sorted(self._endpoints, key=lambda each: ranks.get(each.name, len(ranks)))

    async def place(self, endpoint: Endpoint, manifest: Manifest) -> Placement:
        """Find a package's objects at one endpoint, as soon as it has time.

        Raises:
            TransferError: As `Endpoint.locate`.
        """
        return await self._asking.ask(endpoint, lambda: endpoint.locate(manifest))

    async def _kept(self, entry: CatalogEntry, package_id: str) -> bytes | None:
        """The manifest document that the store keeps with the package."""
        if self._store is None:
            return None
        known_as = package_id_of(package_id)
        return await in_thread(self._store.read_manifest, known_as, entry.version, entry.manifest)

    async def _read(self, entry: CatalogEntry, package_id: str) -> bytes:
        """The manifest document from the first place whose copy has the right digest."""
        if entry.content_hash and self._describe:
            return await self._describe(package_id, entry)
        if self._folder:
            path = self._folder / manifest_key(entry.manifest)
            document = await in_thread(read_if_there, path, entry.manifest_bytes)
            if document is not None and documents.digest_of(document) == entry.manifest:
                return document
        asked = sorted(self._for_documents(), key=lambda e: e.name in self._failed)
        try:
            return await self._asking.ask_any(
                asked,
                lambda endpoint: self._read_manifest(endpoint, entry),
                length_bytes=entry.manifest_bytes,
            )
        except NoAnswerError as error:
            failures = tuple(error.failures.values())
        message = (
            f"no endpoint has the manifest of package {package_id} version {entry.version}: "
            + "; ".join(failure.message for failure in failures)
        )
        if failures and all(failure.fault in UNREACHABLE for failure in failures):
            raise ExhaustedError(
                message,
                causes=failures,
                remedy="Run again when the endpoints can be reached.",
            )
        if decisive(failures):
            raise exhausted(message, failures)
        raise NotFoundError(
            message, remedy="Distribute the package to an endpoint that this client may use."
        )

    async def _read_manifest(self, endpoint: Endpoint, entry: CatalogEntry) -> bytes:
        self._failed.add(endpoint.name)  # until it has answered
        document = await endpoint.read_document(manifest_key(entry.manifest), entry.manifest_bytes)
        if documents.digest_of(document) != entry.manifest:
            raise TransferError(
                "the manifest does not match its digest",
                fault=Fault.CORRUPT,
                endpoint=endpoint.name,
            )
        self._failed.discard(endpoint.name)
        return document


def _check_entry(
    entry: CatalogEntry, package_id: str, manifest: Manifest, manifest_bytes: int
) -> None:
    """Refuse a manifest that is not what its catalog entry states, though its digest is right."""
    stated = msgspec.structs.replace(
        entry, manifest_bytes=manifest_bytes, content_bytes=manifest.content_bytes
    )
    if (manifest.package_id, manifest.version) != (package_id, entry.version):
        what = f"is that of {manifest.package_id} version {manifest.version}"
    elif stated != entry:
        what = (
            f"has {manifest_bytes} bytes and describes {manifest.content_bytes} bytes of content,"
            f" not {entry.manifest_bytes} and {entry.content_bytes} as the catalog states"
        )
    else:
        return
    raise ManifestError(
        f"the catalog's manifest of package {package_id} version {entry.version} {what}",
        remedy="Publish the package again; the catalog was not made by dlcore.",
    )


def read_if_there(path: Path, limit_bytes: int) -> bytes | None:
    """A file's bytes; None if it does not exist or is longer than ``limit_bytes``."""
    try:
        document = read_plain(path, limit_bytes + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"{shown(path)} cannot be read: {error.strerror}"
        raise StorageError(message, path=path) from error
    return document if len(document) <= limit_bytes else None
