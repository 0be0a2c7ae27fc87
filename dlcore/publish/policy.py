"""The sizes and limits of publishing, with their reasons."""

from __future__ import annotations

import msgspec


class PublishPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes and limits of publishing.

    Attributes:
        span_bytes: Length of the spans that a source is read, hashed and written in. A multiple of
            the default block; long enough for the widest SHA-256 kernels and to amortise a read.
        request_bytes: Shorter objects are uploaded to an object store in one request, longer ones
            in several requests of this length.
        max_requests_per_object: Requests in flight for one long object.
        bucket_workers: Objects that are read from or uploaded to an object store at the same time.
        library_readers: INI files of a content library that are read at the same time. Each takes
            a few round trips on a share, so many are read at once.
        contents_at_once: Contents of a content library that are published at the same time, so that
            the syncs and round trips of small ones overlap.
        contents_per_change: Contents after which the catalog is changed: few enough that clients
            see them soon, and enough that a catalog of megabytes is not written for each of them.
        looked_at_at_once: Documents that are read, and objects that are looked at, at the same time
            before shards are joined. Each takes a round trip.
        max_catalog_attempts: Attempts to replace the catalog of an object store while other
            publishers replace it too.
        max_document_bytes: Length of a document of the destination: twice that of the longest
            catalog. A longer one is not read.
        lock_timeout_s: Time to wait for the lock on a folder's catalog. A publisher holds it for
            the time of one small write.
        stale_s: Age at which a temporary file counts as left behind by a publisher that was killed.
            No object takes a day to write. A pruning leaves what is younger.
        removed_at_once: Number of objects that a pruning removes in one call; S3 takes as many in
            one request.
        prune_mark_s: For how long the mark of a pruning counts before it is written again. It must
            be longer than one removal takes.
        max_clock_difference_s: How far the clocks of two publishers may be apart.
        patch_workers: Patches that are made at the same time, at most. Each takes up to 500 MB.
    """

    span_bytes: int = 8 << 20
    request_bytes: int = 8 << 20
    max_requests_per_object: int = 4
    bucket_workers: int = 4
    library_readers: int = 16
    contents_at_once: int = 4
    contents_per_change: int = 500
    looked_at_at_once: int = 16
    max_catalog_attempts: int = 20
    max_document_bytes: int = 32 << 20
    lock_timeout_s: float = 60.0
    stale_s: float = 86_400.0
    removed_at_once: int = 1000
    prune_mark_s: float = 600.0
    max_clock_difference_s: float = 900.0
    patch_workers: int = 4


DEFAULT_POLICY = PublishPolicy()
