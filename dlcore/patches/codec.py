"""One patch: made of two versions of a file, and applied to the older one.

A patch is one frame of zstd (RFC 8878) that was compressed with the old file as its prefix. It
states the length of the new file, and no checksum: the manifest has better digests.

Guarantees of `apply`: the length that the frame states is compared before anything is allocated;
nothing but that one frame is accepted; nothing is read outside the two inputs.

Source: ``zstd --patch-from`` and RFC 8878, section 3.1.1.1 (the frame's header).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcore.extras import require
from dlcore.patches.policy import DEFAULT_POLICY, PatchPolicy

if TYPE_CHECKING:
    import zstandard

MIN_WINDOW_LOG = 10  # the least that zstd has


class PatchError(Exception):
    """A patch cannot be applied: it is damaged, hostile, or not of this old file."""


def make(old: bytes, new: bytes, policy: PatchPolicy = DEFAULT_POLICY) -> bytes:
    """Make the patch that turns one file into another; the same input gives the same patch.

    Args:
        old: The old file; empty if there is none, which gives plain compression.
        new: The new file, not empty.
        policy: Level and tables. Another version of zstd may give other bytes, which work as well.

    Raises:
        ConfigError: The extra ``patches`` is not installed.
        ValueError: A file is too long, or the new one is empty; the caller's fault.
    """
    require("patches")
    import zstandard

    if not new or max(len(old), len(new)) > policy.max_file_bytes:
        raise ValueError(f"no patch is made of {len(old)} and {len(new)} bytes")
    window_log = max(MIN_WINDOW_LOG, (len(old) + len(new)).bit_length())
    tables = {}
    if window_log >= policy.min_wide_window_log:
        log = window_log - policy.table_log_below_window
        tables = {"hash_log": log, "chain_log": log}
    parameters = zstandard.ZstdCompressionParameters.from_level(
        policy.level,
        window_log=window_log,
        write_content_size=True,
        write_checksum=False,
        write_dict_id=False,
        **tables,
    )
    compressor = zstandard.ZstdCompressor(compression_params=parameters, dict_data=_prefix(old))
    return compressor.compress(new)


def apply(old: bytes, patch: bytes, new_bytes: int, policy: PatchPolicy = DEFAULT_POLICY) -> bytes:
    """Make the new file of the old one and the patch.

    Args:
        old: The old file; empty if the patch needs none.
        patch: The patch. It may be hostile.
        new_bytes: Length of the new file, as the manifest states it.
        policy: The longest files.

    Returns:
        That many bytes. Whether they are the right ones, only the manifest tells.

    Raises:
        PatchError: The patch gives another length, is damaged, or needs what is not there; a file
            is too long; or the library cannot be loaded.
        ConfigError: The extra ``patches`` is not installed.
    """
    require("patches")
    try:
        import zstandard
    except ImportError as error:  # it is there, and its part in C cannot be loaded
        raise PatchError(f"zstandard cannot be used: {error}") from None
    if max(len(old), new_bytes) > policy.max_file_bytes:
        raise PatchError(f"{len(old)} and {new_bytes} bytes are too long for a patch")
    try:
        head = zstandard.get_frame_parameters(patch)
        if head.content_size != new_bytes:
            raise PatchError(f"it does not state {new_bytes} bytes")
        if head.dict_id:
            raise PatchError("it needs a dictionary")
        decompressor = zstandard.ZstdDecompressor(dict_data=_prefix(old))
        new = decompressor.decompress(patch, max_output_size=new_bytes, allow_extra_data=False)
    except (zstandard.ZstdError, ValueError) as error:
        raise PatchError(str(error)) from None
    if len(new) != new_bytes:
        raise PatchError(f"it gives {len(new)} bytes, not {new_bytes}")
    return new


def _prefix(old: bytes) -> zstandard.ZstdCompressionDict | None:
    """The old file as the prefix; None if it is empty, which zstd does not take."""
    import zstandard

    if not old:
        return None
    return zstandard.ZstdCompressionDict(old, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
