"""Reads the catalog of a published site that was signed last. Changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from dlcore.publish.destination import Site
from dlcore.publish.documents import read_document
from dlcore.trust import Memory, Verification


def verify_signatures(site: Site, root: bytes, *, allow_expired: bool = False) -> Verification:
    """Verify the signed metadata of a site, and its catalog.

    What this machine remembers guards against rollback. It does not stand in for a document of the
    site, which other clients need: each one is read.

    Args:
        site: Any site that can be read.
        root: The root document to trust.
        allow_expired: Whether documents may have expired.

    Raises:
        TrustError: The signatures do not prove that the catalog is the publisher's latest.
        StorageError: The disk failed.
        TransferError: The site failed.
    """
    now = None if allow_expired else datetime.now(UTC)
    remembered = Memory(None, root).read()
    if remembered:
        _verify(site, Verification(root, remembered, now, source=site.name))
    return _verify(site, Verification(root, None, now, source=site.name))


def _verify(site: Site, verification: Verification) -> Verification:
    while wanted := verification.wanted:
        document = read_document(site, wanted.key, wanted.max_bytes)
        if document is None:
            verification.missing()
        else:
            verification.accept(document)
    return verification
