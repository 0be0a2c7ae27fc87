"""What an endpoint is to the rest of dlcore: it locates objects and reads ranges of them.

Guarantees, for every implementation (the conformance suite in ``tests/transfer`` holds them to it):

* ``read_range`` hands the sink exactly the bytes ``[start, end)`` of the object in order, or
  raises `TransferError`. A status, length, ``Content-Range`` or body coding that is not exactly
  what was asked for is an error, never data. What was handed over before the error is right in
  place and count, but nobody vouches for its content: blocks are verified behind the sink.
* Retrying is not done here. An error says what kind of fault it is; ``schedule`` decides.
* Renewing is: tokens and signed locations are renewed before they expire and once on 401/403,
  by one request for all ranges that wait for it.
* Cancellation leaves no connection in an unknown state.

Everything runs on one event loop; nothing here is safe to share between threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from dlcore.model import EndpointKind, Manifest


class Sink(Protocol):
    """Where the bytes of one range go, in order."""

    def buffer(self) -> memoryview:
        """The writable place of the next bytes; never empty before the range is full."""
        ...

    def advance(self, count: int) -> bool:
        """Take note that ``count`` bytes were placed in the last `buffer`.

        Returns:
            Whether the next `buffer` is free now; if not, await `ready` first.
        """
        ...

    async def ready(self) -> None:
        """Wait until the next `buffer` is free: this is the back-pressure of a slow disk."""
        ...


class Placement(Protocol):
    """The objects of one package as one endpoint holds them."""

    @property
    def held(self) -> frozenset[int]:
        """Indices of the manifest's objects that can be read here."""
        ...

    async def read_range(self, object_index: int, start: int, end: int, sink: Sink) -> None:
        """Read bytes ``[start, end)`` of an object into ``sink``.

        Raises:
            TransferError: The endpoint or the network failed; ``fault`` says how.
        """
        ...


class Endpoint(Protocol):
    """A source of objects."""

    @property
    def name(self) -> str:
        """Unique among the endpoints in use; appears in logs, errors and reports."""
        ...

    @property
    def kind(self) -> EndpointKind:
        """What sort of source it is."""
        ...

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        """Read a whole small document (a catalog or a manifest) by its published key.

        Raises:
            TransferError: As `Placement.read_range`; ``RANGE`` if longer than ``limit_bytes``.
        """
        ...

    async def locate(self, manifest: Manifest) -> Placement:
        """Find the package's objects here.

        Raises:
            TransferError: ``NOT_FOUND`` if the endpoint does not hold the package at all.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        ...


class Renewed(msgspec.Struct, frozen=True, tag=True):
    """A token or a set of signed locations was renewed.

    Attributes:
        endpoint: Name of the endpoint.
        what: ``token`` or ``locations``.
        reason: ``expiring`` (renewed ahead of time) or ``rejected`` (on 401 or 403).
    """

    endpoint: str
    what: str
    reason: str


Observer = Callable[[Renewed], None]


def ignore(_: Renewed) -> None:
    """The observer of those who do not care."""
