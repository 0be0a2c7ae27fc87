"""Objects in a bucket of Azure Blob Storage, Amazon S3 or Google Cloud Storage.

The environment's credentials sign a URL for each object, for a short time, and the object is read
there like any other: in ranges, by the same client. Where they cannot sign, as with a public bucket
or a user's login, the objects are read through the store's own library.

Guarantees: those of `dlcore.transfer.interface`. A signature is renewed before it expires, and once
after it was rejected. Nothing is read without TLS, except from this machine.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar
from urllib.parse import parse_qsl, urlsplit

from dlcore.buckets import Bucket, CannotSignError
from dlcore.errors import ConfigError, Fault, TransferError
from dlcore.model import EndpointKind, Manifest, Object, object_key
from dlcore.redaction import redact
from dlcore.transfer.endpoints.bucket_reader import BucketReader
from dlcore.transfer.endpoints.lease import Lease
from dlcore.transfer.endpoints.placement import PackagePlacement, all_objects, objects_named
from dlcore.transfer.endpoints.probe import Probed, probe_part
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.echoes import repeats
from dlcore.transfer.http.faults import RejectedError
from dlcore.transfer.http.readers import read_document, read_range
from dlcore.transfer.http.urls import exact_url, is_protected
from dlcore.transfer.http.version import Version
from dlcore.transfer.interface import Observer, Renewed, ignore
from dlcore.transfer.sink import SinkWriter

_log = logging.getLogger(__name__)

SIGNATURE_S = 300.0
"""Life of a signature. The library renews credentials that expire themselves when five minutes are
left, so a URL that they sign for longer could end before its time.

