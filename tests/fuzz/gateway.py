"""The targets that parse a gateway's replies, through the endpoint that asks for them."""

from __future__ import annotations

import asyncio
from typing import cast

from multidict import CIMultiDict

from dlcore.errors import Fault, TransferError
from dlcore.model import EndpointKind, File, Manifest, Object
from dlcore.transfer import TransferPolicy
from dlcore.transfer.endpoints.cmg import TOKEN_PATH, CmgEndpoint
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.content_coding import PIECE_BYTES, Gunzip
from tests.fuzz.target import RefusedError, target

OBJECT = Object("ab" * 32, 5, sha256=b"\xab" * 32)
MANIFEST = Manifest(1, "ABC00012", 1, 4096, (OBJECT,), (File("a", 5, 0),))
TOKEN_REPLY = b'{"access_token": "abc", "expires_in_s": 3600}'


class _Response:
    """A response with status 200, no headers and a body that arrives at once."""

    status = 200
    is_coded = False
    policy = TransferPolicy()

    def __init__(self, body: bytes) -> None:
        self.headers: CIMultiDict[str] = CIMultiDict()
        self._body = body

    def __enter__(self) -> _Response:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def error(self, fault: Fault, message: str, *, remedy: str = "") -> TransferError:
        return TransferError(message, fault=fault, endpoint="gateway", remedy=remedy)

    async def read(self) -> bytes:
        body, self._body = self._body, b""
        return body


class _Gateway:
    """A client whose gateway always gives the same two replies."""

    policy = TransferPolicy()

    def __init__(self, token_reply: bytes, locations_reply: bytes) -> None:
        self._token_reply = token_reply
        self._locations_reply = locations_reply

    async def request(self, _method: str, url: str, **_: object) -> _Response:
        return _Response(self._token_reply if TOKEN_PATH in url else self._locations_reply)

    async def aclose(self) -> None:
        pass


async def _locate(token_reply: bytes, locations_reply: bytes) -> frozenset[int]:
    client = cast("HttpClient", _Gateway(token_reply, locations_reply))
    endpoint = CmgEndpoint(
        "gateway",
        EndpointKind.CMG,
        "https://gateway",
        lambda: "registration",
        client,
        public_client=client,
    )
    try:
        return frozenset((await endpoint.locate(MANIFEST)).held)
    finally:
        await endpoint.aclose()


@target(TransferError)
def gateway_token(data: bytes) -> None:
    reply = b'{"package_id": "ABC00012", "expires_in_s": 60, "objects": {"%b": %b}}'
    location = b'{"url": "https://storage/a?sig=b", "length_bytes": 5}'
    asyncio.run(_locate(data, reply % (OBJECT.name.encode(), location)))


@target(TransferError)
def gateway_locations(data: bytes) -> None:
    assert asyncio.run(_locate(TOKEN_REPLY, data)) == {0}


@target(ValueError, RefusedError)
def compressed_body(data: bytes) -> None:
    """A body that something on the way has compressed; half of it arrives at a time."""
    gunzip = Gunzip()
    for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
        gunzip.feed(piece)
        for _ in range(64):  # a bomb never ends
            decoded = gunzip.take()
            assert len(decoded) <= PIECE_BYTES
            if not decoded:
                break
    if not gunzip.is_complete:
        raise RefusedError
