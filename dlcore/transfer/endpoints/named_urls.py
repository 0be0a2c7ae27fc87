"""Single files at URLs that somebody names: on a web server, in a bucket, or in a folder.

Guarantees: a URL that cannot be used is refused before any request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from yarl import URL

from dlcore.buckets import StoredBucket
from dlcore.digests import SHA_256
from dlcore.endpoint_rules import is_loopback
from dlcore.errors import ConfigError
from dlcore.extras import require
from dlcore.file_urls import is_file_url, path_of_file_url
from dlcore.model import BUCKET_SCHEMES
from dlcore.redaction import redact
from dlcore.transfer.endpoints.authorization import Authorization
from dlcore.transfer.endpoints.bucket import BucketEndpoint
from dlcore.transfer.endpoints.folder import FolderEndpoint
from dlcore.transfer.endpoints.keyring import Keyring
from dlcore.transfer.endpoints.probe import Beginning, Probed, probe, probe_beginning
from dlcore.transfer.endpoints.spooled_file import SpooledFile
from dlcore.transfer.endpoints.web_server import UrlEndpoint
from dlcore.transfer.http.addresses import Reach
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.pool import ConnectionPool
from dlcore.transfer.http.readers import read_document, read_stream
from dlcore.transfer.http.urls import exact_url, origin_of
from dlcore.transfer.interface import Endpoint
from dlcore.transfer.policy import TransferPolicy


def open_urls(
    name: str,
    urls: Mapping[str, str],
    *,
    pool: ConnectionPool | None = None,
    keyring: Keyring | None = None,
    sends_ranges: bool = True,
    led_by: str = "",
) -> Endpoint:
    """Make an endpoint of objects at explicit URLs: one mirror.

    Args:
        name: Name of the endpoint.
        urls: URL of each object, by the object's name; all at one server, bucket or computer.
        pool: The connections that all endpoints of the process share; new ones if None.
        keyring: What opens the server.
        sends_ranges: Whether the server sends parts of them, as far as is known (`probe_url`).
        led_by: The URL whose server named these; empty if the user did. They may lead to this
            machine only if that server is on it, and another server is shown nothing.

    Raises:
        ConfigError: A URL cannot be used.
    """
    first = next(iter(urls.values()), "")
    if is_file_url(first):
        return _files(name, urls, pool.policy if pool else None)
    if is_bucket_url(first):
        return _objects(name, urls, pool, keyring)
    for url in urls.values():
        checked_url(name, url)
    client, authorization = _web(name, first, keyring, pool, led_by=led_by)
    return UrlEndpoint(name, dict(urls), client, authorization, sends_ranges=sends_ranges)


async def probe_url(
    url: str, *, keyring: Keyring | None = None, pool: ConnectionPool | None = None
) -> Probed:
    """Find out the length and name of what is at a URL, and what else its server says of it.

    Args:
        url: Absolute; an http or https URL is sent exactly as given.
        keyring: What opens the server.
        pool: The connections to use; new ones if None.

    Raises:
        ConfigError: The URL or the file cannot be used.
        TransferError: The server cannot be reached, refuses, or does not say the length.
    """
    if is_file_url(url):
        path = Path(path_of_file_url(url))
        return await _folder_of(path, keyring).probe(path.name)
    if is_bucket_url(url):
        async with aclosing(_objects(_host(url), {"": url}, pool, keyring)) as bucket:
            return await bucket.probe(key_of(url))
    name = checked_url("url", url).raw_host or ""
    client, authorization = _web(name, url, keyring, pool)
    async with aclosing(client):
        return await authorization.use(lambda headers: probe(url, client, headers))


async def begin_url(
    url: str,
    limit_bytes: int,
    received: Callable[[int], None],
    *,
    keyring: Keyring | None = None,
    pool: ConnectionPool | None = None,
) -> Beginning:
    """Find out what `probe_url` does, and read the content by the same request if it is short.

    Args:
        url: Absolute, http or https; sent exactly as given.
        limit_bytes: The longest content to read.
        received: Told of bytes of the content as they arrive, also of those that turn out not to
            be all of it.
        keyring: What opens the server.
        pool: The connections to use; new ones if None.

    Raises:
        ConfigError: The URL cannot be used.
        TransferError: The server cannot be reached, refuses, or breaks off.
    """
    name = checked_url("url", url).raw_host or ""
    client, authorization = _web(name, url, keyring, pool)
    async with aclosing(client):
        return await authorization.use(
            lambda headers: probe_beginning(url, client, headers, limit_bytes, received)
        )


async def read_url(
    url: str,
    limit_bytes: int,
    *,
    keyring: Keyring | None = None,
    led_by: str = "",
    pool: ConnectionPool | None = None,
) -> bytes:
    """Read a short document at a URL.

    Args:
        url: Absolute; an http or https URL is sent exactly as given.
        limit_bytes: Longest document to accept.
        keyring: What opens the server.
        led_by: The URL whose server named this one, as in `open_urls`; empty if the user did.
        pool: The connections to use; new ones if None.

    Raises:
        ConfigError: The URL or the file cannot be used.
        TransferError: The server cannot be reached or refuses, or the document is too long.
    """
    if is_file_url(url):
        path = Path(path_of_file_url(url))
        return await _folder_of(path, keyring).read_document(path.name, limit_bytes)
    if is_bucket_url(url):
        async with aclosing(_objects(_host(url), {"": url}, pool, keyring)) as bucket:
            return await bucket.read_object(key_of(url), limit_bytes)
    name = checked_url("url", url).raw_host or ""
    client, authorization = _web(name, url, keyring, pool, led_by=led_by)
    async with aclosing(client):
        return await authorization.use(
            lambda headers: read_document(client, url, limit_bytes, headers=headers)
        )


async def spool_url(
    url: str,
    folder: Path,
    check: Callable[[int], None],
    received: Callable[[int], None],
    algorithm: str = SHA_256,
    *,
    keyring: Keyring | None = None,
    pool: ConnectionPool | None = None,
) -> SpooledFile:
    """Read what is at a URL, and how long nobody says, into a file without a name.

    Args:
        url: Absolute, http or https; sent exactly as given.
        folder: On the disk that gets the file; exists.
        check: Called with the length so far before more is written; raises what ends that.
        received: Told of bytes as they arrive.
        algorithm: Of the digest that is reckoned.
        keyring: What opens the server.
        pool: The connections to use; new ones if None.

    Raises:
        ConfigError: The URL or the file cannot be used.
        TransferError: The server cannot be reached, refuses, or breaks off.
        StorageError: The disk failed.
    """
    name = checked_url("url", url).raw_host or ""
    client, authorization = _web(name, url, keyring, pool)
    spooled = SpooledFile(name, folder, check, algorithm)
    try:
        await authorization.use(
            lambda headers: read_stream(client, url, spooled.write, received, headers=headers)
        )
        await spooled.end()
    except BaseException:
        await spooled.aclose()
        raise
    finally:
        await client.aclose()
    return spooled


def is_same_origin(url: str, other: str) -> bool:
    """Whether two http or https URLs have the same scheme, host and port."""
    return origin_of(exact_url(url)) == origin_of(exact_url(other))


def may_lead_here(url: str) -> bool:
    """Whether a server at a URL may name others on this machine: it is on this machine itself."""
    return is_loopback(exact_url(url).raw_host or "")


def is_bucket_url(url: str) -> bool:
    """Whether a URL is that of an object store."""
    scheme, separator, _ = url.partition("://")
    return bool(separator) and scheme.lower() in BUCKET_SCHEMES  # a folder may be called "s3"


def key_of(url: str) -> str:
    """Key of an object below its bucket, from its URL."""
    return unquote(url.partition("://")[2].partition("/")[2])


def checked_bucket_url(name: str, url: str) -> str:
    """The URL of a bucket, without a slash at its end.

    Raises:
        ConfigError: It does not name a bucket, or holds what may be a secret; or the library is
            not installed.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigError(
            f"endpoint {name}: {redact(url)} has a query, a fragment or credentials",
            remedy="Pass credentials in the environment, for example AZURE_STORAGE_ACCOUNT_KEY.",
        )
    if not parts.netloc:
        raise ConfigError(
            f"endpoint {name}: {redact(url)} names no bucket",
            remedy="Write it as s3://bucket/path, az://container/path or gs://bucket/path.",
        )
    require("buckets")
    scheme, separator, rest = url.partition("://")
    return f"{scheme.lower()}{separator}{rest.rstrip('/')}"


