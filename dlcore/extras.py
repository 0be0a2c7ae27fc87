"""Parts that are installed on request: what a client that only fetches does not need."""

from __future__ import annotations

import importlib.util
from typing import Final, Literal

from dlcore.errors import ConfigError

Extra = Literal[
    "buckets",
    "cli",
    "dask",
    "metrics",
    "otel",
    "pac",
    "patches",
    "serve",
    "socks",
    "trust",
    "windows-auth",
]
"""Name of an extra, as in ``pip install 'dlcore-engine[buckets]'``."""

_MODULES: Final[dict[Extra, str]] = {
    "buckets": "obstore",
    "cli": "rich",
    "dask": "distributed",
    "metrics": "prometheus_client",
    "otel": "opentelemetry.sdk",
    "pac": "pypac",
    "patches": "zstandard",
    "serve": "cryptography",
    "socks": "aiohttp_socks",
    "trust": "tuf",
    "windows-auth": "spnego",
}
_PURPOSES: Final[dict[Extra, str]] = {
    "buckets": "object stores: az://, s3://, gs://",
    "cli": "live progress",
    "dask": "publishing by the workers of Dask",
    "metrics": "metrics for Prometheus",
    "otel": "spans of OpenTelemetry",
    "pac": "scripts that name proxies (PAC)",
    "patches": "patches between versions",
    "serve": "serving as a gateway",
    "socks": "proxies that speak SOCKS",
    "trust": "signed catalogs",
    "windows-auth": "logins with Negotiate and NTLM",
}


def is_installed(extra: Extra) -> bool:
    """Whether what an extra brings can be imported."""
    try:
        return importlib.util.find_spec(_MODULES[extra]) is not None
    except ModuleNotFoundError:  # the package that the module is in
        return False


def missing() -> dict[Extra, str]:
    """The extras that are not installed, each with what it is for."""
    return {extra: _PURPOSES[extra] for extra in _MODULES if not is_installed(extra)}


def require(extra: Extra) -> None:
    """Refuse to go on without an extra.

    Raises:
        ConfigError: It is not installed; the remedy says how to install it.
    """
    if not is_installed(extra):
        raise ConfigError(
            f"the package {_MODULES[extra]} is not installed; it is for {_PURPOSES[extra]}",
            remedy=f"Install it: pip install 'dlcore-engine[{extra}]'",
        )
