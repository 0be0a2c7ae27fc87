"""Opens an object store by its URL, with the credentials that the environment has.

Guarantees: whoever only reads is not made to send its credentials in the clear: plain http is
refused, except to this machine.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit

from dlcore.buckets.faults import opening_faults
from dlcore.errors import ConfigError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

_PREFIXES: Final = {"s3": "AWS_", "az": "AZURE_", "gs": "GOOGLE_"}
_EMULATOR: Final = ("AZURE_STORAGE_USE_EMULATOR", "AZURE_USE_EMULATOR")
_SHARED: Final = ("AZURE_STORAGE_SAS_KEY", "AZURE_STORAGE_SAS_TOKEN")
_NO_KEY: Final = "AAAA"  # in Base64, as account keys are
_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_MAX_RANGE_S: Final = 3600  # of one request; whoever asks gives a silent store up long before


def open_bucket(
    url: str, *, only_reads: bool = False, client: ClientConfig | None = None
) -> ObjectStore:
    """Open a store; nothing is asked of it.

    Args:
        url: Scheme, bucket or container, and prefix.
        only_reads: Whether nothing is written. Then a failed request is not sent again either: who
            reads has other endpoints, and decides about that.
        client: Options of the library's HTTP client; those hide the same ones of the environment.

    Raises:
        ConfigError: The environment does not say how to reach the store, or to reach it without
            TLS; the user's fault.
    """
    from obstore.store import from_url

    with opening_faults(url):
        if not only_reads:
            return from_url(url, client_options=client) if client else from_url(url)
        reader: ClientConfig = {
            "allow_http": is_on_this_machine(urlsplit(url).scheme, os.environ),
            "timeout": timedelta(seconds=_MAX_RANGE_S),
            "connect_timeout": timedelta(seconds=10),
            **(client or {}),
        }
        retry: RetryConfig = {"max_retries": 0}
        return from_url(url, client_options=reader, retry_config=retry)


def is_on_this_machine(scheme: str, environment: Mapping[str, str]) -> bool:
    """Whether the environment puts a store on this machine without TLS, as an emulator. Pure.

    Args:
        scheme: Of the store's URL.
        environment: The variables; the library reads them whatever their case.

    Raises:
        ConfigError: It puts the store on another machine without TLS.
    """
    variables = {name.upper(): value for name, value in environment.items()}
    plain = [
        name
        for name, value in variables.items()
        if name.startswith(_PREFIXES[scheme])
        and "ENDPOINT" in name
        and value.lower().startswith("http:")
    ]
    for name in plain:
        if not _is_loopback(variables[name]):
            raise ConfigError(
                f"the environment variable {name} names a store that is reached without TLS",
                remedy="Change it to https: what is read there decides what is trusted.",
            )
    is_emulator = any(variables.get(name, "").lower() in _TRUE for name in _EMULATOR)
    return bool(plain) or (scheme == "az" and is_emulator)


def skips_signatures(scheme: str, environment: Mapping[str, str]) -> bool:
    """Whether the environment says that nothing is to be signed for a store. Pure."""
    variables = {name.upper(): value for name, value in environment.items()}
    return variables.get(f"{_PREFIXES[scheme]}SKIP_SIGNATURE", "").lower() in _TRUE


def shared_signature(scheme: str, environment: Mapping[str, str]) -> str:
    """The query that admits to a store, as its provider gave it to the environment. Pure.

    Args:
        scheme: Of the store's URL.
        environment: The variables; the library reads them whatever their case.

    Returns:
        The shared access signature of Azure, each part encoded; empty if there is none.
    """
    if scheme != "az":
        return ""
    variables = {name.upper(): value for name, value in environment.items()}
    found = next((variables[name] for name in _SHARED if variables.get(name)), "")
    parts = (part.partition("=") for part in found.strip().removeprefix("?").split("&") if part)
    return "&".join(
        f"{quote(unquote(name), safe='')}={quote(unquote(value), safe='')}"
        for name, _, value in parts
    )


def signing_bucket(url: str) -> ObjectStore:
    """A store of Azure that signs with a made-up key: its URLs tell only where objects are.

    Raises:
        ConfigError: As `open_bucket`.
    """
    from obstore.store import AzureStore

    client: ClientConfig = {"allow_http": True}  # nothing is asked of it
    with opening_faults(url):
        return AzureStore.from_url(url, client_options=client, account_key=_NO_KEY)


def _is_loopback(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
