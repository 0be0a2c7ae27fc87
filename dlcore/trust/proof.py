"""Proves again, offline, that a kept catalog was verified when it was fetched."""

from __future__ import annotations

from dlcore.trust.evidence import Evidence
from dlcore.trust.verification import Verification


def prove(pinned_root: bytes, evidence: Evidence, catalog: bytes, *, source: str) -> None:
    """Prove that signatures vouched for a catalog at the time at which it was verified.

    A run goes on with the catalog that it began with. Its timestamp may expire meanwhile, and a
    newer catalog may have been published: neither counts here. A new run verifies a fresh catalog.

    Args:
        pinned_root: The root document that the user trusts.
        evidence: As it was when the catalog had been verified.
        catalog: The catalog document.
        source: Where evidence and catalog were kept, for messages.

    Raises:
        TrustError: The signatures do not prove it.
    """
    verification = Verification(pinned_root, evidence, evidence.verified_at, source=source)
    verification.missing()  # there is no newer root than the kept ones
    if evidence.timestamp:
        verification.accept(evidence.timestamp)
    if not verification.wants_catalog:
        verification.missing()
    verification.accept(catalog)
