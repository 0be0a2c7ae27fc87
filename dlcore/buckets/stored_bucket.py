"""A bucket that is only read: signs URLs of its objects, and reads them by the store's library.

Guarantees: errors of the library become errors of dlcore; `NotFoundError` if nothing is stored
under a key.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from dlcore.buckets.faults import store_faults
from dlcore.buckets.opening import open_bucket, shared_signature, signing_bucket, skips_signatures
from dlcore.errors import DlcoreError, Fault, TransferError

if TYPE_CHECKING:
    from obstore import SignCapableStore
    from obstore.store import ObjectStore

_EPOCH = datetime.fromtimestamp(0, UTC)
_MIN_PIECE_BYTES = 256 << 10  # so that a rate cap and the figures see bytes as they arrive
_TEMPORARY = frozenset({Fault.CONNECT, Fault.BUSY})


class CannotSignError(Exception):
    """No URL can be signed: there are no credentials, or they are of another sort.

    Args:
        message: Why.
        is_temporary: Whether it may be possible later: the service that gives or uses the
            credentials does not answer now.
    """

    def __init__(self, message: str, *, is_temporary: bool = False) -> None:
        super().__init__(message)
        self.is_temporary = is_temporary


class ObjectBytes(NamedTuple):
    """A part of an object.

    Attributes:
        total_bytes: Length of the whole object.
        pieces: The part's bytes, in order.
    """

    total_bytes: int
    pieces: AsyncIterator[memoryview]


class ObjectFacts(NamedTuple):
    """What a store says of an object.

    Attributes:
        length_bytes: Its length.
        modified_ns: When it was stored, in nanoseconds since 1970; None if that is not known.
    """

    length_bytes: int
    modified_ns: int | None = None


class Bucket(Protocol):
    """A bucket or container, from some prefix on."""

    async def sign(self, key: str, life_s: float) -> str:
        """A URL with which anyone may read an object for a time.

        Args:
            key: The object, below the prefix.
            life_s: Seconds from now.

        Raises:
            CannotSignError: The credentials cannot do that, or not now.
        """
        ...

    def read(self, key: str, start: int, end: int) -> AbstractAsyncContextManager[ObjectBytes]:
        """Read bytes ``[start, end)`` of an object.

        Raises:
            NotFoundError: There is none.
            TransferError: The store failed, or refuses.
        """
        ...

    async def facts(self, key: str) -> ObjectFacts:
        """What the store says of an object.

        Raises:
            NotFoundError: There is none.
            TransferError: The store failed, or refuses.
        """
        ...


class StoredBucket:
    """A bucket behind obstore. Implements `Bucket`.

    Args:
        url: Scheme, bucket or container, and prefix; without credentials.
        name: What errors call it; by default its URL.

    Raises:
        ConfigError: The environment does not say how to reach the store; the user's fault.
    """

    def __init__(self, url: str, name: str = "") -> None:
        self._url = url
        self._name = name or url
        self._store = open_bucket(url, only_reads=True)

    async def sign(self, key: str, life_s: float) -> str:
        """A URL that the environment's credentials sign; see `Bucket.sign`.

        A signature that the environment has itself, as of Azure, is used as it is, however long it
        lives. The library would take it along to wherever the store redirects to.
        """
        scheme = self._url.partition("://")[0]
        if skips_signatures(scheme, os.environ):
            raise CannotSignError("the environment says to sign nothing")
        try:
            return await self._sign(self._store, key, life_s)
        except DlcoreError as error:
            shared = shared_signature(scheme, os.environ)
            if not shared:
                raise _cannot_sign_error(error) from None
        try:
            url = await self._sign(signing_bucket(self._url), key, life_s)
        except DlcoreError as error:
            raise _cannot_sign_error(error) from None
        return f"{url.partition('?')[0]}?{shared}"

    async def _sign(self, store: ObjectStore, key: str, life_s: float) -> str:
        import obstore

        capable = cast("SignCapableStore", store)
        with store_faults(self._name):
            return await obstore.sign_async(capable, "GET", key, timedelta(seconds=life_s))

    @asynccontextmanager
    async def read(self, key: str, start: int, end: int) -> AsyncIterator[ObjectBytes]:
        """Ask for a range by the library; see `Bucket.read`."""
        import obstore

        with store_faults(self._name):
            found = await obstore.get_async(self._store, key, options={"range": (start, end)})
            yield ObjectBytes(found.meta["size"], _views(found.stream(_MIN_PIECE_BYTES)))

    async def facts(self, key: str) -> ObjectFacts:
        """Ask by the library; see `Bucket.facts`."""
        import obstore

        with store_faults(self._name):
            found = await obstore.head_async(self._store, key)
        modified_us = (found["last_modified"] - _EPOCH) // timedelta(microseconds=1)
        return ObjectFacts(found["size"], modified_us * 1000)


def _cannot_sign_error(error: DlcoreError) -> CannotSignError:
    is_temporary = isinstance(error, TransferError) and error.fault in _TEMPORARY
    return CannotSignError(error.message, is_temporary=is_temporary)


async def _views(stream: object) -> AsyncIterator[memoryview]:
    async for piece in cast("AsyncIterator[bytes]", stream):
        yield memoryview(piece)
