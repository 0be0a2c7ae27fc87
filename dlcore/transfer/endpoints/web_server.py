"""A web server with the published layout below a base URL, or objects at URLs of their own.

Guarantees: nothing beyond `dlcore.transfer.interface`. Assumes a server that supports byte
ranges. Plain http is allowed: the digest is the truth, and no credential is sent.
"""

from __future__ import annotations

from collections.abc import Mapping

from dlcore.errors import Fault, TransferError
from dlcore.model import EndpointKind, Manifest
from dlcore.transfer.endpoints.placement import Located, everything
from dlcore.transfer.http.asking import object_url, published_url
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.document_reader import read_document
from dlcore.transfer.http.readers import read_range
from dlcore.transfer.sink import Intake


class HttpEndpoint:
    """The published layout below ``base_url``."""

    kind = EndpointKind.HTTP

    def __init__(self, name: str, base_url: str, client: HttpClient) -> None:
        self.name = name
        self._base_url = base_url
        self._client = client

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        """See `dlcore.transfer.interface.Endpoint.read_document`."""
        return await read_document(self._client, published_url(self._base_url, key), limit_bytes)

    async def locate(self, manifest: Manifest) -> Located:
        """Every object; one that is missing is ``NOT_FOUND`` when it is read."""

        async def read(index: int, span: tuple[int, int], intake: Intake) -> None:
            wanted = manifest.objects[index]
            url = object_url(self._base_url, wanted.name)
            await read_range(self._client, url, span, wanted.length_bytes, intake)

        return Located(everything(len(manifest.objects)), read)

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self._client.aclose()


class UrlEndpoint:
    """Objects at explicit URLs, as one mirror of a Metalink or a bare URL gives them.

    Args:
        name: Name of the endpoint.
        urls: URL of each object, by the object's name.
        client: Connections.
    """

    kind = EndpointKind.HTTP

    def __init__(self, name: str, urls: Mapping[str, str], client: HttpClient) -> None:
        self.name = name
        self._urls = urls
        self._client = client

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        """Never there: bare URLs come without documents."""
        raise TransferError(f"has no document {key}", fault=Fault.NOT_FOUND, endpoint=self.name)

    async def locate(self, manifest: Manifest) -> Located:
        """The objects that have a URL here."""
        names = [wanted.name for wanted in manifest.objects]
        held = frozenset(index for index, name in enumerate(names) if name in self._urls)

        async def read(index: int, span: tuple[int, int], intake: Intake) -> None:
            wanted = manifest.objects[index]
            url = self._urls[wanted.name]
            await read_range(self._client, url, span, wanted.length_bytes, intake)

        if names and not held:
            raise TransferError(
                f"has no object of package {manifest.package_id}",
                fault=Fault.NOT_FOUND,
                endpoint=self.name,
            )
        return Located(held, read)

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self._client.aclose()
