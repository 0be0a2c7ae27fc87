"""A rotation that was killed after the new root was written, and before its keys signed the site.

Without the old keys there is such a moment (`SignedSite.rotate`). Readers refuse the site from then
on, so the same call has to finish what it began.

Guarantees: a root is taken up only by a call that would write the same one. What its keys sign is
what this machine has verified last, and nothing that came to the site later: the old keys may have
been replaced because they were stolen.
"""

from __future__ import annotations

from typing import Protocol

from dlcore.errors import ConfigError, TrustError, TrustFault
from dlcore.trust import Evidence, Verification
from dlcore.trust.roots import Root, RootChange, next_root


class Read(Protocol):
    """Reads a document of the site; None if there is none."""

    def __call__(self, key: str, *, is_catalog: bool) -> bytes | None:
        """Read the document under a key."""
        ...


def is_begun(remembered: Root, newest: Root, change: RootChange) -> bool:
    """Whether the newest root of a site is the remembered one after a change."""
    if newest.version != remembered.version + 1:
        return False
    try:
        again = next_root(remembered, change)
    except ConfigError:
        return False
    again.expires = newest.expires
    return again == newest


def verified_before(
    verification: Verification, remembered: Evidence | None, read: Read, site: str
) -> Verification:
    """Verify a site with the root that is remembered, as if there were no newer one.

    Args:
        verification: Begins with the remembered root.
        remembered: What this machine has verified last; None if it has not verified the site.
        read: Reads documents.
        site: Its name.

    Raises:
        TrustError: The site is not what was verified last.
    """
    while wanted := verification.wanted:
        is_catalog = verification.wants_catalog
        document = None if wanted.is_optional else read(wanted.key, is_catalog=is_catalog)
        if document is None:
            verification.missing()
        else:
            verification.accept(document)
    if remembered is None or verification.evidence.timestamp != remembered.timestamp:
        raise TrustError(
            f"{site} was changed after a rotation was interrupted",
            fault=TrustFault.SIGNATURE,
            remedy="Rotate with a catalog that you know to be right (--catalog FILE).",
        )
    return verification
