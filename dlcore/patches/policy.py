"""The limits of patches, with their reasons."""

from __future__ import annotations

import msgspec


class PatchPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of patches.

    Attributes:
        max_file_bytes: Longer files, old or new, get no patch. Both are in memory while a patch is
            made or applied, and the old one twice: the library copies it.
        max_share: A patch is kept if it has at most this share of the bytes that would be fetched
            without it. A fetched block needs no old file and no work, so a patch must bring more.
        level: Of zstd. The next levels take several times as long and bring a tenth (measured on
            62 MB of shared libraries: 0.15 % of the file at 9, 0.14 % at 12).
        min_wide_window_log: From this window on, the tables of the search are enlarged with it: the
            usual ones lose sight of the beginning of a long old file (measured at 64 MiB: 32 % of
            the file with the usual tables, 0.17 % with these).
        table_log_below_window: By how much their logarithm is less than the window's. Memory while
            a patch is made: 2 MiB to 128 MiB.
        object_bytes: Patches are packed into objects of at most this length, or one longer patch
            alone. Short, so that a client that needs a few patches fetches little else.
    """

    max_file_bytes: int = 64 << 20
    max_share: float = 0.8
    level: int = 9
    min_wide_window_log: int = 25
    table_log_below_window: int = 3
    object_bytes: int = 4 << 20


DEFAULT_POLICY = PatchPolicy()
