"""Endpoints as the command line names them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple
from urllib.parse import urlsplit

from dlcore.errors import ConfigError
from dlcore.model import EndpointKind, EndpointSettings, Manifest
from dlcore.transfer import ConnectionPool, Endpoint, open_endpoint, open_urls

TOKEN_ENV, SAS_ENV = "DLCORE_TOKEN", "DLCORE_SAS"  # names of variables


class Access(NamedTuple):
    """What opens endpoints; secrets only by where they lie."""

    token_file: str
    sas_file: str
    ca_file: str
    connections: int


def open_sources(sources: Sequence[str], access: Access, stack: AsyncExitStack) -> list[Endpoint]:
    """Open the endpoints that ``--from`` names, in that order.

    Args:
        sources: As the command line has them.
        access: What opens them.
        stack: Closes them.

    Raises:
        ConfigError: There is none, or one cannot be used.
    """
    if not all(sources):
        raise ConfigError("--from is empty", remedy="Name a folder or a URL.")
    if not sources:
        raise ConfigError(
            "no endpoint is named", remedy="Say where to fetch from: --from ENDPOINT."
        )
    endpoints, pool = [], ConnectionPool()
    for number, source in enumerate(sources):
        endpoint = open_endpoint(_settings(source, number, access), pool=pool)
        stack.push_async_callback(endpoint.aclose)
        endpoints.append(endpoint)
    return endpoints


def open_mirrors(
    urls: Sequence[Sequence[str]], manifest: Manifest, access: Access, stack: AsyncExitStack
) -> list[Endpoint]:
    """Open explicit URLs of a manifest's objects: the k-th URLs of all objects are one endpoint.

    Args:
        urls: For each object its URLs, best first.
        manifest: What the objects are.
        access: What opens them.
        stack: Closes the endpoints.

    Raises:
        ConfigError: There is none, or one cannot be used.
    """
    endpoints: list[Endpoint] = []
    pool = ConnectionPool()
    for rank in range(max(map(len, urls), default=0)):
        named = {
            item.name: own[rank]
            for item, own in zip(manifest.objects, urls, strict=True)
            if rank < len(own)
        }
        host = _host(next(iter(named.values()))) or "url"
        name = f"{host} #{rank + 1}" if rank else host
        endpoint = open_urls(name, named, pool=pool, ca_file=access.ca_file)
        stack.push_async_callback(endpoint.aclose)
        endpoints.append(endpoint)
    if manifest.objects and not endpoints:
        raise ConfigError("the manifest names no URL", remedy="Say where the file is: --from URL.")
    return endpoints


def _settings(source: str, number: int, access: Access) -> EndpointSettings:
    """Settings of one endpoint: ``kind+url``, a plain URL, or a folder."""
    kind, plus, url = source.partition("+")
    if not (plus and kind in {"cmg", "cloud-dp", "blob", "dp", "http", "file"}):
        kind, url = ("http", source) if "://" in source else ("file", source)
    host = _host(url) if "://" in url else ""
    name = f"{host or kind} #{number + 1}" if number else host or kind
    tokens = kind in {"cmg", "cloud-dp"}
    if tokens and not access.token_file and TOKEN_ENV not in os.environ:
        raise ConfigError(
            f"{source} asks for a registration token",
            remedy=f"Give --token-file FILE, or the token in the environment variable {TOKEN_ENV}.",
        )
    blob = kind == "blob"
    return EndpointSettings(
        name=name,
        kind=EndpointKind(kind),
        url=url,
        token_file=access.token_file if tokens else "",
        token_env=TOKEN_ENV if tokens and not access.token_file else "",
        sas_file=access.sas_file if blob else "",
        sas_env=SAS_ENV if blob and not access.sas_file and SAS_ENV in os.environ else "",
        ca_file=access.ca_file if kind != "file" else "",
        connections=access.connections,
    )


def _host(url: str) -> str:
    """The host of a URL; empty if it has none, which whoever opens it refuses."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
