"""Packages of which a content hash is stated: what they are, as a content library describes them.

A distribution point's content library lists the length and the digest of each file. If all of them
together have the stated hash, that is what the package is: a manifest is made of it, and an entry
as a catalog has it. Everything after that is as with packages that were published.

Guarantees: a manifest that comes from here has the stated hash, whichever library described it. A
package that cannot be described is missing in the catalog, and `trouble` says why; the others are
not touched by that. Each is described once, for as long as this object lives.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from dlcore import manifest as documents
from dlcore.deployment import StatedPackage
from dlcore.engine.documents.catalog import ReadCatalog
from dlcore.engine.documents.content_library import describe
from dlcore.engine.download.allowed import AllEndpoints, AllowedEndpoints
from dlcore.engine.download.asking import Asking
from dlcore.engine.download.inquiry import InquiryPolicy
from dlcore.engine.download.package_index import UNREACHABLE
from dlcore.engine.download.version_names import package_id_of
from dlcore.engine.events import Event
from dlcore.errors import DlcoreError, IntegrityError, NotFoundError, TransferError
from dlcore.model import Catalog, CatalogEntry, Manifest
from dlcore.transfer import (
    ContentLibrary,
    DistributionPointEndpoint,
    Endpoint,
    as_content_library,
)
from dlcore.waiting import side_by_side

MAX_AT_ONCE: Final = 4
"""Packages. Each puts up to 32 questions at the same time."""

_BY_HASH_ALONE: Final = (
    "Where no content library can be read, `dlcore fetch --content-hash` gets a package by its hash"
    " alone."
)
_log = logging.getLogger(__name__)

Described = tuple[Manifest, bytes]
"""A manifest, and the document that it is written as."""


class StatedPackages:
    """What is stated of packages, and what they are.

    Args:
        stated: What the deployment states, by package id. It counts before the catalog.
        endpoints: In order of preference; filled when the client is opened.
        tell: Hears of endpoints that ask for time.
        policy: How patiently they are asked.
        allowed: Says which endpoints may be used; the others are asked last.
    """

    def __init__(
        self,
        stated: Mapping[str, StatedPackage],
        endpoints: Sequence[Endpoint],
        tell: Callable[[Event], None],
        policy: InquiryPolicy | None = None,
        allowed: AllowedEndpoints | None = None,
    ) -> None:
        self._stated = dict(stated)
        self._told: dict[str, StatedPackage] = {}
        self._endpoints = endpoints
        self._asking = Asking(tell, policy=policy)
        self._allowed = allowed or AllEndpoints()
        self._described: dict[tuple[str, StatedPackage], Described] = {}
        self._troubles: dict[str, DlcoreError] = {}
        self._silent: set[str] = set()  # libraries that did not answer when they were asked last
        self._describing = asyncio.Lock()

    @property
    def has_troubles(self) -> bool:
        """Whether some package could not be described when the catalog was read last."""
        return bool(self._troubles)

    def trouble(self, package_id: str) -> DlcoreError | None:
        """Why a package is not in the catalog although its hash is stated; None: it is there."""
        return self._troubles.get(package_id)

    def tell(self, told: Mapping[str, StatedPackage]) -> None:
        """Say what a task sequence states, from the next reading of the catalog on.

        It counts for packages that neither the deployment nor the catalog knows.

        Args:
            told: All of it, by package id, in place of what was said before.
        """
        self._told = dict(told)

    async def added_to(self, read: ReadCatalog) -> ReadCatalog:
        """A catalog with the packages that are stated; the same one if there are none.

        Args:
            read: It was read, and is not signed.
        """
        told = {each: own for each, own in self._told.items() if each not in read.catalog.packages}
        stated = told | self._stated
        self._troubles = {}
        if not stated:
            return read
        async with self._describing:
            entries = await side_by_side(self._entry, [*stated.items()], MAX_AT_ONCE)
        packages = {each: own for each, own in read.catalog.packages.items() if each not in stated}
        packages |= {each: entry for each, entry in zip(stated, entries, strict=True) if entry}
        document = documents.encode_catalog(Catalog(1, packages))
        catalog = documents.decode_catalog(document, source="the catalog with stated packages")
        return ReadCatalog(catalog, document, documents.digest_of(document))

    async def described(self, package_id: str) -> Described | None:
        """What a package is of which the deployment states the hash; None: it states none of it.

        Raises:
            DlcoreError: Nothing with the stated hash was found.
        """
        stated = self._stated.get(package_id)
        if stated is None:
            return None
        async with self._describing:
            return await self._describe(package_id, stated)

    async def document(self, name: str, entry: CatalogEntry) -> bytes:
        """The manifest document of an entry that was made here, in this process or in another one.

        Args:
            name: What the package is called among the downloads.
            entry: It has a content hash.

        Raises:
            DlcoreError: It cannot be described any more.
        """
        package_id = package_id_of(name)
        stated = StatedPackage(entry.content_hash, entry.version)
        for (known, _), (_, document) in self._described.items():
            if known == package_id and documents.digest_of(document) == entry.manifest:
                return document
        async with self._describing:
            _, document = await self._describe(package_id, stated, entry.manifest)
        return document

    async def _entry(self, item: tuple[str, StatedPackage]) -> CatalogEntry | None:
        package_id, stated = item
        try:
            manifest, document = await self._describe(package_id, stated)
        except DlcoreError as error:
            _log.warning("package %s is not known: %s", package_id, error.message)
            self._troubles[package_id] = error
            return None
        return CatalogEntry(
            manifest.version,
            documents.digest_of(document),
            len(document),
            manifest.content_bytes,
            stated.content_hash,
        )

    async def _describe(
        self, package_id: str, stated: StatedPackage, digest: str = ""
    ) -> Described:
        """What the first library says that has content with the stated hash.

        Args:
            package_id: The package.
            stated: The hash.
            digest: That of the manifest document which it must be, hex; empty for any.
        """
        known = self._described.get((package_id, stated))
        if known and digest in ("", documents.digest_of(known[1])):
            return known
        failures: list[DlcoreError] = []
        for library in self._libraries():
            asked = partial(describe, library, package_id, self._asking, stated.content_hash)
            try:
                manifest = (await asked(version=stated.version)).manifest
            except DlcoreError as error:
                failures.append(error)
                if isinstance(error, TransferError) and error.fault in UNREACHABLE:
                    self._silent.add(library.name)
                continue
            self._silent.discard(library.name)
            found = manifest, documents.encode(manifest)
            if digest in ("", documents.digest_of(found[1])):
                self._described[package_id, stated] = found
                return found
            failures.append(_described_otherwise(library.name, package_id, manifest.version))
        raise _worst(failures) if failures else _nobody_to_ask(package_id)

    def _libraries(self) -> Sequence[ContentLibrary]:
        """The content libraries: those of endpoints that may be used first, silent ones last."""
        return sorted(self._in_order(), key=lambda library: library.name in self._silent)

    def _in_order(self) -> Iterator[ContentLibrary]:
        ranks = self._allowed.ranks_of(each.name for each in self._endpoints)
        for endpoint in sorted(self._endpoints, key=lambda e: ranks.get(e.name, len(ranks))):
            if isinstance(endpoint, DistributionPointEndpoint):
                yield endpoint.content_library()
            elif library := as_content_library(endpoint):
                yield library


def _worst(failures: Sequence[DlcoreError]) -> DlcoreError:
    """The failure to report: wrong content comes before a library that cannot be read."""
    for each in failures:
        if isinstance(each, IntegrityError):
            return each
    failures[0].advise(_BY_HASH_ALONE)
    return failures[0]


def _described_otherwise(library: str, package_id: str, version: int) -> NotFoundError:
    return NotFoundError(
        f"{library} describes package {package_id} version {version} in another way than before,"
        " with the same content hash",
        remedy="Start over; names that differ only in case have the same content hash.",
    )


def _nobody_to_ask(package_id: str) -> NotFoundError:
    return NotFoundError(
        f"the content hash of package {package_id} is stated, and no endpoint is a distribution"
        " point or a content library that this client may use",
        remedy="Name one as an endpoint, or publish the package.",
    )
