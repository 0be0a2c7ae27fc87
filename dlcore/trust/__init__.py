"""Signatures: proves that a catalog is the publisher's, and not an older one. TUF, by python-tuf.

`Verification` is the client's side and `Signing` the publisher's; neither does I/O. `Memory` keeps
what was verified, `prove` proves it again offline. Needs the extra ``trust``, so other rooms import
this one only when they are about to use it.

Source: The Update Framework specification 1.0.31, https://theupdateframework.github.io/specification/
"""

from __future__ import annotations

from dlcore.trust.evidence import Evidence, decode_evidence, encode_evidence
from dlcore.trust.layout import ROLES, Role, metadata_key, signed_catalog_key
from dlcore.trust.memory import Memory
from dlcore.trust.patch_lists import patch_digests_in
from dlcore.trust.pinned_root import check_root
from dlcore.trust.policy import DAY_S, DEFAULT_LIFETIMES, DEFAULT_POLICY, Lifetimes, TrustPolicy
from dlcore.trust.proof import prove
from dlcore.trust.verification import Verification, Wanted

__all__ = [
    "DAY_S",
    "DEFAULT_LIFETIMES",
    "DEFAULT_POLICY",
    "ROLES",
    "Evidence",
    "Lifetimes",
    "Memory",
    "Role",
    "TrustPolicy",
    "Verification",
    "Wanted",
    "check_root",
    "decode_evidence",
    "encode_evidence",
    "metadata_key",
    "patch_digests_in",
    "prove",
    "signed_catalog_key",
]
