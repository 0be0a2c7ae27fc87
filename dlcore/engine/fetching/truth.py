"""What vouches for the bytes of a fetch, and so how early each of them is known to be right."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from dlcore.engine.documents.content_library import StatedHash
from dlcore.engine.events import PackageTruth


class Known(enum.StrEnum):
    """When it is known what each byte has to be."""

    BEFORE = "before-the-first-byte"
    AT_THE_END = "at-the-end"


class Truth(enum.StrEnum):
    """By what content was verified."""

    MANIFEST = "manifest"
    """A manifest that a catalog or the user names: each block is verified when it arrives."""

    CONTENT_LIBRARY = "content-library"
    """The INI files of a content library: each file is verified by its SHA-256 when its last byte
    has arrived."""

    CONTENT_HASH = "content-hash"
    """The package content hash that the user names: nothing is known to be right before all files
    have arrived, and then all are."""

    DIGEST = "digest"
    """A digest of a single file: it is verified when its last byte has arrived."""

    @property
    def known(self) -> Known:
        """When it is known what each byte has to be."""
        return Known.AT_THE_END if self is Truth.CONTENT_HASH else Known.BEFORE


class Origin(NamedTuple):
    """What vouches for a fetch.

    Attributes:
        truth: By what its content is verified.
        stated_hash: How the content hash that is told compares with what a content library lists,
            or with what has arrived.
        received: What was received before the delivery began, in bytes by endpoint; None if the
            delivery receives all of it.
        arrived: Where each file is that was received then, by its path.
        called: The id by which the user asked for it; empty if the manifest has its id.
    """

    truth: Truth = Truth.MANIFEST
    stated_hash: StatedHash = StatedHash.NOT_COMPARED
    received: Mapping[str, int] | None = None
    arrived: Mapping[str, Path] = MappingProxyType({})
    called: str = ""

    def events(self, package: str, content_hash: str = "") -> tuple[PackageTruth, ...]:
        """What is told of a package's truth; nothing if a published document vouches for it.

        Args:
            package: What the package is called.
            content_hash: The package content hash that the user stated; empty for none.
        """
        if self.truth not in (Truth.CONTENT_LIBRARY, Truth.CONTENT_HASH):
            return ()
        known = self.truth.known.value
        return (PackageTruth(package, self.truth.value, known, content_hash.upper()),)
