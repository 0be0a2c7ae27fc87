"""Reads the catalog, on which the trust in every other document rests.

Guarantees: with a pinned root, the catalog is the one that the publisher signed last,
whichever server it came from. Without one, the file, the endpoint's TLS or the pinned digest
vouches for it; the caller has made sure that one of them does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from dlcore import manifest as documents
from dlcore.engine.documents.trusted import TrustedRoot
from dlcore.engine.download.asking import Asking
from dlcore.engine.download.inquiry import InquiryPolicy
from dlcore.engine.download.package_index import read_if_there
from dlcore.engine.events import Event
from dlcore.errors import Fault, IntegrityError, NotFoundError, TransferError
from dlcore.long_path import long_path
from dlcore.manifest import MAX_CATALOG_BYTES
from dlcore.model import CATALOG_KEY, Catalog
from dlcore.transfer import Endpoint
from dlcore.waiting import in_thread

ReadDocument = Callable[[str, int], Awaitable[bytes | None]]
"""Reads the published document with a key, up to a length in bytes; None if there is none."""


class ReadCatalog(NamedTuple):
    """A catalog as it was read.

    Attributes:
        catalog: What it states.
        document: Its bytes.
        sha256: Their digest, hex.
        evidence: What proves its signatures again offline (`TrustedRoot.prove`); empty if no root
            is pinned.
    """

    catalog: Catalog
    document: bytes
    sha256: str
    evidence: bytes = b""

    @property
    def patch_digests(self) -> dict[str, str] | None:
        """The SHA-256 of each signed patch list, by that of its manifest; None: all is unsigned."""
        if not self.evidence:
            return None
        from dlcore.trust import patch_digests_in

        return patch_digests_in(self.evidence)


async def read_catalog(
    *,
    path: Path | None = None,
    endpoint: Endpoint | None = None,
    sha256: str = "",
    trust: TrustedRoot | None = None,
    tell: Callable[[Event], None] = lambda _: None,
    policy: InquiryPolicy | None = None,
) -> ReadCatalog:
    """Read the catalog from a file or from an endpoint.

    Args:
        path: A local file. With a pinned root: the ``catalog.json`` of a published folder, in
            which its signed metadata lies too.
        endpoint: The endpoint to ask for the catalog, if there is no file. It is trusted for it
            unless a root is pinned.
        sha256: Digest that the document must have, hex; empty for any.
        trust: The pinned root; None if there is none.
        tell: Hears if the endpoint asks for time.
        policy: How patiently the endpoint is asked.

    Raises:
        NotFoundError: It is not there.
        TransferError: The endpoint cannot be asked.
        TrustError: The signatures do not prove that it is the publisher's latest.
        IntegrityError: It does not have the digest.
        ManifestError: It is malformed.
        StorageError: A file cannot be read, or what was verified cannot be kept.
    """
    read: ReadDocument
    if path:
        source, name, read = str(path), path.name, partial(_read_file, path.parent)
    else:
        assert endpoint is not None
        source, name = f"catalog of endpoint {endpoint.name}", CATALOG_KEY
        read = _reader(endpoint, Asking(tell, policy=policy))
    if trust:
        document, evidence = await trust.read(read, source)
    else:
        document, evidence = await _read_unsigned(read, name, source), b""
    found = documents.digest_of(document)
    if sha256 and found != sha256.lower():
        raise IntegrityError(
            f"{source} does not have the SHA-256 {sha256}",
            remedy="Correct the pin of the catalog if it was updated on purpose.",
        )
    catalog = documents.decode_catalog(document, source=source)
    return ReadCatalog(catalog, document, found, evidence)


async def _read_unsigned(read: ReadDocument, name: str, source: str) -> bytes:
    document = await read(name, MAX_CATALOG_BYTES)
    if document is None:
        raise NotFoundError(
            f"there is no catalog: {source} does not exist",
            remedy="Check the path or address: the catalog is where `dlcore publish` put it.",
        )
    return document


async def _read_file(folder: Path, key: str, max_bytes: int) -> bytes | None:
    path = long_path(folder) / key
    return await in_thread(read_if_there, path, max_bytes + 1)  # it is refused later


def _reader(endpoint: Endpoint, asking: Asking) -> ReadDocument:
    async def read(key: str, max_bytes: int) -> bytes | None:
        try:
            return await asking.ask(endpoint, lambda: endpoint.read_document(key, max_bytes))
        except TransferError as error:
            if error.fault is Fault.NOT_FOUND:
                return None
            raise

    return read
