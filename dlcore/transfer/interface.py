"""What an endpoint is to the rest of dlcore: it locates objects and reads ranges of them.

Every implementation guarantees this, and the conformance suite in ``tests/transfer`` checks it:

* ``read_range`` gives the sink exactly the bytes ``[start, end)`` of the object, in order, or
  raises `TransferError`. A status, length, ``Content-Range`` or content coding that does not fit
  the request is an error and never data. Bytes that were delivered before an error have the right
  position and count, but their content is not verified here: that happens behind the sink.
* An endpoint does not retry. The error's ``fault`` says what happened; ``schedule`` decides.
* An endpoint renews its own tokens and signed locations: shortly before they expire, and once
  after a 401 or 403. All ranges that wait for a renewal share one request.
* Cancellation leaves no connection in an unknown state.

Everything runs on one event loop. Nothing here may be shared between threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from dlcore.model import EndpointKind, Manifest
from dlcore.transfer.sink import Sink as Sink

Renewable = Literal["token", "locations", "signature", "login"]
RenewalReason = Literal["expiring", "rejected"]


class Placement(Protocol):
    """The objects of one package at one endpoint."""

    @property
    def held(self) -> frozenset[int]:
        """Indices of the manifest's objects that can be read here."""
        ...

    @property
    def sends_ranges(self) -> bool:
        """Whether parts of these objects can be read, as far as that is known beforehand."""
        ...

    async def read_range(
        self, object_index: int, start: int, end: int, sink: Sink, *, from_beginning: bool = False
    ) -> None:
        """Read bytes ``[start, end)`` of an object into ``sink``.

        Args:
            object_index: Which of the manifest's objects; one of `held`.
            start: Offset of the first byte in the object.
            end: Offset after the last byte; greater than ``start``.
            sink: Takes the bytes. Those that arrived before an error stay there.
            from_beginning: Whether the endpoint may send the object from its beginning, if it
                cannot send a part of it. What comes before ``start`` is dropped. An endpoint of
                which that is not expected may ignore this.

        Raises:
            TransferError: The endpoint or the network failed; ``fault`` says how. ``NO_RANGES``: it
                sent the whole object, and was not asked to read it from its beginning.
            ConfigError: A credential is not where the settings say, or cannot be used.
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
        """Which kind of source it is."""
        ...

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        """Read a whole small document (a catalog or a manifest) by its published key.

        Raises:
            TransferError: As `Placement.read_range`; ``RANGE`` if longer than ``limit_bytes``.
            ConfigError: As `Placement.read_range`.
        """
        ...

    async def locate(self, manifest: Manifest) -> Placement:
        """Find the package's objects at this endpoint.

        Raises:
            TransferError: ``NOT_FOUND`` if the endpoint holds no object of the package; otherwise
                as `Placement.read_range`.
            ConfigError: As `Placement.read_range`.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        ...


class Renewed(msgspec.Struct, frozen=True, tag=True):
    """A token, a signature or a set of signed locations was renewed.

    Attributes:
        endpoint: Name of the endpoint.
        what: What was renewed.
        reason: ``expiring`` (renewed ahead of time) or ``rejected`` (after a 401 or 403).
        took_s: Seconds that it took. Only what has no valid value waits that long.
    """

    endpoint: str
    what: Renewable
    reason: RenewalReason
    took_s: float = 0.0


Observer = Callable[[Renewed], None]


def ignore(_: Renewed) -> None:
    """An observer that does nothing."""
