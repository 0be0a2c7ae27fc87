"""Targets for signed metadata: one for each role, played through the verification of a site.

An input is a document's ``signed`` part. It is played twice: with a signature that is wrong, and
signed with the right key, so that changes reach what is behind the signature. The documents that
state its digest are made to match.
"""

from __future__ import annotations

import functools
import json
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.exceptions import FormatError
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner

from dlcore.errors import TrustError
from dlcore.trust import DEFAULT_LIFETIMES, Verification
from dlcore.trust.layout import Role
from dlcore.trust.roots import first_root
from dlcore.trust.signing import Signing
from tests.fuzz.target import target

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
CATALOG = b'{"format":1,"packages":[]}'


@functools.cache
def _key() -> CryptoSigner:
    """The key of every role; always the same, so that the corpus stays valid."""
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(bytes(32)))


@functools.cache
def _signing() -> tuple[Signing, bytes]:
    """What signs as the publisher does, and the pinned root."""
    public = [_key().public_key]
    keys = dict.fromkeys(("root", "targets", "snapshot", "timestamp"), public)
    root = first_root(keys, DEFAULT_LIFETIMES)  # type: ignore[arg-type]  # `Role` as `str`
    signing = Signing([root], [_key()], NOW)
    return signing, signing.root(root)


def _signed(data: bytes, *, rightly: bool) -> bytes:
    """A document with this ``signed`` part; it need not even be JSON."""
    signature = "00" * 64
    if rightly:
        try:
            canonical = encode_canonical(json.loads(data))
            assert canonical is not None  # None only where a writer was passed in
            signature = _key().sign(canonical.encode()).signature
        except (ValueError, FormatError, RecursionError):
            pass  # it cannot be signed
    signatures = json.dumps([{"keyid": _key().public_key.keyid, "sig": signature}]).encode()
    return b'{"signatures":%s,"signed":%s}' % (signatures, data)


def _verify(role: Role, document: bytes) -> None:
    """Raises `TrustError` if it is refused."""
    signing, root = _signing()
    targets = document if role == "targets" else signing.targets(CATALOG, 1)
    snapshot = document if role == "snapshot" else signing.snapshot(targets, 1, 1)
    timestamp = document if role == "timestamp" else signing.timestamp(snapshot, 1, 1)
    verification = Verification(root, None, NOW, source="fuzz")
    given = {"timestamp": timestamp, "1.snapshot": snapshot, "1.targets": targets}
    if role == "root":
        given["2.root"] = document
    while wanted := verification.wanted:
        name = wanted.key.rpartition("/")[2].removesuffix(".json")
        if name.endswith(".catalog"):
            verification.accept(CATALOG)
        elif name in given:
            verification.accept(given[name])
        else:
            verification.missing()
    assert verification.catalog == CATALOG


def _play(role: Role, data: bytes) -> None:
    try:
        _verify(role, _signed(data, rightly=False))
    except TrustError:
        _verify(role, _signed(data, rightly=True))
    else:
        raise AssertionError("a wrong signature was accepted")


@target(TrustError)
def signed_root(data: bytes) -> None:
    _play("root", data)


@target(TrustError)
def signed_timestamp(data: bytes) -> None:
    _play("timestamp", data)


@target(TrustError)
def signed_snapshot(data: bytes) -> None:
    _play("snapshot", data)


@target(TrustError)
def signed_targets(data: bytes) -> None:
    _play("targets", data)
