"""Azure Blob Storage: the published layout below a container URL, read with a SAS.

Guarantees: the signature comes from its provider, is used as it stands, and is read again when
storage rejects it, once for all ranges; a rejection that another signature cannot cure is final
at once.

Source: Microsoft Learn, "Get Blob" and "Blob service error codes". Azurite answers
``AuthorizationFailure`` where Azure answers ``AuthenticationFailed``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from dlcore.model import EndpointKind, Manifest, object_key
from dlcore.transfer.endpoints.credentials import Secret
from dlcore.transfer.endpoints.lease import FOREVER_S, Lease
from dlcore.transfer.endpoints.placement import Located, everything
from dlcore.transfer.http.asking import published_url
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.document_reader import read_document
from dlcore.transfer.http.faults import RejectedError
from dlcore.transfer.http.readers import read_range
from dlcore.transfer.interface import Observer, ignore
from dlcore.transfer.sink import Intake

HEADERS = {"x-ms-version": "2021-12-02"}

_CURABLE = frozenset({"AuthenticationFailed", "AuthorizationFailure"})

R = TypeVar("R")


def is_curable(rejection: RejectedError) -> bool:
    """Whether a fresh signature might be accepted: storage found this one wrong or expired."""
    return rejection.detail in _CURABLE


class BlobEndpoint:
    """The published layout in a container.

    Args:
        name: Name of the endpoint.
        container_url: URL of the container, perhaps with a prefix; without query.
        sas: Reads the shared access signature; ``None`` for a public container.
        client: Connections.
        observer: Told of each renewal.
    """

    kind = EndpointKind.BLOB

    def __init__(
        self,
        name: str,
        container_url: str,
        sas: Secret | None,
        client: HttpClient,
        observer: Observer = ignore,
    ) -> None:
        self.name = name
        self._container_url = container_url
        self._sas = sas
        self._client = client
        self._signature = Lease(name, "signature", self._read_signature, observer=observer)

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        """See `dlcore.transfer.interface.Endpoint.read_document`."""
        return await self._signed(
            key, lambda url: read_document(self._client, url, limit_bytes, headers=HEADERS)
        )

    async def locate(self, manifest: Manifest) -> Located:
        """Every object; one that is missing is ``NOT_FOUND`` when it is read."""

        async def read(index: int, span: tuple[int, int], intake: Intake) -> None:
            wanted = manifest.objects[index]
            await self._signed(
                object_key(wanted.name),
                lambda url: read_range(
                    self._client, url, span, wanted.length_bytes, intake, headers=HEADERS
                ),
            )

        return Located(everything(len(manifest.objects)), read)

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self._signature.aclose()
        await self._client.aclose()

    async def _signed(self, key: str, attempt: Callable[[str], Awaitable[R]]) -> R:
        url = published_url(self._container_url, key)
        return await self._signature.use(
            lambda sas: attempt(f"{url}?{sas}" if sas else url), renews=is_curable
        )

    async def _read_signature(self) -> tuple[str, float]:
        if self._sas is None:
            return "", FOREVER_S
        return (await asyncio.to_thread(self._sas)).removeprefix("?"), FOREVER_S
