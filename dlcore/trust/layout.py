"""Where signed metadata lies in a published site: TUF's consistent snapshots.

Every document but the timestamp has its version or its digest in its name and never changes, so
whatever a reader has begun with stays readable while a publisher writes the next version. The
timestamp is the only one that is replaced.

Source: TUF specification 1.0.31, section 6.2, "Consistent snapshots".
"""

from __future__ import annotations

from typing import Final, Literal

from dlcore.model import CATALOG_KEY, TIMESTAMP_KEY

Role = Literal["root", "timestamp", "snapshot", "targets"]
"""A TUF role: whose signatures count for what."""

ROLES: Final[tuple[Role, ...]] = ("root", "timestamp", "snapshot", "targets")


def metadata_key(role: Role, version: int) -> str:
    """Where a version of a role's document lies below the site's root."""
    return TIMESTAMP_KEY if role == "timestamp" else f"metadata/{version}.{role}.json"


def signed_catalog_key(sha256: str) -> str:
    """Where a signed catalog lies below the site's root; ``sha256`` is its digest in hex."""
    return f"targets/{sha256}.{CATALOG_KEY}"
