"""The lengths and lifetimes of signed metadata, with their reasons."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

DAY_S: Final = 86_400
MAX_LIFE_S: Final = 365_000 * DAY_S  # a thousand years: dates end with the year 9999
Life = Annotated[int, msgspec.Meta(ge=1, le=MAX_LIFE_S)]


class TrustPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What a client accepts.

    Attributes:
        max_root_bytes: Length of a root document. One with 20 keys takes 8 KB; the value is that
            of python-tuf's client.
        max_timestamp_bytes: Length of a timestamp; the value is that of python-tuf's client.
        max_metadata_bytes: Length of a snapshot, and of the targets. Each names one document, so
            most of it is signatures.
        max_catalog_bytes: Length of a catalog, as ``docs/formats.md`` says.
        max_root_rotations: New root versions that are taken in one verification, so that a server
            cannot go on for ever; the value is that of python-tuf's client.
        max_evidence_bytes: Length of the file that keeps what was verified. It holds all roots
            since the pinned one.
        lock_timeout_s: Time to wait for another process that writes that file, which takes it one
            small write.
    """

    max_root_bytes: int = 512_000
    max_timestamp_bytes: int = 16_384
    max_metadata_bytes: int = 64 << 10
    max_catalog_bytes: int = 16 << 20
    max_root_rotations: int = 256
    max_evidence_bytes: int = 64 << 20
    lock_timeout_s: float = 10.0


class Lifetimes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how many seconds what a publisher signs is valid. Whole ones: TUF's JSON has no others.

    Attributes:
        root: A year. It is signed by hand, with keys that lie offline.
        targets: 90 days. An idle site is signed again four times a year.
        snapshot: As the targets, which it is always signed together with.
        timestamp: A week. For that long a server can hide a newer catalog. A job renews it every
            day, and may fail over a long weekend.
    """

    root: Life = 365 * DAY_S
    targets: Life = 90 * DAY_S
    snapshot: Life = 90 * DAY_S
    timestamp: Life = 7 * DAY_S


DEFAULT_POLICY = TrustPolicy()
DEFAULT_LIFETIMES = Lifetimes()