Source: object_store's ``TokenCache``, whose ``min_ttl`` is 300 s.
"""

DECIDES_AGAIN_S: Final = 60.0
"""For so long the library reads after credentials could not be asked for. A question may take as
long as a stall, so it is not put before each read."""

_CURABLE_CODES = frozenset({"", "AuthenticationFailed", "AuthorizationFailure"})
_REFUSED_REMEDY = (
    "Check the URL, and the store's variables in the environment, such as AWS_REGION or"
    " AZURE_STORAGE_ACCOUNT_NAME."
)

_AUTH_REMEDY = "They are in the environment. If the clock is wrong, their signatures are refused."

T = TypeVar("T")


class BucketEndpoint:
    """The published layout in a bucket; or objects under keys of their own.

    Args:
        name: Name of the endpoint.
        bucket: Signs URLs, and reads where it cannot.
        client: Sends the requests to signed URLs.
        keys: Key of each object, by the object's name; None for the published layout.
        observer: Told when a signature that was rejected is renewed.
        clock: Monotonic seconds, for the life of signatures.
    """

    kind = EndpointKind.BUCKET

    def __init__(
        self,
        name: str,
        bucket: Bucket,
        client: HttpClient,
        *,
        keys: Mapping[str, str] | None = None,
        observer: Observer = ignore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._clock = clock
        self._bucket = bucket
        self._client = client
        self._keys = keys
        self._observer = observer
        self._library = BucketReader(name, bucket, client.policy)
        self._signatures: dict[str, Lease[str]] = {}
        self._deciding = asyncio.Lock()
        self._can_sign: bool | None = None
        self._decides_again_at_s = 0.0  # if it could not sign for a while

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        """Read a published document; see `dlcore.transfer.interface.Endpoint.read_document`."""
        if self._keys is not None:
            raise TransferError(
                f"holds no document {key}: it has only objects",
                fault=Fault.NOT_FOUND,
                endpoint=self.name,
            )
        return await self.read_object(key, limit_bytes)

    async def read_object(self, key: str, limit_bytes: int) -> bytes:
        """Read all of a short object, whatever it is.

        Raises:
            TransferError: As `read_document`.
        """

        async def at(url: str) -> bytes:
            body = await read_document(self._client, url, limit_bytes)
            if repeats(body, _secrets(url)):
                raise TransferError(
                    f"{redact(url)} repeats the signature that it was asked with",
                    fault=Fault.REFUSED,
                    endpoint=self.name,
                    remedy=_REFUSED_REMEDY,
                )
            return body

        return await self._read(key, at, lambda: self._library.read_document(key, limit_bytes))

    async def probe(self, key: str) -> Probed:
        """Find out the length of an object, and when it was stored.

        Raises:
            TransferError: As `read_document`.
        """

        async def by_library() -> Probed:
            name = key.rpartition("/")[2]
            length_bytes, modified_ns = await self._library.facts(key)
            return Probed(length_bytes, True, name, modified_ns=modified_ns)

        return await self._read(key, lambda url: probe_part(url, self._client), by_library)

    async def locate(self, manifest: Manifest) -> PackagePlacement:
        """All objects, or those that have a key here; without asking."""
        if self._keys is None:
            held = all_objects(manifest)
        else:
            held = objects_named(manifest, self._keys, self.name)
        one_digest = (i for i in held if not manifest.objects[i].digests)
        versions = {i: Version(manifest.objects[i].sha256) for i in one_digest}

        async def read(index: int, span: tuple[int, int], writer: SinkWriter) -> None:
            wanted = manifest.objects[index]
            total_bytes, version = wanted.length_bytes, versions.get(index)
            key = self._key(wanted)
            await self._read(
                key,
                lambda url: read_range(
                    self._client, url, span, total_bytes, writer, version=version
                ),
                lambda: self._library.read_range(key, span, total_bytes, writer),
            )

        return PackagePlacement(held, read)

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        for lease in self._signatures.values():
            await lease.aclose()
        await self._client.aclose()

    def _key(self, wanted: Object) -> str:
        return object_key(wanted.name) if self._keys is None else self._keys[wanted.name]

    async def _read(
        self, key: str, at: Callable[[str], Awaitable[T]], by_library: Callable[[], Awaitable[T]]
    ) -> T:
        """Read at a signed URL, with a new one if that may help; else through the library."""
        if not await self._signs(key):
            return await by_library()
        try:
            return await self._signature(key).use(at, is_curable=_is_curable)
        except TransferError as error:
            if error.fault is Fault.AUTH:
                error.advise(_AUTH_REMEDY)
            if error.fault is Fault.REFUSED:  # most often another region, or no such account
                error.advise(_REFUSED_REMEDY)
            raise

    async def _signs(self, key: str) -> bool:
        """Whether the credentials sign URLs. Found out once, by signing one.

        If whoever gives the credentials does not answer, it is found out again after a while.
        """
        async with self._deciding:
            if self._can_sign is None and self._clock() >= self._decides_again_at_s:
                try:
                    await self._signed_url(key)
                    self._can_sign = True
                except CannotSignError as error:
                    _log.info("%s: no signed URLs, so its library reads: %s", self.name, error)
                    if error.is_temporary:
                        self._decides_again_at_s = self._clock() + DECIDES_AGAIN_S
                    else:
                        self._can_sign = False
            return bool(self._can_sign)

    def _signature(self, key: str) -> Lease[str]:
        if key not in self._signatures:
            self._signatures[key] = Lease(
                self.name,
                "signature",
                lambda: self._sign(key),
                observer=self._renewed,
                policy=self._client.policy,
                clock=self._clock,
            )
        return self._signatures[key]

    async def _sign(self, key: str) -> tuple[str, float]:
        try:
            url = await self._signed_url(key)
        except CannotSignError as error:
            raise TransferError(
                f"no new signature for {key}: {error}", fault=Fault.CONNECT, endpoint=self.name
            ) from None
        if not is_protected(exact_url(url)):
            raise ConfigError(
                f"endpoint {self.name}: a bucket is reached by https only",
                remedy="Change the store's endpoint in the environment to https.",
            )
        return url, SIGNATURE_S

    async def _signed_url(self, key: str) -> str:
        """Sign; some credentials have to be asked for over the network, or let it sign."""
        stall_s = self._client.policy.stall_s
        try:
            async with asyncio.timeout(stall_s):
                return await self._bucket.sign(key, SIGNATURE_S)
        except TimeoutError:
            raise CannotSignError(
                f"no credentials within {stall_s:g} s", is_temporary=True
            ) from None

    def _renewed(self, renewed: Renewed) -> None:
        """Tell of a rejection only: each object has a signature, and signing ahead is routine."""
        if renewed.reason == "rejected":
            self._observer(renewed)


def _secrets(url: str) -> list[str]:
    """The secret parts of a signed URL."""
    names = {"sig", "x-amz-signature", "x-amz-security-token", "x-goog-signature"}
    return [value for name, value in parse_qsl(urlsplit(url).query) if name.lower() in names]


def _is_curable(rejection: RejectedError) -> bool:
    """Whether a new signature may be accepted. Only Azure tells by a code that none will be."""
    return rejection.detail in _CURABLE_CODES
