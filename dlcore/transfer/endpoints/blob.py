"""Azure Blob Storage: the published layout below a container URL, read with a SAS.

Guarantees: the shared access signature (SAS) is used exactly as its provider gives it. When storage
rejects it, it is read again, once for all ranges. A rejection that a new signature cannot cure is
final at once.

Source: Microsoft Learn, "Get Blob" and "Blob service error codes". Azurite answers
``AuthorizationFailure`` where Azure answers ``AuthenticationFailed``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from dlcore.errors import Fault, TransferError
from dlcore.model import EndpointKind, Manifest, object_key
from dlcore.redaction import redact
from dlcore.transfer.endpoints.credentials import Secret
from dlcore.transfer.endpoints.lease import NEVER_S, Lease
from dlcore.transfer.endpoints.placement import PackagePlacement, all_objects
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.echoes import repeats
from dlcore.transfer.http.faults import RejectedError
from dlcore.transfer.http.readers import read_document, read_range
from dlcore.transfer.http.urls import join_key
from dlcore.transfer.interface import Observer, ignore
from dlcore.transfer.sink import SinkWriter

_HEADERS = {"x-ms-version": "2021-12-02"}
_CURABLE_CODES = frozenset({"AuthenticationFailed", "AuthorizationFailure"})

T = TypeVar("T")


class BlobEndpoint:
    """The published layout in a container.

    Args:
        name: Name of the endpoint.
        container_url: URL of the container, perhaps with a prefix; without query and trailing
            slash.
        sas: Reads the shared access signature; None for a public container.
        client: Sends the requests.
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
        self._signature = Lease(
            name, "signature", self._read_signature, observer=observer, policy=client.policy
        )

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        """Read a published document; see `dlcore.transfer.interface.Endpoint.read_document`."""

        async def attempt(url: str) -> bytes:
            body = await read_document(self._client, url, limit_bytes, headers=_HEADERS)
            if repeats(body, _signatures(url)):
                raise TransferError(
                    f"{redact(url)} repeats the signature that it was asked with",
                    fault=Fault.REFUSED,
                    endpoint=self.name,
                    remedy="Check that the URL is that of a container.",
                )
            return body

        return await self._signed(key, attempt)

    async def locate(self, manifest: Manifest) -> PackagePlacement:
        """All objects, without asking; a missing one is ``NOT_FOUND`` when it is read."""

        async def read(index: int, span: tuple[int, int], writer: SinkWriter) -> None:
            wanted = manifest.objects[index]
            await self._signed(
                object_key(wanted.name),
                lambda url: read_range(
                    self._client, url, span, wanted.length_bytes, writer, headers=_HEADERS
                ),
            )

        return PackagePlacement(all_objects(manifest), read)

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self._signature.aclose()
        await self._client.aclose()

    async def _signed(self, key: str, attempt: Callable[[str], Awaitable[T]]) -> T:
        """Run ``attempt`` with the signed URL of a key; again if a new signature may help."""
        url = join_key(self._container_url, key)
        return await self._signature.use(
            lambda sas: attempt(f"{url}?{sas}" if sas else url), is_curable=_is_curable
        )

    async def _read_signature(self) -> tuple[str, float]:
        if self._sas is None:
            return "", NEVER_S
        return (await asyncio.to_thread(self._sas)).removeprefix("?"), NEVER_S


def _signatures(url: str) -> list[str]:
    """The secret part of a signed URL, as it is spelled and as it is meant."""
    items = urlsplit(url).query.split("&")
    signatures = [item.removeprefix("sig=") for item in items if item.startswith("sig=")]
    return [*signatures, *map(unquote, signatures)]


def _is_curable(rejection: RejectedError) -> bool:
    """Whether a new signature may be accepted: storage found this one wrong or expired."""
    return rejection.detail in _CURABLE_CODES
