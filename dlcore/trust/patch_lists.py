"""The patch lists that a site's signed targets name, each by the manifest that it leads to.

A client that pins a root uses no other patch list: so nobody but the publisher decides what its
decompressor reads. Clients that do not know patches pass these targets over. A patch list is not
needed for anything, so one that has no room in the targets is left out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import Final

from tuf.api.metadata import Metadata, TargetFile, Targets

from dlcore.model import patch_list_key
from dlcore.trust.evidence import decode_evidence

MAX_SIGNED_LISTS: Final = 200
"""A target takes 210 bytes. Clients read targets of at most 64 KiB, most of which this fills."""

_KEY: Final = re.compile(r"patches/([0-9a-f]{64})\.json")

PatchTargets = Mapping[str, TargetFile]
"""What is signed of each patch list, by the SHA-256 of the manifest in hex."""


def patch_targets(targets: Targets) -> dict[str, TargetFile]:
    """The patch lists that signed targets name."""
    found = {_KEY.fullmatch(key): file for key, file in targets.targets.items()}
    return {key[1]: file for key, file in found.items() if key}


def patch_digests_in(evidence: bytes) -> dict[str, str]:
    """The SHA-256 of each patch list that was signed, by its manifest's; all in hex.

    Args:
        evidence: What was verified, as `encode_evidence` wrote it.
    """
    document = decode_evidence(evidence, source="evidence").targets
    signed = Metadata[Targets].from_bytes(document).signed
    return {digest: file.hashes.get("sha256", "") for digest, file in patch_targets(signed).items()}


def next_patch_targets(
    earlier: PatchTargets, documents: Mapping[str, bytes], manifests: Collection[str]
) -> dict[str, TargetFile]:
    """The patch lists to sign.

    Args:
        earlier: Those that were signed last.
        documents: New ones, by the SHA-256 of their manifests; they come first.
        manifests: The manifests that the catalog names; the lists of others are forgotten.
    """
    new = {digest: _target(digest, document) for digest, document in documents.items()}
    kept = {digest: file for digest, file in earlier.items() if digest not in new}
    wanted = [(digest, file) for digest, file in (new | kept).items() if digest in manifests]
    return dict(wanted[:MAX_SIGNED_LISTS])


def _target(digest: str, document: bytes) -> TargetFile:
    hashes = {"sha256": hashlib.sha256(document).hexdigest()}
    return TargetFile(len(document), hashes, patch_list_key(digest))
