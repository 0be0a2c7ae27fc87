"""Counts what an emulator has served, for tests and reports."""

from __future__ import annotations

import collections
from collections.abc import Mapping

import msgspec


class Counts(msgspec.Struct, frozen=True):
    """The counts at one moment.

    Attributes:
        tokens_issued: Access tokens.
        locations_issued: Responses with signed locations, one for each package that is asked for.
        ranges_served: Response bodies of objects and files that were sent completely.
        bytes_served: Bytes of objects and files that were sent, including incomplete bodies.
        document_bytes: Bytes of catalogs and manifests that were sent.
        refused: Responses with status 400 or above, by status.
    """

    tokens_issued: int
    locations_issued: int
    ranges_served: int
    bytes_served: int
    document_bytes: int
    refused: Mapping[int, int]


class Counters:
    """The running counts. Only the emulator's event loop may use them."""

    def __init__(self) -> None:
        self._tokens_issued = 0
        self._locations_issued = 0
        self._ranges_served = 0
        self._bytes_served = 0
        self._document_bytes = 0
        self._refused: collections.Counter[int] = collections.Counter()

    def snapshot(self) -> Counts:
        """The counts at this moment."""
        return Counts(
            tokens_issued=self._tokens_issued,
            locations_issued=self._locations_issued,
            ranges_served=self._ranges_served,
            bytes_served=self._bytes_served,
            document_bytes=self._document_bytes,
            refused=dict(self._refused),
        )

    def token_issued(self) -> None:
        """Count an access token."""
        self._tokens_issued += 1

    def locations_issued(self) -> None:
        """Count a response with signed locations."""
        self._locations_issued += 1

    def range_served(self) -> None:
        """Count a body that was sent completely."""
        self._ranges_served += 1

    def content_sent(self, count: int) -> None:
        """Count bytes of an object or file."""
        self._bytes_served += count

    def document_sent(self, count: int) -> None:
        """Count bytes of a catalog or manifest."""
        self._document_bytes += count

    def refused(self, status: int) -> None:
        """Count a response with status 400 or above."""
        self._refused[status] += 1
