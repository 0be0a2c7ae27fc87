"""Whom to trust: the system's store, or one named authority. Verification is never off."""

from __future__ import annotations

import functools
import ssl
from pathlib import Path

from dlcore.errors import ConfigError


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
    import truststore  # slow to import, and loads the whole store

    return _modern(truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def _modern(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
