"""Finds documents, manifests and object files in a published folder.

Guarantees: no argument can name a file outside the folder. Every call reads the disk, so packages
that are published while the emulator runs are served. Only manifests are cached, because they
never change. The functions block: call them from a thread.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from dlcore.long_path import long_path
from dlcore.manifest import decode, decode_catalog
from dlcore.model import (
    CATALOG_KEY,
    CatalogEntry,
    Manifest,
    Object,
    manifest_key,
    object_key,
)
from dlcore.plain_files import read_plain

_DIGEST = re.compile(r"[0-9a-f]{64}")
_DOCUMENT_KEY = re.compile(
    r"catalog\.json|manifests/[0-9a-f]{64}\.json|targets/[0-9a-f]{64}\.catalog\.json"
    r"|metadata/(timestamp|[1-9][0-9]{0,18}\.(root|snapshot|targets))\.json"
)
_MAX_CACHED_MANIFESTS = 32


class StoredObject(NamedTuple):
    """The file of an object on disk; ``modified_s`` is in seconds since 1970."""

    path: Path
    length_bytes: int
    modified_s: float


class PublishedFolder:
    """A folder that ``dlcore publish`` wrote."""

    def __init__(self, folder: Path) -> None:
        self._folder = long_path(folder)
        self._decoded = functools.lru_cache(_MAX_CACHED_MANIFESTS)(self._decode)

    def document(self, key: str) -> Path | None:
        """The file of the document with a key; None if there is none."""
        if not _DOCUMENT_KEY.fullmatch(key):
            return None
        path = self._folder / key
        return path if path.is_file() else None

    def packages(self) -> Mapping[str, CatalogEntry]:
        """The catalog's entries, by package id.

        Raises:
            OSError: There is no catalog.
            ManifestError: The catalog is malformed: the publisher's fault.
        """
        document = read_plain(self._folder / CATALOG_KEY)
        return decode_catalog(document, source=CATALOG_KEY).packages

    def current(self, package_id: str) -> CatalogEntry | None:
        """The catalog's entry for a package; None if there is none. Raises as `packages`."""
        return self.packages().get(package_id)

    def manifest(self, digest: str) -> Manifest | None:
        """The manifest with a digest, also of an older version; None if there is none.

        Raises:
            ManifestError: The manifest is malformed: the publisher's fault.
        """
        if not _DIGEST.fullmatch(digest) or not (self._folder / manifest_key(digest)).is_file():
            return None
        return self._decoded(digest)

    def modified_s(self, digest: str) -> float:
        """The time at which a manifest was published, in seconds since 1970."""
        return (self._folder / manifest_key(digest)).stat().st_mtime

    def stored(self, name: str) -> StoredObject | None:
        """The file of an object; None if it is missing or the name is not an object's."""
        path = self._folder / object_key(name)
        if not _DIGEST.fullmatch(name) or not path.is_file():
            return None
        status = path.stat()
        return StoredObject(path, status.st_size, status.st_mtime)

    def lengths(self, objects: tuple[Object, ...]) -> dict[str, int]:
        """Length of each object's file in bytes, by name; objects without a file are left out."""
        found = {o.name: self.stored(o.name) for o in objects}
        return {name: file.length_bytes for name, file in found.items() if file is not None}

    def _decode(self, digest: str) -> Manifest:
        document = read_plain(self._folder / manifest_key(digest))
        return decode(document, source=manifest_key(digest))
