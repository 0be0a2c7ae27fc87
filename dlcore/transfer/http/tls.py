"""Whom to trust: the system's store, or one named authority. Verification is never off."""

from __future__ import annotations

import functools
import ssl
import sys
from pathlib import Path

from dlcore.errors import ConfigError

# Where distributions keep the authorities: Debian and Arch, Fedora, SUSE, Alpine and BSD.
_BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),
    Path("/etc/pki/tls/certs/ca-bundle.crt"),
    Path("/etc/ssl/ca-bundle.pem"),
    Path("/etc/ssl/cert.pem"),
)


def tls_context(ca_file: str) -> ssl.SSLContext:
    """A client context that verifies certificate and host name.

    Args:
        ca_file: PEM file of the authorities to trust; empty for the system's store.

    Raises:
        ConfigError: The file cannot be used.
    """
    if not ca_file:
        return _system_context()
    try:
        return _modern(ssl.create_default_context(cafile=Path(ca_file)))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"ca_file {ca_file} cannot be used: {error.strerror or type(error).__name__}",
            remedy="Name a readable PEM file with at least one certificate.",
        ) from None


@functools.cache
def _system_context() -> ssl.SSLContext:
    if sys.platform in {"darwin", "win32"}:  # the system itself judges each certificate
        import truststore

        return _modern(truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    # OpenSSL judges, here and below truststore, which reads all authorities for each connection.
    context = ssl.create_default_context()
    known = ssl.get_default_verify_paths()
    if not known.cafile and not known.capath:  # a Python that was built for another distribution
        for bundle in filter(Path.exists, _BUNDLES):
            context.load_verify_locations(bundle)
    return _modern(context)


def _modern(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
