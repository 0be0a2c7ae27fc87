"""Hashing, verifying and writing of blocks: one interface, two implementations.

``compiled`` is C code (the room ``dlcore_ext``), ``portable`` is Python and needs no compiler. A
process uses the compiled core if it is installed; ``DLCORE_NATIVE`` overrules that. Both give the
same results. Neither hashes a message that arrives piece by piece: use hashlib for that.

The functions are documented in `dlcore.native.interface.Core`.
"""

from __future__ import annotations

import os

from dlcore.native.checksum import block_checksums
from dlcore.native.choice import (
    CoreDescription,
    choose_backend,
    choose_core,
    description,
    load_compiled,
)
from dlcore.native.interface import CHECKSUM_BYTES, Buffer, Run, Written
from dlcore.native.memory import aligned_buffer, discard, return_free_memory
from dlcore.native.portable import differing_blocks

__all__ = [
    "CHECKSUM_BYTES",
    "Buffer",
    "CoreDescription",
    "Run",
    "Written",
    "aligned_buffer",
    "backend",
    "block_checksums",
    "block_digests",
    "core_name",
    "describe",
    "discard",
    "return_free_memory",
    "verify_and_write",
    "verify_blocks",
]

_compiled = load_compiled()
_core = choose_core(os.environ, _compiled)
_core.use_backend(choose_backend(os.environ, _core))

backend = _core.backend
block_digests = _core.block_digests
verify_and_write = _core.verify_and_write


def core_name() -> str:
    """``compiled`` or ``portable``: the core in use."""
    return _core.NAME


def describe() -> CoreDescription:
    """What people are told of the core in use."""
    return description(_core, _compiled)


def verify_blocks(data: Buffer, block_bytes: int, digests: Buffer) -> tuple[int, ...]:
    """Find the blocks of ``data`` that do not match their digests.

    Args:
        data: Any contiguous buffer.
        block_bytes: Length of a block, at least 1; the last block may be shorter.
        digests: The expected SHA-256 of each block in order, concatenated.

    Returns:
        Numbers of the blocks whose SHA-256 differs, in order; empty if all match.

    Raises:
        ValueError: ``digests`` is not 32 bytes for each block of ``data``: the caller's fault.
    """
    found = block_digests(data, block_bytes)
    if len(found) != len(digests):
        raise ValueError(f"{len(digests)} bytes of digests given, {len(found)} needed")
    return differing_blocks(found, digests)
