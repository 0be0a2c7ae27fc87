"""Object stores, as the library for them reads and opens them: buckets of S3, Azure and Google.

This room is the only importer of obstore besides ``publish``, which writes. Credentials come from
the environment and the cloud's own services only, and are in no message.
"""

from __future__ import annotations

from dlcore.buckets.faults import opening_faults, store_faults
from dlcore.buckets.opening import open_bucket
from dlcore.buckets.stored_bucket import (
    Bucket,
    CannotSignError,
    ObjectBytes,
    ObjectFacts,
    StoredBucket,
)

__all__ = [
    "Bucket",
    "CannotSignError",
    "ObjectBytes",
    "ObjectFacts",
    "StoredBucket",
    "open_bucket",
    "opening_faults",
    "store_faults",
]
