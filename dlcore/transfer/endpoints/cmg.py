"""Content-enabled cloud management gateway (CMG) and cloud distribution point.

Guarantees: the registration token goes to the token service only, and the access token to the
content service only. Storage, which serves the ranges, gets neither: there the signed location is
the credential. Locations are followed only where `content_origins` allows. Token and locations are
renewed ahead of time, and once after a rejection, by one request for all ranges. What was read
before stays read.

The protocol is dlcore's own, modeled on the documented flow: see ``docs/protocols.md``.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, TypeVar
from urllib.parse import quote

import msgspec

from dlcore.errors import Fault, TransferError
from dlcore.model import EndpointKind, Manifest
from dlcore.redaction import redact
from dlcore.transfer.endpoints.content_origins import ContentOrigins
from dlcore.transfer.endpoints.credentials import Secret
from dlcore.transfer.endpoints.lease import Lease
from dlcore.transfer.endpoints.placement import PackagePlacement, objects_named
from dlcore.transfer.http.addresses import Reach
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.echoes import repeats
from dlcore.transfer.http.faults import RejectedError
from dlcore.transfer.http.readers import read_document, read_range
from dlcore.transfer.interface import Observer, ignore
from dlcore.transfer.sink import SinkWriter

_log = logging.getLogger(__name__)

TOKEN_PATH = "/ccm_system_TokenAuth/token"  # noqa: S105  a path, not a secret
SERVICE_PATH = "/downloadrestservice.svc"
MAX_TOKEN_REPLY_BYTES = 64 << 10
MAX_LOCATIONS_REPLY_BYTES = 64 << 20  # 200,000 objects with signed URLs of 300 characters
_TOKEN_REPLY, _LOCATIONS_REPLY = "the reply with the token", "the reply with the locations"
MAX_LIFE_S = 30 * 86_400.0  # a longer life is a mistake of the service

LifeSeconds = Annotated[float, msgspec.Meta(gt=0, le=MAX_LIFE_S)]
T = TypeVar("T")


class TokenReply(msgspec.Struct, frozen=True):
    """The token service's reply."""

    access_token: Annotated[str, msgspec.Meta(pattern=r"^[\x21-\x7e]+$")]
    expires_in_s: LifeSeconds


class Location(msgspec.Struct, frozen=True):
    """Where one object is."""

    url: str
    length_bytes: int


class LocationsReply(msgspec.Struct, frozen=True):
    """The content service's reply to ``getcontentxmlsecure``."""

    package_id: str
    expires_in_s: LifeSeconds
    objects: dict[str, Location]


@dataclass(frozen=True, slots=True)
class _CheckedLocation:
    """A signed URL that may be used, and what it may be connected to; its repr has no URL."""

    url: str = field(repr=False)
    reach: Reach


Locations = dict[str, _CheckedLocation]
"""The location of each object, by the object's name."""


