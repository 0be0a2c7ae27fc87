"""The published folder as the services see it: documents, manifests and object files.

Guarantees: nothing outside the folder can be named through here. Reads on every call, so a
publication that happens while the emulator runs is seen; only manifests are remembered, because
they never change. Blocking: call it from a thread.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import NamedTuple

from dlcore.manifest import decode, decode_catalog
from dlcore.model import (
    CATALOG_KEY,
    CatalogEntry,
    Manifest,
    Object,
    manifest_key,
    object_key,
)

_DIGEST = re.compile(r"[0-9a-f]{64}")
_MANIFEST_KEY = re.compile(r"manifests/[0-9a-f]{64}\.json")
_REMEMBERED = 32


class Stored(NamedTuple):
    """The file of an object, as it lies on disk; ``modified_s`` counts from 1970."""

    path: Path
    length_bytes: int
    modified_s: float


class Published:
    """What ``dlcore publish`` wrote below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._decoded = functools.lru_cache(_REMEMBERED)(self._decode)

    def document(self, key: str) -> Path | None:
        """Where the document with a published key lies; None if there is no such document."""
        if key != CATALOG_KEY and not _MANIFEST_KEY.fullmatch(key):
            return None
        path = self._folder / key
        return path if path.is_file() else None

    def current(self, package_id: str) -> CatalogEntry | None:
        """The catalog's entry of a package.

        Raises:
            OSError: There is no catalog.
            ManifestError: The catalog is malformed: the publisher's fault.
        """
        document = (self._folder / CATALOG_KEY).read_bytes()
        return decode_catalog(document, source=CATALOG_KEY).packages.get(package_id)

    def manifest(self, digest: str) -> Manifest | None:
        """The manifest with a digest, which may be that of an older version.

        Raises:
            ManifestError: The manifest is malformed: the publisher's fault.
        """
        if not _DIGEST.fullmatch(digest) or not (self._folder / manifest_key(digest)).is_file():
            return None
        return self._decoded(digest)

    def modified_s(self, digest: str) -> float:
        """When a manifest was published, in seconds since 1970."""
        return (self._folder / manifest_key(digest)).stat().st_mtime

    def stored(self, name: str) -> Stored | None:
        """The file of an object; None if it is missing or this cannot be an object's name."""
        path = self._folder / object_key(name)
        if not _DIGEST.fullmatch(name) or not path.is_file():
            return None
        status = path.stat()
        return Stored(path, status.st_size, status.st_mtime)

    def lengths(self, objects: tuple[Object, ...]) -> dict[str, int]:
        """Bytes of the file of each object that is not missing, by name."""
        found = {o.name: self.stored(o.name) for o in objects}
        return {name: file.length_bytes for name, file in found.items() if file is not None}

    def _decode(self, digest: str) -> Manifest:
        document = (self._folder / manifest_key(digest)).read_bytes()
        return decode(document, source=manifest_key(digest))
