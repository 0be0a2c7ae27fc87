"""Which authorities to trust, and which certificate this client shows.

The authorities are the system's, or those in one file. Verification is always on. A certificate of
this client belongs to one origin; no other server gets to see it.
"""

from __future__ import annotations

import functools
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dlcore.errors import ConfigError
from dlcore.plain_files import check_plain

# Where distributions keep the system's authorities.
_BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),  # Debian, Arch
    Path("/etc/pki/tls/certs/ca-bundle.crt"),  # Fedora
    Path("/etc/ssl/ca-bundle.pem"),  # SUSE
    Path("/etc/ssl/cert.pem"),  # Alpine, BSD
)


Origin = tuple[str, str, int | None]
"""Scheme, host and port; see `dlcore.transfer.http.urls.origin_of`."""


@dataclass(frozen=True, eq=False, slots=True)
class ClientCertificate:
    """What proves to one server who this client is.

    Attributes:
        cert_file: PEM file of the certificate, and of those that vouch for it.
        key_file: PEM file of its private key; may be the same.
        origin: The only origin that it is shown to.
        passphrase: Reads the passphrase of an encrypted key; None if none is named.
    """

    cert_file: str
    key_file: str
    origin: Origin
    passphrase: Callable[[], str] | None = field(default=None, repr=False)


def tls_context(ca_file: str, certificate: ClientCertificate | None = None) -> ssl.SSLContext:
    """A client context that verifies certificates and host names; TLS 1.2 or later.

    Args:
        ca_file: PEM file of the authorities to trust; empty for the system's store.
        certificate: What this client shows if it is asked for it; None for nothing.

    Raises:
        ConfigError: A file cannot be used.
    """
    if certificate is None:
        return _trusting(ca_file) if ca_file else _system_context()
    context = _trusting(ca_file) if ca_file else _new_system_context()
    _load(context, certificate)
    return context


def _load(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Load certificate and key, and say which of both cannot be used.

    OpenSSL would ask the terminal for a passphrase, if it were not given one here.
    """
    cert, key = certificate.cert_file, certificate.key_file
    is_encrypted = False

    def passphrase() -> str:
        nonlocal is_encrypted
        is_encrypted = True
        if certificate.passphrase is None:
            raise ConfigError(
                f"client_key {key} is encrypted, and no passphrase is named",
                remedy="Name the file that holds it, with client_key_passphrase_file.",
            )
        return certificate.passphrase()

    context.post_handshake_auth = True  # IIS asks for it when it has read which path is wanted
    try:
        check_plain(cert)
        check_plain(key or cert)
        context.load_cert_chain(cert, key, passphrase)
    except (OSError, ValueError) as error:
        what, remedy = _load_fault(error, cert, key, is_encrypted=is_encrypted)
        raise ConfigError(what, remedy=remedy) from None


def _load_fault(
    error: OSError | ValueError, cert: str, key: str, *, is_encrypted: bool
) -> tuple[str, str]:
    reason = getattr(error, "reason", None)
    if reason == "KEY_VALUES_MISMATCH":
        return (
            f"client_key {key} is not the key of client_cert {cert}",
            "Name the key that the certificate was issued for.",
        )
    if is_encrypted:
        return (
            f"client_key {key} cannot be decrypted with the passphrase",
            "Correct what client_key_passphrase_file or client_key_passphrase_env names.",
        )
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        return (
            f"client_cert {cert} or client_key {key} cannot be read: {error.strerror}",
            "Name readable files.",
        )
    return (
        f"client_cert {cert} and client_key {key} are not a certificate and its key in PEM",
        "Convert them: openssl pkcs12 -in FILE.pfx -out FILE.pem.",
    )


def _trusting(ca_file: str) -> ssl.SSLContext:
    try:
        check_plain(ca_file)
        return _require_tls_1_2(ssl.create_default_context(cafile=Path(ca_file)))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"ca_file {ca_file} cannot be used: {error.strerror or type(error).__name__}",
            remedy="Name a readable PEM file with at least one certificate.",
        ) from None


def authorities() -> str:
    """Where the system's authorities are; empty if there are none."""
    if sys.platform in {"darwin", "win32"}:
        return "the system's store"
    paths = ssl.get_default_verify_paths()
    if not paths.cafile and not paths.capath:
        return str(next(filter(Path.exists, _BUNDLES), ""))
    if not paths.cafile and not any(Path(paths.capath).iterdir()):
        return ""
    return paths.cafile or paths.capath


@functools.cache
def _system_context() -> ssl.SSLContext:
    return _new_system_context()


def _new_system_context() -> ssl.SSLContext:
    if sys.platform in {"darwin", "win32"}:  # the system itself checks each certificate
        import truststore

        return _require_tls_1_2(truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    # Here OpenSSL checks them, with or without truststore. truststore would read all authorities
    # again for each connection.
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not paths.cafile and not paths.capath:  # this Python was built for another distribution
        for bundle in filter(Path.exists, _BUNDLES):
            context.load_verify_locations(bundle)
    return _require_tls_1_2(context)


def _require_tls_1_2(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