class CmgEndpoint:
    """A CMG or cloud DP.

    Args:
        name: Name of the endpoint.
        kind: ``CMG`` or ``CLOUD_DP``; both use the same protocol.
        base_url: Scheme, host and port of the service.
        registration_token: Reads that token.
        client: Sends the requests to the service, and to storage that the settings name.
        public_client: Sends those to other storage; connects to public addresses only.
        content_hosts: As `ContentOrigins` takes them.
        observer: Told of each renewal.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        name: str,
        kind: EndpointKind,
        base_url: str,
        registration_token: Secret,
        client: HttpClient,
        *,
        public_client: HttpClient,
        content_hosts: Sequence[str] = (),
        observer: Observer = ignore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.kind = kind
        self._base_url = base_url
        self._registration_token = registration_token
        self._sent_registration = ""
        self._client = client
        self._clients = {Reach.ANY: client, Reach.PUBLIC: public_client}
        self._origins = ContentOrigins(base_url, content_hosts)
        self._observer = observer
        self._clock = clock
        self._access_token = Lease(
            name,
            "token",
            self._fetch_token,
            observer=observer,
            policy=client.policy,
            clock=clock,
        )
        self._locations: list[Lease[Locations]] = []

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        """Read a published document; see `dlcore.transfer.interface.Endpoint.read_document`."""
        return await self._ask_service(f"document?key={quote(key, safe='')}", limit_bytes)

    async def locate(self, manifest: Manifest) -> PackagePlacement:
        """Ask the service where the package's objects are; the reply is renewed as needed."""
        lease: Lease[Locations] = Lease(
            self.name,
            "locations",
            lambda: self._fetch_locations(manifest),
            observer=self._observer,
            policy=self._client.policy,
            clock=self._clock,
        )
        self._locations.append(lease)
        held = objects_named(manifest, (await lease.get()).value, self.name)

        async def read(index: int, span: tuple[int, int], writer: SinkWriter) -> None:
            wanted = manifest.objects[index]

            async def attempt(urls: Locations) -> None:
                if wanted.name not in urls:
                    raise TransferError(
                        f"no longer holds object {wanted.name}",
                        fault=Fault.NOT_FOUND,
                        endpoint=self.name,
                    )
                location = urls[wanted.name]
                client = self._clients[location.reach]
                await read_range(client, location.url, span, wanted.length_bytes, writer)

            await lease.use(attempt, is_curable=lambda _: True)

        return PackagePlacement(held, read)

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        for lease in self._locations:
            await lease.aclose()
        await self._access_token.aclose()
        for client in self._clients.values():
            await client.aclose()

    async def _ask_service(self, path_and_query: str, limit_bytes: int) -> bytes:
        """One reply of the content service, with the access token, which it does not repeat."""

        async def attempt(token: str) -> bytes:
            url = f"{self._base_url}{SERVICE_PATH}/{path_and_query}"
            headers = {"Authorization": f"Bearer {token}"}
            body = await read_document(self._client, url, limit_bytes, headers=headers)
            if repeats(body, (token, self._sent_registration)):
                raise self._unusable("the reply", "it repeats a credential")
            return body

        return await self._access_token.use(attempt, is_curable=_is_unknown_token)

    async def _fetch_token(self) -> tuple[str, float]:
        self._sent_registration = await asyncio.to_thread(self._registration_token)
        body = await read_document(
            self._client,
            f"{self._base_url}{TOKEN_PATH}",
            MAX_TOKEN_REPLY_BYTES,
            method="POST",
            headers={"Authorization": f"Bearer {self._sent_registration}"},
        )
        reply = self._decode(body, TokenReply, _TOKEN_REPLY)
        return reply.access_token, reply.expires_in_s

    async def _fetch_locations(self, manifest: Manifest) -> tuple[Locations, float]:
        digest = hashlib.sha256(msgspec.json.encode(manifest)).hexdigest()
        query = f"getcontentxmlsecure?pid={manifest.package_id}&cid={digest}"
        body = await self._ask_service(query, MAX_LOCATIONS_REPLY_BYTES)
        reply = self._decode(body, LocationsReply, _LOCATIONS_REPLY)
        if reply.package_id != manifest.package_id:
            raise self._unusable(_LOCATIONS_REPLY, "it is about another package")
        lengths = {wanted.name: wanted.length_bytes for wanted in manifest.objects}
        urls = {
            name: self._checked(location.url)
            for name, location in reply.objects.items()
            if lengths.get(name) == location.length_bytes
        }
        return urls, reply.expires_in_s

    def _checked(self, url: str) -> _CheckedLocation:
        try:
            return _CheckedLocation(url, self._origins.reach(url))
        except ValueError as error:
            why = str(error)
        raise self._unusable(_LOCATIONS_REPLY, why)

    def _decode(self, body: bytes, form: type[T], what: str) -> T:
        try:
            return msgspec.json.decode(body, type=form)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass  # the error's text may quote the reply, which is a secret
        raise self._unusable(what, "it does not have the documented form")

    def _unusable(self, what: str, why: str) -> TransferError:
        error = TransferError(
            f"{what} from {redact(self._base_url)} cannot be used: {why}",
            fault=Fault.REFUSED,
            endpoint=self.name,
            remedy="Check that the URL is that of a dlcore content service.",
        )
        _log.warning("%s", error)
        return error


def _is_unknown_token(rejection: RejectedError) -> bool:
    """Whether a new token may help. After a 403 it does not: this client has no permission."""
    return rejection.status == 401
