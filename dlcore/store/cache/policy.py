"""The constants of the cache, each with its reason."""

from __future__ import annotations

import msgspec


class CachePolicy(msgspec.Struct, frozen=True):
    """How the cache goes about its work.

    Attributes:
        min_shared_bytes: Files that are shorter are not shared by packages: they take one block of
            the file system at most, which is less than the time is worth that a link takes.
    """

    min_shared_bytes: int = 4096
