"""What ties a login to the TLS connection that it is made over.

A server that sees another certificate than its own in the login knows that somebody stands between
both, and refuses it. IIS calls that *Extended Protection*.

Source: RFC 5929, section 4, "The 'tls-server-end-point' Channel Binding Type".
"""

from __future__ import annotations

import hashlib
from typing import Final

_PREFIX: Final = b"tls-server-end-point:"
_REPLACED: Final = frozenset({"md5", "sha1"})  # by SHA-256, as the source says


def server_end_point(certificate: bytes) -> bytes | None:
    """The binding to a server's certificate.

    Args:
        certificate: In DER.

    Returns:
        None if its signature has no single hash, as that of Ed25519: then no binding is defined.
    """
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    if algorithm is None:
        return None
    name = "sha256" if algorithm.name in _REPLACED else algorithm.name
    return _PREFIX + hashlib.new(name, certificate).digest()
