"""Makes the certificates that clients show, and two that no server should accept.

Guarantees: the authority of the clients is another one than that of the server, as at a site, and
its key is never stored. Files that are complete and valid for at least one more day are used again.

Not for production: here the server makes the keys of its clients.
"""

from __future__ import annotations

import ssl
from datetime import datetime
from pathlib import Path

import msgspec

from dlcore.emulator.certificates import MIN_REMAINING, VALIDITY, Authority
from dlcore.emulator.private_files import write_private, write_public
from dlcore.extras import require

_NAME = "client.emulator.invalid"


class ClientCertificates(msgspec.Struct, frozen=True):
    """The files: each certificate with its key, PEM, mode 0600.

    Attributes:
        ca_file: The certificate of the clients' authority, which the server trusts.
        client_file: A certificate that the server accepts.
        expired_file: One that has expired.
        stranger_file: One of an authority that the server does not know.
    """

    ca_file: Path
    client_file: Path
    expired_file: Path
    stranger_file: Path

    def demand(self, context: ssl.SSLContext) -> None:
        """Let a server's context accept clients with a certificate of the authority only."""
        context.load_verify_locations(self.ca_file)
        context.verify_mode = ssl.CERT_REQUIRED


def ensure_client_certificates(folder: Path, now: datetime) -> ClientCertificates:
    """Return the certificates in ``folder``; make new ones if the old ones cannot be used.

    Args:
        folder: An existing folder.
        now: The current time, with a time zone.

    Raises:
        OSError: The folder cannot be written.
        ConfigError: The extra ``serve`` is not installed.
    """
    require("serve")
    made = ClientCertificates(
        folder / "clients-ca.pem",
        folder / "client.pem",
        folder / "client-expired.pem",
        folder / "client-of-another.pem",
    )
    if not _is_usable(made, now):
        authority = Authority("dlcore emulator clients", now)
        write_private(made.client_file, authority.client(_NAME, now))
        write_private(made.expired_file, authority.client(_NAME, now - 2 * VALIDITY))
        stranger = Authority("dlcore emulator stranger", now)
        write_private(made.stranger_file, stranger.client(_NAME, now))
        write_public(made.ca_file, authority.pem())
    return made


def _is_usable(made: ClientCertificates, now: datetime) -> bool:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    try:
        authority = x509.load_pem_x509_certificate(made.ca_file.read_bytes())
        client = x509.load_pem_x509_certificate(made.client_file.read_bytes())
        client.verify_directly_issued_by(authority)
        ssl.create_default_context().load_cert_chain(made.client_file)
    except (OSError, ValueError, TypeError, InvalidSignature):
        return False
    there = made.expired_file.is_file() and made.stranger_file.is_file()
    return there and now + MIN_REMAINING < client.not_valid_after_utc
