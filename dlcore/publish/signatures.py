"""Reads the catalog of a published site that was signed last. Changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from dlcore.publish.destination import Site
from dlcore.publish.site import read_document
from dlcore.trust import Memory, Verification


def verify_signatures(site: Site, root: bytes, *, allow_expired: bool = False) -> Verification:
    """Verify the signed metadata of a site, and its catalog.

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
    verification = Verification(root, Memory(None, root).read(), now, source=site.name)
    while wanted := verification.wanted:
        document = read_document(site, wanted.key, wanted.max_bytes)
        if document is None:
            verification.missing()
        else:
            verification.accept(document)
    return verification
