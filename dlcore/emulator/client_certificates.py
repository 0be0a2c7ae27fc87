"""Makes the certificates that clients show, and two that no server should accept.

Guarantees: the authority of the clients is another one than that of the server, as at a site, and
its key is never stored. Files that are complete and valid for at least one more day are used again.

A certificate that is missing or cannot be accepted is answered 403, as by IIS. Otherwise the TLS
handshake would fail, and asyncio breaks the connection before the client hears why. So the context
lets in what the guard refuses.

Not for production: here the server makes the keys of its clients.

Source: Microsoft Learn, "HTTP status codes in IIS", for 403.7, 403.16 and 403.17.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

from dlcore.emulator.certificates import MIN_REMAINING, VALIDITY, Authority
from dlcore.emulator.private_files import write_private, write_public
from dlcore.extras import require

_NAME: Final = "client.emulator.invalid"
_AUTHORITY: Final = "dlcore emulator clients"
_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)  # OpenSSL's X509_V_FLAG_NO_CHECK_TIME

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ClientCertificates(msgspec.Struct, frozen=True):
    """The files: each certificate with its key, PEM, mode 0600.

    Attributes:
        ca_file: The certificates of the clients' authority, and of the one that it does not know.
        client_file: A certificate that the server accepts.
        expired_file: One that has expired.
        stranger_file: One of an authority that the server does not know.
    """

    ca_file: Path
    client_file: Path
    expired_file: Path
    stranger_file: Path

    def ask(self, context: ssl.SSLContext) -> None:
        """Let a server's context ask clients for a certificate."""
        context.load_verify_locations(self.ca_file)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= _NO_CHECK_TIME


async def demand_certificate(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Answer a request by its handler if the client has shown a certificate that counts."""
    presented = request.get_extra_info("peercert")
    if not presented:
        reason = "403.7 - Client certificate required"
    elif _common_name(presented["issuer"]) != _AUTHORITY:
        reason = "403.16 - Client certificate is untrusted or invalid"
    elif ssl.cert_time_to_seconds(presented["notAfter"]) < time.time():
        reason = "403.17 - Client certificate has expired or is not yet valid"
    else:
        return await handler(request)
    return web.Response(status=403, text=reason)


def _common_name(name: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    """That of a name as `ssl.SSLSocket.getpeercert` has it."""
    return dict(pair for part in name for pair in part).get("commonName", "")


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
        authority = Authority(_AUTHORITY, now)
        write_private(made.client_file, authority.client(_NAME, now))
        write_private(made.expired_file, authority.client(_NAME, now - 2 * VALIDITY))
        stranger = Authority("dlcore emulator stranger", now)
        write_private(made.stranger_file, stranger.client(_NAME, now))
        write_public(made.ca_file, authority.pem() + stranger.pem())
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
