"""A web server with the published layout below a base URL, or objects at URLs of their own.

Guarantees: those of `dlcore.transfer.interface`. A server without byte ranges serves, too. Plain
http is allowed: blocks are verified against the manifest, and no credential is sent over it, apart
from Windows authentication where the settings say `logs_in_without_tls`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dlcore.errors import Fault, TransferError
from dlcore.model import EndpointKind, Manifest, object_key
from dlcore.transfer.endpoints.authorization import Authorization
from dlcore.transfer.endpoints.placement import (
    PackagePlacement,
    ReadSpan,
    all_objects,
    objects_named,
)
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.readers import read_document, read_range
from dlcore.transfer.http.urls import join_key
from dlcore.transfer.http.version import Version
from dlcore.transfer.sink import SinkWriter


class WebServerEndpoint:
    """The published layout below ``base_url``.

    Args:
        name: Name of the endpoint.
        base_url: Without a trailing slash.
        client: Sends the requests.
        authorization: What the server is shown.
    """

    kind = EndpointKind.HTTP

    def __init__(
        self, name: str, base_url: str, client: HttpClient, authorization: Authorization
    ) -> None:
        self.name = name
        self._base_url = base_url
        self._client = client
        self._authorization = authorization

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        """Read a published document; see `dlcore.transfer.interface.Endpoint.read_document`."""
        url = join_key(self._base_url, key)
        return await self._authorization.use(
            lambda headers: read_document(self._client, url, limit_bytes, headers=headers)
        )

    async def locate(self, manifest: Manifest) -> PackagePlacement:
        """All objects, without asking; a missing one is ``NOT_FOUND`` when it is read."""

        def url_of(name: str) -> str:
            return join_key(self._base_url, object_key(name))

        held = all_objects(manifest)
        return placement_at_urls(self._client, self._authorization, manifest, held, url_of)

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self._authorization.aclose()
        await self._client.aclose()


class UrlEndpoint:
    """Objects at explicit URLs, as one mirror of a Metalink or a bare URL gives them.

    Args:
        name: Name of the endpoint.
        urls: URL of each object, by the object's name.
        client: Sends the requests.
        authorization: What the server is shown.
        sends_ranges: Whether the server sends parts of them, as far as is known.
    """

    kind = EndpointKind.HTTP

    def __init__(
        self,
        name: str,
        urls: Mapping[str, str],
        client: HttpClient,
        authorization: Authorization,
        *,
        sends_ranges: bool = True,
    ) -> None:
        self.name = name
        self._urls = urls
        self._client = client
        self._authorization = authorization
        self._sends_ranges = sends_ranges

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        """Always ``NOT_FOUND``: documents are published only beside the published layout."""
        raise TransferError(
            f"holds no document {key}: it has only objects",
            fault=Fault.NOT_FOUND,
            endpoint=self.name,
        )

    async def locate(self, manifest: Manifest) -> PackagePlacement:
        """The objects that have a URL here."""
        held = objects_named(manifest, self._urls, self.name)
        return placement_at_urls(
            self._client,
            self._authorization,
            manifest,
            held,
            lambda name: self._urls[name],
            sends_ranges=self._sends_ranges,
        )

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self._authorization.aclose()
        await self._client.aclose()


def placement_at_urls(
    client: HttpClient,
    authorization: Authorization,
    manifest: Manifest,
    held: frozenset[int],
    url_of: Callable[[str], str],
    *,
    sends_ranges: bool = True,
) -> PackagePlacement:
    """Objects at URLs.

    Args:
        client: Sends the requests.
        authorization: What the server is shown.
        manifest: The package.
        held: Indices of those of its objects that are there.
        url_of: URL of an object, by its name.
        sends_ranges: Whether the server sends parts of them, as far as is known.
    """
    one_digest = (i for i in held if not manifest.objects[i].digests)
    versions = {i: Version(manifest.objects[i].sha256) for i in one_digest}

    def reader(*, from_beginning: bool) -> ReadSpan:
        async def read(index: int, span: tuple[int, int], writer: SinkWriter) -> None:
            wanted = manifest.objects[index]
            await authorization.use(
                lambda headers: read_range(
                    client,
                    url_of(wanted.name),
                    span,
                    wanted.length_bytes,
                    writer,
                    headers=headers,
                    from_beginning=from_beginning,
                    version=versions.get(index),
                )
            )

        return read

    return PackagePlacement(
        held,
        reader(from_beginning=False),
        reader(from_beginning=True),
        sends_ranges=sends_ranges,
    )
