"""Patches: what turns an old file into a new one. Made and applied on bytes; does no I/O.

A patch is a hint. Whoever applies one compares the result with the package's manifest, as if it had
come over the network. So a wrong patch costs time, and nothing else.

Guarantees: a hostile patch neither allocates nor returns more than the length that the caller
states, which the manifest gives. A document that lists patches obeys all rules of
``docs/formats.md``, or is refused.

Which patches are worth making is decided in `choosing`, which only publishers load.

This room alone imports zstandard (the extra ``patches``), and only when a patch is made or applied.
"""

from __future__ import annotations

from dlcore.patches.codec import PatchError, apply, make
from dlcore.patches.document import (
    MAX_PATCH_LIST_BYTES,
    OldFile,
    Patch,
    PatchList,
    decode_patch_list,
    encode_patch_list,
    fits,
    name_of,
)
from dlcore.patches.policy import DEFAULT_POLICY, PatchPolicy

__all__ = [
    "DEFAULT_POLICY",
    "MAX_PATCH_LIST_BYTES",
    "OldFile",
    "Patch",
    "PatchError",
    "PatchList",
    "PatchPolicy",
    "apply",
    "decode_patch_list",
    "encode_patch_list",
    "fits",
    "make",
    "name_of",
]
