"""Content-enabled cloud management gateway and cloud distribution point.

Guarantees: the registration token goes to the token service only, the access token to the service
only, never to the storage that serves ranges: there the signed location is the credential.
Token and locations are renewed ahead of time and once on a rejection, by one request for
everybody; what was read before stays read.

The protocol is dlcore's own, modelled on the documented flow: see ``docs/protocols.md``.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from typing import Annotated, TypeVar
from urllib.parse import quote

import msgspec

from dlcore.errors import Fault, TransferError
from dlcore.model import EndpointKind, Manifest
from dlcore.transfer.endpoints.credentials import Secret
from dlcore.transfer.endpoints.lease import Lease
from dlcore.transfer.endpoints.placement import Located
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.document_reader import read_document
from dlcore.transfer.http.faults import RejectedError
from dlcore.transfer.http.readers import read_range
from dlcore.transfer.http.urls import exact_url, is_protected
from dlcore.transfer.interface import Observer, ignore
from dlcore.transfer.sink import Intake

TOKEN_PATH = "/ccm_system_TokenAuth/token"  # noqa: S105  a path, not a secret
SERVICE_PATH = "/downloadrestservice.svc"
TOKEN_REPLY_BYTES = 64 << 10
LOCATIONS_REPLY_BYTES = 64 << 20
LONGEST_LIFE_S = 30 * 86_400.0

Life = Annotated[float, msgspec.Meta(gt=0, le=LONGEST_LIFE_S)]
Locations = dict[str, str]  # URL by object name
T = TypeVar("T")


class TokenReply(msgspec.Struct, frozen=True):
    """The token service's answer."""

    access_token: Annotated[str, msgspec.Meta(pattern=r"^[\x21-\x7e]+$")]
    expires_in_s: Life


class Location(msgspec.Struct, frozen=True):
    """Where one object lies."""

    url: str
    length_bytes: int


class LocationsReply(msgspec.Struct, frozen=True):
    """The service's answer to ``getcontentxmlsecure``."""

    package_id: str
    expires_in_s: Life
    objects: dict[str, Location]


class CmgEndpoint:
    """A CMG or cloud DP.

    Args:
        name: Name of the endpoint.
        kind: ``CMG`` or ``CLOUD_DP``; they speak alike.
        base_url: Scheme, host and port of the service.
        registration: Reads the registration token.
        client: Connections, to the service and to its storage.
        observer: Told of each renewal.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        name: str,
        kind: EndpointKind,
        base_url: str,
        registration: Secret,
        client: HttpClient,
        *,
        observer: Observer = ignore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.kind = kind
        self._base_url = base_url
        self._registration = registration
        self._client = client
        self._observer = observer
        self._clock = clock
        self._token = Lease(name, "token", self._fetch_token, observer=observer, clock=clock)
        self._leases: list[Lease[Locations]] = []

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        """See `dlcore.transfer.interface.Endpoint.read_document`."""
        return await self._ask(f"document?key={quote(key, safe='')}", limit_bytes)

    async def locate(self, manifest: Manifest) -> Located:
        """Ask the service where the package's objects are; the answer is renewed as needed."""
        lease: Lease[Locations] = Lease(
            self.name,
            "locations",
            lambda: self._fetch_locations(manifest),
            observer=self._observer,
            clock=self._clock,
        )
        self._leases.append(lease)
        urls = (await lease.get()).value
        held = frozenset(i for i, wanted in enumerate(manifest.objects) if wanted.name in urls)
        if manifest.objects and not held:
            raise self._missing(f"no object of package {manifest.package_id}")

        async def read(index: int, span: tuple[int, int], intake: Intake) -> None:
            wanted = manifest.objects[index]

            async def attempt(urls: Locations) -> None:
                if wanted.name not in urls:
                    raise self._missing(f"no longer object {wanted.name}")
                url = urls[wanted.name]
                await read_range(self._client, url, span, wanted.length_bytes, intake)

            await lease.use(attempt, renews=lambda _: True)

        return Located(held, read)

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        for lease in self._leases:
            await lease.aclose()
        await self._token.aclose()
        await self._client.aclose()

    async def _ask(self, question: str, limit_bytes: int) -> bytes:
        """One answer of the service, with the access token."""
        return await self._token.use(
            lambda token: read_document(
                self._client,
                f"{self._base_url}{SERVICE_PATH}/{question}",
                limit_bytes,
                headers={"Authorization": f"Bearer {token}"},
            ),
            renews=_is_unknown_token,
        )

    async def _fetch_token(self) -> tuple[str, float]:
        registration = await asyncio.to_thread(self._registration)
        body = await read_document(
            self._client,
            f"{self._base_url}{TOKEN_PATH}",
            TOKEN_REPLY_BYTES,
            method="POST",
            headers={"Authorization": f"Bearer {registration}"},
        )
        reply = self._decode(body, TokenReply, "token")
        return reply.access_token, reply.expires_in_s

    async def _fetch_locations(self, manifest: Manifest) -> tuple[Locations, float]:
        digest = hashlib.sha256(msgspec.json.encode(manifest)).hexdigest()
        question = f"getcontentxmlsecure?pid={manifest.package_id}&cid={digest}"
        body = await self._ask(question, LOCATIONS_REPLY_BYTES)
        reply = self._decode(body, LocationsReply, "locations")
        if reply.package_id != manifest.package_id:
            raise self._unusable("locations", "they are of another package")
        lengths = {wanted.name: wanted.length_bytes for wanted in manifest.objects}
        urls = {
            name: self._checked(location.url)
            for name, location in reply.objects.items()
            if lengths.get(name) == location.length_bytes
        }
        return urls, reply.expires_in_s

    def _checked(self, url: str) -> str:
        try:
            safe = is_protected(exact_url(url))
        except ValueError:
            safe = False
        if not safe:
            raise self._unusable("locations", "one is not an exact https URL")
        return url

    def _decode(self, body: bytes, form: type[T], what: str) -> T:
        try:
            return msgspec.json.decode(body, type=form)
        except (msgspec.MsgspecError, RecursionError):
            pass  # the error's text may quote the answer, which is a secret
        raise self._unusable(what, "not the documented form")

    def _unusable(self, what: str, why: str) -> TransferError:
        return TransferError(
            f"the answer with the {what} cannot be used: {why}",
            fault=Fault.REFUSED,
            endpoint=self.name,
            remedy="Check that the URL is that of a dlcore content service.",
        )

    def _missing(self, what: str) -> TransferError:
        return TransferError(f"holds {what}", fault=Fault.NOT_FOUND, endpoint=self.name)


def _is_unknown_token(rejection: RejectedError) -> bool:
    """A 403 means that this client may not have it, whatever its token."""
    return rejection.status == 401
