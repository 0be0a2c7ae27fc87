"""Makes a certificate authority that signs the certificate of one server.

Guarantees: the authority's key signs one certificate and is never stored, so a client that trusts
the authority trusts only this server. Certificates are valid for 30 days. Existing files are used
again if they are complete, cover all names and are valid for at least one more day.

Assumes that the operator gives ``ca.pem`` to the clients. Not for production.
"""

from __future__ import annotations

import ssl
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import msgspec

from dlcore.emulator.certificates import MIN_REMAINING, Authority, general_names
from dlcore.emulator.private_files import write_private, write_public
from dlcore.extras import require


class Identity(msgspec.Struct, frozen=True):
    """The files of a server's certificate.

    Attributes:
        ca_file: The authority's certificate, PEM; clients trust it.
        server_file: The server's certificate and key, PEM, mode 0600.
    """

    ca_file: Path
    server_file: Path

    def context(self) -> ssl.SSLContext:
        """A context for the server side of TLS, version 1.2 or later."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.server_file)
        return context

    def channel_binding(self) -> bytes:
        """What ties a login to a connection with this certificate.

        Source: RFC 5929, section 4; the certificate is signed with SHA-256.
        """
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes

        certificate = x509.load_pem_x509_certificate(self.server_file.read_bytes())
        return b"tls-server-end-point:" + certificate.fingerprint(hashes.SHA256())


def ensure_identity(folder: Path, names: Collection[str], now: datetime) -> Identity:
    """Return the identity in ``folder``; make a new one if the old one cannot be used.

    Args:
        folder: An existing folder.
        names: Host names and IP addresses that clients use for the server.
        now: The current time, with a time zone.

    Raises:
        OSError: The folder cannot be written.
        ConfigError: The extra ``serve`` is not installed.
    """
    require("serve")
    identity = Identity(folder / "ca.pem", folder / "server.pem")
    if not _is_usable(identity, names, now):
        authority = Authority("dlcore emulator authority", now)
        write_private(identity.server_file, authority.server(names, now))
        write_public(identity.ca_file, authority.pem())
    return identity


def _is_usable(identity: Identity, names: Collection[str], now: datetime) -> bool:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    try:
        authority = x509.load_pem_x509_certificate(identity.ca_file.read_bytes())
        server = x509.load_pem_x509_certificate(identity.server_file.read_bytes())
        server.verify_directly_issued_by(authority)
        covered = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        identity.context()
    except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    expires = server.not_valid_after_utc
    return now + MIN_REMAINING < expires and set(general_names(names)) <= set(covered)
