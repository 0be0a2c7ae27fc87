"""What was verified, in one document: enough to refuse older versions and to prove it again.

Guarantees: one document holds all of it, so one rename replaces all of it, and no half of an older
one can be mixed in. Its digest finds damage. Authenticity is proven by the signatures in it.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import msgspec

from dlcore.errors import TrustError, TrustFault

_DIGEST_CHARACTERS = 64  # SHA-256 in hex, before the line break
_REMEDY = (
    "Restore the file, or remove it. Without it an older catalog than the last one can be passed"
    " off as new, until the next catalog has been verified."
)


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The signed documents that were verified.

    Attributes:
        schema: Version of the format, 1.
        verified_at: The latest time at which a catalog was verified.
        roots: Root documents after the pinned one, by version.
        timestamp: The timestamp document; empty if there is none.
        snapshot: The snapshot document; empty if there is none.
        targets: The targets document; empty if there is none.
    """

    schema: int = 1
    verified_at: datetime = datetime.fromtimestamp(0, UTC)
    roots: tuple[bytes, ...] = ()
    timestamp: bytes = b""
    snapshot: bytes = b""
    targets: bytes = b""


def encode_evidence(evidence: Evidence) -> bytes:
    """Write evidence: the payload's SHA-256 in hex, a line break, and the payload in JSON."""
    payload = msgspec.json.encode(evidence)
    return f"{hashlib.sha256(payload).hexdigest()}\n".encode() + payload


def decode_evidence(document: bytes, *, source: str) -> Evidence:
    """Read evidence.

    Args:
        document: What `encode_evidence` wrote.
        source: Where it was kept, for messages.

    Raises:
        TrustError: It is damaged, or of a newer version of dlcore.
    """
    digest, payload = document[:_DIGEST_CHARACTERS], document[_DIGEST_CHARACTERS + 1 :]
    is_whole = document[_DIGEST_CHARACTERS : _DIGEST_CHARACTERS + 1] == b"\n"
    if not is_whole or hashlib.sha256(payload).hexdigest().encode() != digest:
        raise _damaged_error(f"{source} is damaged: its digest does not match")
    try:
        evidence = msgspec.json.decode(payload, type=Evidence)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _damaged_error(
            f"{source} cannot be read: another version of dlcore wrote it"
        ) from None
    if evidence.schema != 1 or evidence.verified_at.tzinfo is None:
        raise _damaged_error(f"{source} cannot be read: another version of dlcore wrote it")
    return evidence


def _damaged_error(message: str) -> TrustError:
    return TrustError(message, fault=TrustFault.EVIDENCE, remedy=_REMEDY)
