"""Which authorities to trust: the system's, or those in one file. Verification is always on."""

from __future__ import annotations

import functools
import ssl
import sys
from pathlib import Path

from dlcore.errors import ConfigError

# Where distributions keep the system's authorities.
_BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),  # Debian, Arch
    Path("/etc/pki/tls/certs/ca-bundle.crt"),  # Fedora
    Path("/etc/ssl/ca-bundle.pem"),  # SUSE
    Path("/etc/ssl/cert.pem"),  # Alpine, BSD
)


def tls_context(ca_file: str) -> ssl.SSLContext:
    """A client context that verifies certificates and host names; TLS 1.2 or later.

    Args:
        ca_file: PEM file of the authorities to trust; empty for the system's store.

    Raises:
        ConfigError: The file cannot be used.
    """
    if not ca_file:
        return _system_context()
    try:
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
