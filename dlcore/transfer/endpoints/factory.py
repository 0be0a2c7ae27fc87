"""Makes endpoints from settings.

Guarantees: settings that cannot work are refused here, before any request: a URL that cannot be
sent as it stands, a credential over plain http, a missing token, an authority file that cannot be
read.
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
from dlcore.transfer.endpoints.contact import Contact, contact
from dlcore.transfer.endpoints.credentials import secret_of
from dlcore.transfer.endpoints.distribution_point import DistributionPointEndpoint
from dlcore.transfer.endpoints.folder import FolderEndpoint
from dlcore.transfer.endpoints.keyring import Keyring
from dlcore.transfer.endpoints.probe import Probed, probe
from dlcore.transfer.endpoints.spooled_file import SpooledFile
from dlcore.transfer.endpoints.web_server import UrlEndpoint, WebServerEndpoint
from dlcore.transfer.http.addresses import Reach
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.pool import ConnectionPool
from dlcore.transfer.http.readers import read_document, read_stream
from dlcore.transfer.http.redaction import redact
from dlcore.transfer.http.urls import exact_url, is_protected
from dlcore.transfer.interface import Endpoint, Observer, ignore

_MAY_USE_PLAIN_HTTP = {EndpointKind.DP, EndpointKind.HTTP}  # without a credential


def open_endpoint(
    settings: EndpointSettings,
    *,
    pool: ConnectionPool | None = None,
    observer: Observer = ignore,
    clock: Callable[[], float] = time.monotonic,
) -> Endpoint:
    """Make an endpoint. It connects when it is first used.

    Args:
        settings: How to reach it.
        pool: The connections that all endpoints of the process share; new ones if None.
        observer: Told of each renewal of a token, locations or a signature.
        clock: Monotonic seconds, for the life of credentials.

    Raises:
        ConfigError: The settings cannot be used.
    """
    pool = pool or ConnectionPool()
    if settings.kind is EndpointKind.FILE:
        return FolderEndpoint(
            settings.name,
            Path(settings.url),
            connections=settings.connections,
            policy=pool.policy,
        )
    base_url = _base_url(settings)
    _refuse_login(settings)
    keyring = _keyring(settings)
    client = keyring.client(
        settings.name, pool, follows_redirects=settings.kind is EndpointKind.HTTP
    )
    match settings.kind:
        case EndpointKind.HTTP:
            shown = keyring.authorization(settings.name, base_url, observer=observer)
            return WebServerEndpoint(settings.name, base_url, client, shown)
        case EndpointKind.BLOB:
            sas = secret_of(settings.name, "sas", file=settings.sas_file, env=settings.sas_env)
            return BlobEndpoint(settings.name, base_url, sas, client, observer)
        case EndpointKind.DP:
            return DistributionPointEndpoint(
                settings.name, base_url, client, connections=settings.connections
            )
        case EndpointKind.CMG | EndpointKind.CLOUD_DP:
            return _open_cmg(settings, base_url, client, keyring, pool, observer, clock)


def open_urls(
    name: str,
    urls: Mapping[str, str],
    *,
    pool: ConnectionPool | None = None,
    keyring: Keyring | None = None,
    sends_ranges: bool = True,
) -> Endpoint:
    """Make an endpoint of objects at explicit URLs: one mirror.

    Args:
        name: Name of the endpoint.
        urls: URL of each object, by the object's name.
        pool: The connections that all endpoints of the process share; new ones if None.
        keyring: What opens the server.
        sends_ranges: Whether the server sends parts of them, as far as is known (`probe_url`).

    Raises:
        ConfigError: A URL cannot be used.
    """
    for url in urls.values():
        _checked_url(name, url)
    keyring = keyring or Keyring()
    client = keyring.client(name, pool, follows_redirects=True)
    shown = keyring.authorization(name, next(iter(urls.values())))
    return UrlEndpoint(name, dict(urls), client, shown, sends_ranges=sends_ranges)


async def probe_url(url: str, *, keyring: Keyring | None = None) -> Probed:
    """Find out the length and name of what is at a URL.

    Args:
        url: Absolute, http or https; sent exactly as given.
        keyring: What opens the server.

    Raises:
        ConfigError: The URL or the file cannot be used.
        TransferError: The server cannot be reached, refuses, or does not say the length.
    """
    name = _checked_url("url", url).raw_host or ""
    keyring = keyring or Keyring()
    client = keyring.client(name, follows_redirects=True)
    try:
        shown = keyring.authorization(name, url)
        return await shown.use(lambda headers: probe(url, client, headers))
    finally:
        await client.aclose()


async def contact_endpoint(settings: EndpointSettings) -> Contact:
    """Find out how far a request to an endpoint gets; no credential is sent.

    Args:
        settings: How to reach it; not of the kind ``file``.

    Raises:
        ConfigError: The settings cannot be used.
    """
    client = _keyring(settings).client(settings.name)
    try:
        return await contact(_base_url(settings), client)
    finally:
        await client.aclose()


async def read_url(url: str, limit_bytes: int, *, keyring: Keyring | None = None) -> bytes:
    """Read a short document at a URL.

    Args:
        url: Absolute, http or https; sent exactly as given.
        limit_bytes: Longest document to accept.
        keyring: What opens the server.

    Raises:
        ConfigError: The URL or the file cannot be used.
        TransferError: The server cannot be reached or refuses, or the document is too long.
    """
    name = _checked_url("url", url).raw_host or ""
    keyring = keyring or Keyring()
    client = keyring.client(name, follows_redirects=True)
    try:
        shown = keyring.authorization(name, url)
        return await shown.use(
            lambda headers: read_document(client, url, limit_bytes, headers=headers)
        )
    finally:
        await client.aclose()


async def spool_url(
    url: str, folder: Path, check: Callable[[int], None], *, keyring: Keyring | None = None
) -> SpooledFile:
    """Read what is at a URL, and how long nobody says, into a file without a name.

    Args:
        url: Absolute, http or https; sent exactly as given.
        folder: On the disk that gets the file; exists.
        check: Called with the length so far before more is written; raises what ends that.
        keyring: What opens the server.

    Raises:
        ConfigError: The URL or the file cannot be used.
        TransferError: The server cannot be reached, refuses, or breaks off.
        StorageError: The disk failed.
    """
    name = _checked_url("url", url).raw_host or ""
    keyring = keyring or Keyring()
    client = keyring.client(name, follows_redirects=True)
    spooled = SpooledFile(name, folder, check)
    try:
        shown = keyring.authorization(name, url)
        await shown.use(lambda headers: read_stream(client, url, spooled.write, headers=headers))
        await spooled.end()
    except BaseException:
        await spooled.aclose()
        raise
    finally:
        await client.aclose()
    return spooled


def _open_cmg(
    settings: EndpointSettings,
    base_url: str,
    client: HttpClient,
    keyring: Keyring,
    pool: ConnectionPool,
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
        settings.name,
        settings.kind,
        base_url,
        token,
        client,
        public_client=keyring.client(settings.name, pool, reach=Reach.PUBLIC),
        content_hosts=settings.content_hosts,
        observer=observer,
        clock=clock,
    )


def _refuse_login(settings: EndpointSettings) -> None:
    """Refuse what would not be shown to a server of this kind."""
    web = settings.web
    named = {
        "user": web.user,
        "password": web.password_file or web.password_env,
        "headers": web.headers,
        "credential_command": web.credential_command,
    }
    unused = [name for name, value in named.items() if value]
    if unused and settings.kind is not EndpointKind.HTTP:
        raise ConfigError(
            f"endpoint {settings.name}: {' and '.join(unused)} cannot be used with an endpoint of"
            f" kind {settings.kind}",
            remedy="Leave it out: only endpoints of kind http are shown logins and headers.",
        )


def _keyring(settings: EndpointSettings) -> Keyring:
    return Keyring(settings.web, settings.url, ca_file=settings.ca_file, name=settings.name)


def _base_url(settings: EndpointSettings) -> str:
    url = _checked_url(settings.name, settings.url)
    if url.raw_query_string or url.raw_fragment:
        raise ConfigError(
            f"endpoint {settings.name}: {redact(settings.url)} has a query or fragment",
            remedy="Give the base URL; put a shared access signature into sas_file or sas_env.",
        )
    if settings.kind not in _MAY_USE_PLAIN_HTTP and not is_protected(url):
        raise ConfigError(
            f"endpoint {settings.name}: a {settings.kind} is reached by https only",
            remedy=f"Change {redact(settings.url)} to https.",
        )
    return settings.url.rstrip("/")


def _checked_url(name: str, url: str) -> URL:
    try:
        return exact_url(url)
    except ValueError as error:
        raise ConfigError(
            f"endpoint {name}: {redact(url)} {error}",
            remedy="Give an absolute http or https URL, percent-encoded, without a password.",
        ) from None
