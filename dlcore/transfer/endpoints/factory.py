"""Makes endpoints from settings.

Guarantees: settings that cannot work are refused here, before any request: a URL that cannot be
sent as it stands, a credential over plain http, a missing token, an authority file that cannot be
read.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from dlcore.buckets import CannotSignError, StoredBucket
from dlcore.endpoint_rules import check_base_url, check_registration_token
from dlcore.errors import ConfigError
from dlcore.model import CATALOG_KEY, Authentication, EndpointKind, EndpointSettings
from dlcore.redaction import redact
from dlcore.transfer.endpoints.blob import BlobEndpoint
from dlcore.transfer.endpoints.bucket import BucketEndpoint
from dlcore.transfer.endpoints.cmg import CmgEndpoint
from dlcore.transfer.endpoints.contact import Contact, contact
from dlcore.transfer.endpoints.content_library import ContentLibrary, ContentLibraryEndpoint
from dlcore.transfer.endpoints.credentials import password_of, secret_of
from dlcore.transfer.endpoints.distribution_point import DistributionPointEndpoint
from dlcore.transfer.endpoints.folder import FolderEndpoint
from dlcore.transfer.endpoints.keyring import Keyring
from dlcore.transfer.endpoints.named_urls import checked_bucket_url, checked_url
from dlcore.transfer.endpoints.web_content_library import WebContentLibraryEndpoint
from dlcore.transfer.endpoints.web_server import WebServerEndpoint
from dlcore.transfer.http.addresses import Reach
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.pool import ConnectionPool
from dlcore.transfer.http.urls import is_protected
from dlcore.transfer.interface import Endpoint, Observer, ignore

_POINTS = {EndpointKind.DP, EndpointKind.CONTENT_LIBRARY}
# They may be given a login, and need none. Others have a secret of their own, or need none.
_TAKES_LOGINS = {*_POINTS, EndpointKind.HTTP}


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
    if settings.kind is EndpointKind.CONTENT_LIBRARY and settings.is_folder:
        return ContentLibraryEndpoint(
            settings.name,
            Path(settings.url),
            connections=settings.connections,
            policy=pool.policy,
        )
    if settings.kind is EndpointKind.BUCKET:
        return _open_bucket(settings, pool, observer, clock)
    base_url = _base_url(settings)
    _refuse_login(settings)
    keyring = _keyring(settings)
    client = keyring.client(
        settings.name, pool, follows_redirects=settings.kind is EndpointKind.HTTP
    )
    match settings.kind:
        case EndpointKind.HTTP:
            authorization = keyring.authorization(settings.name, base_url, observer=observer)
            return WebServerEndpoint(settings.name, base_url, client, authorization)
        case EndpointKind.BLOB:
            sas = secret_of(settings.name, "sas", file=settings.sas_file, env=settings.sas_env)
            return BlobEndpoint(settings.name, base_url, sas, client, observer)
        case EndpointKind.DP | EndpointKind.CONTENT_LIBRARY:
            token = secret_of(
                settings.name, "token", file=settings.token_file, env=settings.token_env
            )
            authorization = keyring.authorization(
                settings.name, base_url, observer=observer, token=token
            )
            if settings.kind is EndpointKind.CONTENT_LIBRARY:
                return WebContentLibraryEndpoint(settings.name, base_url, client, authorization)
            return DistributionPointEndpoint(
                settings.name, base_url, client, authorization, connections=settings.connections
            )
        case EndpointKind.CMG | EndpointKind.CLOUD_DP:
            return _open_cmg(settings, base_url, client, keyring, pool, observer, clock)


def as_content_library(endpoint: Endpoint) -> ContentLibrary | None:
    """The endpoint as what can be asked for INI files; None if it is of another kind."""
    if isinstance(endpoint, ContentLibraryEndpoint | WebContentLibraryEndpoint):
        return endpoint
    return None


async def try_login(settings: EndpointSettings, pool: ConnectionPool) -> bool:
    """Ask a server of packages for something harmless, with the login that a fetch would show.

    Args:
        settings: How to reach it.
        pool: The connections that all endpoints of the process share.

    Returns:
        Whether it was asked; servers that have a catalog are better asked for that.

    Raises:
        TransferError: The server does not let this client in, or does not answer.
        ConfigError: The settings cannot be used.
    """
    if settings.kind not in _POINTS or settings.is_folder:
        return False
    endpoint = open_endpoint(settings, pool=pool)
    assert isinstance(endpoint, DistributionPointEndpoint | WebContentLibraryEndpoint)
    try:
        await endpoint.try_login()
    finally:
        await endpoint.aclose()
    return True


def try_credentials(settings: EndpointSettings) -> str:
    """Read the secret that an endpoint is sent, only to find out whether it can be read.

    Args:
        settings: Where it lies.

    Returns:
        Which setting names its place; empty if the endpoint is sent none.

    Raises:
        ConfigError: It is missing, open to others, or cannot be sent.
    """
    if settings.kind in (EndpointKind.CMG, EndpointKind.CLOUD_DP):
        what, file, env = "token", settings.token_file, settings.token_env
    elif settings.kind is EndpointKind.BLOB:
        what, file, env = "sas", settings.sas_file, settings.sas_env
    elif settings.kind in _POINTS and (settings.token_file or settings.token_env):
        what, file, env = "token", settings.token_file, settings.token_env
    elif settings.kind in _TAKES_LOGINS:
        what, file, env = "password", settings.web.password_file, settings.web.password_env
    else:
        return ""
    of = password_of if what == "password" else secret_of
    secret = of(settings.name, what, file=file, env=env)
    if secret is None:
        return ""
    secret()
    return f"{what}_file" if file else f"{what}_env"


async def contact_endpoint(
    settings: EndpointSettings, pool: ConnectionPool | None = None
) -> Contact | None:
    """Find out how far a request to an endpoint gets; no credential is sent.

    Returns:
        What became of it; None if only the library for object stores knows where a bucket is.

    Args:
        settings: How to reach it; not a folder.
        pool: The connections that all endpoints of the process share; new ones if None.

    Raises:
        ConfigError: The settings cannot be used.
    """
    client = _keyring(settings).client(settings.name, pool, logs_in=False)
    try:
        url = await _contact_url(settings)
        return await contact(url, client) if url else None
    finally:
        await client.aclose()


def _open_bucket(
    settings: EndpointSettings,
    pool: ConnectionPool,
    observer: Observer,
    clock: Callable[[], float],
) -> BucketEndpoint:
    url = checked_bucket_url(settings.name, settings.url)
    bucket = StoredBucket(url, settings.name)
    _refuse_login(settings)
    client = _keyring(settings).client(settings.name, pool)
    return BucketEndpoint(settings.name, bucket, client, observer=observer, clock=clock)


def _open_cmg(
    settings: EndpointSettings,
    base_url: str,
    client: HttpClient,
    keyring: Keyring,
    pool: ConnectionPool,
    observer: Observer,
    clock: Callable[[], float],
) -> Endpoint:
    check_registration_token(settings, f"endpoint {settings.name}")
    token = secret_of(settings.name, "token", file=settings.token_file, env=settings.token_env)
    assert token is not None, "one of them is named"
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
        "authentication": web.authentication is not Authentication.BASIC,
    }
    unused = [name for name, value in named.items() if value]
    if unused and settings.kind not in _TAKES_LOGINS:
        raise ConfigError(
            f"endpoint {settings.name}: {' and '.join(unused)} cannot be used with an endpoint of"
            f" kind {settings.kind}",
            remedy="Leave it out: only the kinds http, dp and content-library are sent logins and"
            " headers.",
        )


def _keyring(settings: EndpointSettings) -> Keyring:
    return Keyring(settings.web, settings.url, ca_file=settings.ca_file, name=settings.name)


async def _contact_url(settings: EndpointSettings) -> str:
    """A URL of the endpoint without a credential; empty if it is not known."""
    if settings.kind is not EndpointKind.BUCKET:
        return _base_url(settings)
    bucket = StoredBucket(checked_bucket_url(settings.name, settings.url), settings.name)
    try:
        return (await bucket.sign(CATALOG_KEY, 1)).partition("?")[0]
    except CannotSignError:
        return ""


def _base_url(settings: EndpointSettings) -> str:
    url = checked_url(settings.name, settings.url)
    check_base_url(settings.url, f"endpoint {settings.name}")
    if settings.kind not in _TAKES_LOGINS and not is_protected(url):
        raise ConfigError(
            f"endpoint {settings.name}: a {settings.kind} is reached by https only",
            remedy=f"Change {redact(settings.url)} to https.",
        )
    return settings.url.rstrip("/")