def checked_url(name: str, url: str) -> URL:
    """An http or https URL in its own spelling.

    Raises:
        ConfigError: It cannot be requested.
    """
    try:
        return exact_url(url)
    except ValueError as error:
        raise ConfigError(
            f"endpoint {name}: {redact(url)} {error}",
            remedy="Give an absolute http or https URL, percent-encoded, without a password.",
        ) from None


def _host(url: str) -> str:
    """The bucket of a URL, as errors call it."""
    return redact(url).partition("://")[2].partition("/")[0] or "bucket"


def _web(
    name: str,
    url: str,
    keyring: Keyring | None,
    pool: ConnectionPool | None = None,
    *,
    led_by: str = "",
) -> tuple[HttpClient, Authorization]:
    """A client of a web server, and what it is shown: nothing, if another server named the URL."""
    keyring = keyring or Keyring()
    reach = Reach.ANY
    if led_by:
        reach = Reach.NO_METADATA if may_lead_here(led_by) else Reach.OTHER_MACHINES
    is_users_own = not led_by or is_same_origin(url, led_by)
    client = keyring.client(name, pool, reach=reach, follows_redirects=True, logs_in=is_users_own)
    return client, (keyring if is_users_own else Keyring()).authorization(name, url)


def _folder_of(path: Path, keyring: Keyring | None) -> FolderEndpoint:
    """The folder that has a file, as an endpoint."""
    return FolderEndpoint("file", path.parent, policy=keyring.policy if keyring else None)


def _files(name: str, urls: Mapping[str, str], policy: TransferPolicy | None) -> FolderEndpoint:
    files = {item: Path(path_of_file_url(url)) for item, url in urls.items()}
    return FolderEndpoint(name, next(iter(files.values())).parent, policy=policy, files=files)


def _objects(
    name: str, urls: Mapping[str, str], pool: ConnectionPool | None, keyring: Keyring | None
) -> BucketEndpoint:
    for url in urls.values():
        checked_bucket_url(name, url)
        if not key_of(url):
            raise ConfigError(
                f"endpoint {name}: {redact(url)} names a bucket and no object in it",
                remedy="Name the object; to fetch packages from a bucket, name it with --from.",
            )
    scheme, _, rest = next(iter(urls.values())).partition("://")
    bucket = StoredBucket(f"{scheme.lower()}://{rest.partition('/')[0]}", name)
    client = (keyring or Keyring()).client(name, pool)
    keys = {item: key_of(url) for item, url in urls.items()}
    return BucketEndpoint(name, bucket, client, keys=keys)
