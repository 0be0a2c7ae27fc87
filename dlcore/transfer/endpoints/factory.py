"""From settings to endpoints.

Guarantees: what cannot work is refused here, before anything is asked of a network: a URL that
is not exact, a credential over plain http, a missing token.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from yarl import URL

from dlcore.errors import ConfigError
from dlcore.model import EndpointKind, EndpointSettings
from dlcore.transfer.endpoints.blob import BlobEndpoint
from dlcore.transfer.endpoints.cmg import CmgEndpoint
from dlcore.transfer.endpoints.credentials import secret_of
from dlcore.transfer.endpoints.distribution_point import DpEndpoint
from dlcore.transfer.endpoints.folder import FileEndpoint
from dlcore.transfer.endpoints.probe import Probed, probe
from dlcore.transfer.endpoints.web_server import HttpEndpoint, UrlEndpoint
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.pool import Network
from dlcore.transfer.http.redaction import redact
from dlcore.transfer.http.urls import exact_url, is_protected
from dlcore.transfer.interface import Endpoint, Observer, ignore

_MAY_BE_PLAIN = {EndpointKind.DP, EndpointKind.HTTP}


def open_endpoint(
    settings: EndpointSettings,
    *,
    network: Network | None = None,
    observer: Observer = ignore,
    clock: Callable[[], float] = time.monotonic,
) -> Endpoint:
    """Make an endpoint; it connects when it is first used.

    Args:
        settings: How to reach it.
        network: What it shares with the other endpoints of the process; else one of its own.
        observer: Told of each renewal of a token, locations or a signature.
        clock: Monotonic seconds, for the life of credentials.

    Raises:
        ConfigError: The settings cannot be used.
    """
    if settings.kind is EndpointKind.FILE:
        return FileEndpoint(settings.name, Path(settings.url), connections=settings.connections)
    base_url = _base_url(settings)
    client = _client(settings, network)
    if settings.kind is EndpointKind.HTTP:
        return HttpEndpoint(settings.name, base_url, client)
    if settings.kind is EndpointKind.BLOB:
        sas = secret_of(settings.name, "sas", file=settings.sas_file, env=settings.sas_env)
        return BlobEndpoint(settings.name, base_url, sas, client, observer)
    if settings.kind is EndpointKind.DP:
        return DpEndpoint(settings.name, base_url, client, connections=settings.connections)
    return _open_cmg(settings, base_url, client, observer, clock)


def open_urls(
    name: str, urls: Mapping[str, str], *, network: Network | None = None, ca_file: str = ""
) -> Endpoint:
    """Make an endpoint of objects at explicit URLs: one mirror.

    Args:
        name: Name of the endpoint.
        urls: URL of each object, by the object's name.
        network: What it shares with the other endpoints of the process; else one of its own.
        ca_file: PEM file of the authorities to trust; empty for the system's store.

    Raises:
        ConfigError: A URL cannot be used.
    """
    for url in urls.values():
        _exact(name, url)
    return UrlEndpoint(name, dict(urls), HttpClient(name, network, ca_file=ca_file))


async def probe_url(url: str, *, ca_file: str = "") -> Probed:
    """Find out length and name of what lies at a URL.

    Raises:
        ConfigError: The URL cannot be used.
        TransferError: The server cannot be asked, or does not say how long it is.
    """
    host = _exact("url", url).raw_host or ""
    client = HttpClient(host, ca_file=ca_file)
    try:
        return await probe(url, client)
    finally:
        await client.aclose()


def _open_cmg(
    settings: EndpointSettings,
    base_url: str,
    client: HttpClient,
    observer: Observer,
    clock: Callable[[], float],
) -> Endpoint:
    token = secret_of(settings.name, "token", file=settings.token_file, env=settings.token_env)
    if token is None:
        raise ConfigError(
            f"endpoint {settings.name}: a {settings.kind} needs a registration token",
            remedy="Set token_file or token_env.",
        )
    return CmgEndpoint(
        settings.name, settings.kind, base_url, token, client, observer=observer, clock=clock
    )


def _client(settings: EndpointSettings, network: Network | None) -> HttpClient:
    network = network or Network()
    if settings.ca_file:
        network.trust(settings.ca_file)  # a file that cannot be used is the caller's fault, now
    return HttpClient(settings.name, network, ca_file=settings.ca_file)


def _base_url(settings: EndpointSettings) -> str:
    url = _exact(settings.name, settings.url)
    if url.raw_query_string or url.raw_fragment:
        raise ConfigError(
            f"endpoint {settings.name}: {redact(settings.url)} has a query or fragment",
            remedy="Give the base URL; put a shared access signature into sas_file or sas_env.",
        )
    if settings.kind not in _MAY_BE_PLAIN and not is_protected(url):
        raise ConfigError(
            f"endpoint {settings.name}: a {settings.kind} is reached by https only",
            remedy=f"Change {redact(settings.url)} to https.",
        )
    return settings.url.rstrip("/")


def _exact(name: str, url: str) -> URL:
    try:
        return exact_url(url)
    except ValueError as error:
        raise ConfigError(
            f"endpoint {name}: {redact(url)} {error}",
            remedy="Give an absolute http or https URL, percent-encoded, without a password.",
        ) from None
