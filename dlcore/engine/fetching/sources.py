"""Endpoints as people name them: a folder, a URL, or a URL with the endpoint's kind before it."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from dlcore.disk.faults import storage_error
from dlcore.engine.fetching.access import Access as Access
from dlcore.engine.fetching.access import NamedServers
from dlcore.errors import ConfigError, NotFoundError
from dlcore.file_urls import is_file_url, path_of_file_url
from dlcore.long_path import long_path
from dlcore.model import EndpointKind, EndpointSettings, WebAccess, is_folder_place
from dlcore.printable import printable
from dlcore.schedule import Terms
from dlcore.spelling import hint
from dlcore.transfer import (
    ConnectionPool,
    Endpoint,
    Keyring,
    is_bucket_url,
    open_endpoint,
    open_urls,
    redact_named,
)

TOKEN_ENV: Final = "DLCORE_TOKEN"  # noqa: S105  # the name of a variable
SAS_ENV: Final = "DLCORE_SAS"
_TOKEN_KINDS: Final = (EndpointKind.CMG, EndpointKind.CLOUD_DP)

_WHAT_TO_NAME: Final = {
    EndpointKind.FILE: "Name a folder that dlcore publish wrote, or a URL (dlcore fetch --help).",
    EndpointKind.CONTENT_LIBRARY: "Name the folder SCCMContentLib, the share SCCMContentLib$,"
    " or the URL of a distribution point (http://dp1/SMS_DP_SMSPKG$).",
}

Source = tuple[Endpoint, Terms]
"""An open endpoint, and how it may be used."""


def open_sources(
    named: Sequence[str | EndpointSettings],
    access: Access,
    stack: AsyncExitStack,
    servers: NamedServers | None = None,
    pool: ConnectionPool | None = None,
) -> list[Source]:
    """Open endpoints, in their order.

    Args:
        named: Settings, or a text: ``kind+url``, a URL, or a folder.
        access: What opens those that are named by a text.
        stack: Closes them.
        servers: Which server is shown what; made of ``named`` and ``access`` if None.
        pool: The connections to use; new ones if None.

    Raises:
        ConfigError: There is none, or one cannot be used.
        NotFoundError: A folder does not exist.
        StorageError: A folder cannot be looked at.
    """
    if not all(named):
        raise ConfigError("the name of an endpoint is empty", remedy="Name a folder or a URL.")
    if not named:
        raise ConfigError(
            "no endpoint is named",
            remedy="Say where to fetch from, with --from.",
        )
    sources: list[Source] = []
    pool = pool or ConnectionPool(access.transfer_policy)
    servers = servers or NamedServers(access, named)
    for number, item in enumerate(named):
        settings = settings_of(item, number, access, servers)
        if settings.is_folder and len(named) == 1:  # else others may serve
            _check_folder(settings.url, settings.kind)
        endpoint = open_endpoint(settings, pool=pool)
        stack.push_async_callback(endpoint.aclose)
        terms = Terms(settings.connections, settings.cost, settings.cap_bytes_per_s)
        sources.append((endpoint, terms))
    return sources


class _Group(NamedTuple):
    """The URLs that become one endpoint.

    Attributes:
        server: Where they are.
        leader: The server that named them; empty if the user did.
        number: Tells apart endpoints that have the same object.
    """

    server: str
    leader: str
    number: int


class Mirror(NamedTuple):
    """A server that has objects at URLs.

    Attributes:
        source: The endpoint, and how it may be used.
        urls: URL of each object, by the object's name.
    """

    source: Source
    urls: dict[str, str]


def open_mirrors(
    urls: Mapping[str, Sequence[str]],
    access: Access,
    stack: AsyncExitStack,
    keyring: Keyring | None = None,
    *,
    without_ranges: Collection[str] = (),
    led_to: Mapping[str, str] = MappingProxyType({}),
    pool: ConnectionPool | None = None,
) -> list[Mirror]:
    """Open explicit URLs of objects: the URLs at one server are one endpoint.

    If a server has an object at several URLs, it is as many endpoints. Those of its URLs that
    another server named are endpoints of their own, which are shown nothing.

    Args:
        urls: Of each object, by its name, the best first.
        access: What opens them.
        stack: Closes the endpoints.
        keyring: Which server is shown what; None: all are shown nothing.
        without_ranges: Those URLs whose server is known to send no parts.
        led_to: Those URLs that only a server named, and the URL at which it did.
        pool: The connections to use; new ones if None.

    Raises:
        ConfigError: One cannot be used.
    """
    by_server: dict[_Group, dict[str, str]] = {}
    for rank in range(max(map(len, urls.values()), default=0)):
        for item, own in urls.items():
            if rank < len(own):
                _add_url(by_server, item, own[rank], led_to.get(own[rank], ""))
    mirrors: list[Mirror] = []
    pool = pool or ConnectionPool(access.transfer_policy)
    for number, named in enumerate(by_server.values()):
        url = next(iter(named.values()))
        folder = _folder_name(str(Path(path_of_file_url(url)).parent)) if is_file_url(url) else ""
        name = _name(_host(url) or folder or "url", number)
        sends_ranges = not any(url in without_ranges for url in named.values())
        endpoint = open_urls(
            name,
            named,
            pool=pool,
            keyring=keyring,
            sends_ranges=sends_ranges,
            led_by=led_to.get(url, ""),
        )
        stack.push_async_callback(endpoint.aclose)
        mirrors.append(Mirror((endpoint, Terms(access.connections)), named))
    return mirrors


def _add_url(by_server: dict[_Group, dict[str, str]], item: str, url: str, leader: str) -> None:
    """Note a URL of an object with the first endpoint of its server that has no other.

    What one server named is never asked together with what the user did, or another server: it
    would be shown the user's login there, and might lead to where it may not.
    """
    server, number = _server_of(url), 0
    leader = _server_of(leader) if leader else ""
    while by_server.setdefault(_Group(server, leader, number), {}).setdefault(item, url) != url:
        number += 1


def _server_of(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}".lower()


def settings_of(
    source: str | EndpointSettings, number: int, access: Access, servers: NamedServers | None = None
) -> EndpointSettings:
    """The settings of an endpoint that is named by them, or by a text.

    Args:
        source: ``kind+url``, a URL, or a folder, perhaps as a URL; settings stay as they are.
        number: Counts the endpoints from 0, so that their names differ.
        access: What opens those that are named by a text.
        servers: Which server is shown what; made of ``source`` and ``access`` if None.

    Raises:
        ConfigError: It needs a token that is nowhere, or names a password.
    """
    if isinstance(source, EndpointSettings):
        return source
    kind, url = _kind_and_url(source)
    servers = servers or NamedServers(access, [source])
    is_folder = is_folder_place(kind, url)
    if not is_folder:
        url = servers.bare(url)
    is_blob, needs_token = kind is EndpointKind.BLOB, kind in _TOKEN_KINDS
    if needs_token and not access.token_file and TOKEN_ENV not in os.environ:
        raise ConfigError(
            f"{source} asks for a registration token",
            remedy="Name a file that has it, with --token-file, or put the token in"
            f" the environment variable {TOKEN_ENV}.",
        )
    has_sas_env = is_blob and not access.sas_file and SAS_ENV in os.environ
    return EndpointSettings(
        name=_name(_told_apart_by(kind, url), number),
        kind=kind,
        url=url,
        token_file=access.token_file if needs_token else "",
        token_env=TOKEN_ENV if needs_token and not access.token_file else "",
        sas_file=access.sas_file if is_blob else "",
        sas_env=SAS_ENV if has_sas_env else "",
        ca_file="" if is_folder else access.ca_file,
        connections=access.connections,
        web=WebAccess() if is_folder else servers.keyring.settings_for(url),
    )


def _kind_and_url(source: str) -> tuple[EndpointKind, str]:
    kind, plus, url = source.partition("+")
    if plus and kind in list(EndpointKind):
        return EndpointKind(kind), url
    if plus and "://" in url and kind.replace("-", "").isalnum():
        raise ConfigError(
            f"{source}: {kind} is not a kind of endpoint{hint(kind, list(EndpointKind))}",
            remedy=f"Kinds that may stand before a URL: {', '.join(EndpointKind)}.",
        )
    if is_file_url(source):
        return EndpointKind.FILE, path_of_file_url(source)
    if is_bucket_url(source):
        return EndpointKind.BUCKET, source
    return (EndpointKind.HTTP if "://" in source else EndpointKind.FILE), source


def _check_folder(source: str, kind: EndpointKind) -> None:
    try:
        is_folder = stat.S_ISDIR(os.stat(long_path(Path(source))).st_mode)  # noqa: PTH116  # `is_dir` hides errors
    except (FileNotFoundError, NotADirectoryError):
        is_folder = False
    except OSError as error:
        raise storage_error(error, "read the published folder", Path(source)) from error
    if not is_folder:
        raise NotFoundError(
            f"{redact_named(source)} is not a folder",
            remedy=_WHAT_TO_NAME[kind],
        )


def _name(host: str, number: int) -> str:
    return f"{host} #{number + 1}" if number else host


def _told_apart_by(kind: EndpointKind, url: str) -> str:
    """What an endpoint is called: its host, its folder, or at least its kind."""
    if is_folder_place(kind, url):
        return _folder_name(url)
    return (_host(url) if "://" in url else "") or kind.value


def _folder_name(folder: str) -> str:
    """The last name of a folder's path; of ``.``, of the folder that it is."""
    path = Path(os.path.abspath(folder))  # noqa: PTH100  # `resolve` asks the disk
    return printable(path.name or str(path))


def _host(url: str) -> str:
    """The host of a URL; empty if it has none, which is refused when the URL is opened."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
