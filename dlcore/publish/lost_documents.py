"""Writes signed documents again that a site has lost or that were damaged, byte by byte as signed.

Nothing is signed here. What is written is what this process has verified: a document that the
publisher's memory holds, or a copy with the digest that was signed. Whoever controls the site can
take a document away, and gets back the same one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from dlcore.errors import ManifestError, TrustError, TrustFault
from dlcore.manifest import digest_of
from dlcore.model import CATALOG_KEY, TIMESTAMP_KEY
from dlcore.publish.destination import Destination
from dlcore.trust import Verification, metadata_key, signed_catalog_key
from dlcore.trust.verification import version_of

log = logging.getLogger("dlcore.publish")

_MAY_BE_LOST = frozenset({TrustFault.MISMATCH, TrustFault.MALFORMED, TrustFault.TOO_LONG})
_ANEW = (
    "sign a catalog that you know to be right, with the root key: dlcore trust rotate {site}"
    " --sign-with ROOT_KEY --sign-with KEYS --catalog FILE."
)


def restore_documents(target: Destination, pinned_root: bytes, verified: Verification) -> list[str]:
    """Write what differs at the site from what was verified.

    Args:
        target: The site, inside its `Destination.change` of the timestamp, which is left alone.
        pinned_root: The root document that the publisher trusts.
        verified: The site, completely verified.

    Returns:
        The keys that were written.
    """
    roots = (pinned_root, *verified.evidence.roots)
    return _write_missing(target, [*_roots(roots), *_documents(verified)])


def restore_roots(target: Destination, roots: Iterable[bytes]) -> None:
    """As `restore_documents`, for verified root documents only: new readers need each of them."""
    _write_missing(target, _roots(roots))


def _write_missing(target: Destination, documents: Iterable[tuple[str, bytes]]) -> list[str]:
    written = []
    for key, document in documents:
        if not _is_at(target, key, document):
            target.write(key, [memoryview(document)], len(document))
            log.warning("%s: %s was lost or damaged, and is there again", target.name, key)
            written.append(key)
    if written:
        target.sync()
    return written


def read_signed(target: Destination, key: str) -> bytes | None:
    """A document that the signed metadata names; a lost catalog has a copy with the same digest."""
    document = target.read_whole(key)
    if document is not None and key == signed_catalog_key(digest_of(document)):
        return document
    copy = target.read_whole(CATALOG_KEY)
    return copy if copy and key == signed_catalog_key(digest_of(copy)) else document


def with_remedy(error: TrustError, site: str, key: str, *, is_remembered: bool) -> TrustError:
    """The error with what a publisher can do, if a document may have been lost.

    Args:
        error: Why a document of the site is refused.
        site: Its name.
        key: The document.
        is_remembered: Whether this machine has verified the site before.
    """
    anew = _ANEW.format(site=site)
    altered = "If nothing was lost, someone may have altered the site."
    is_lost = error.fault in _MAY_BE_LOST or (error.fault is TrustFault.UNSIGNED and is_remembered)
    if error.fault is TrustFault.ROLLBACK:
        remedy = (
            "This machine has signed or verified a newer site. If this one was restored from a"
            f" backup, restore a newer one; or {anew} Else someone may have altered it."
        )
    elif is_lost and key == TIMESTAMP_KEY:
        remedy = f"If it was lost or damaged, {anew} {altered}"
    elif is_lost:
        remedy = (
            "Repair or publish from the machine that published last: it remembers the document. If"
            f" there is none, {anew} {altered}"
        )
    else:
        return error
    return TrustError(error.message, fault=error.fault, remedy=remedy)


def _roots(roots: Iterable[bytes]) -> list[tuple[str, bytes]]:
    return [(metadata_key("root", version_of(root)), root) for root in roots]


def _documents(verified: Verification) -> Iterator[tuple[str, bytes]]:
    evidence = verified.evidence
    yield metadata_key("targets", verified.targets.version), evidence.targets
    yield metadata_key("snapshot", verified.snapshot.version), evidence.snapshot
    assert verified.catalog is not None
    yield signed_catalog_key(digest_of(verified.catalog)), verified.catalog


def _is_at(target: Destination, key: str, document: bytes) -> bool:
    try:
        return target.read_whole(key) == document
    except ManifestError:  # it is longer than any document
        return False
