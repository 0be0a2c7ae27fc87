"""A package as the store knows it: its manifest, and the bytes that the manifest was read from."""

from __future__ import annotations

from typing import NamedTuple

from dlcore.manifest import digest_of
from dlcore.model import Manifest
from dlcore.store.keys import package_key


class Package(NamedTuple):
    """A package.

    Attributes:
        manifest: What it consists of; its digests decide.
        document: The manifest's bytes.
    """

    manifest: Manifest
    document: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the document, hex; computed each time."""
        return digest_of(self.document)

    @property
    def key(self) -> str:
        """Name of its folder in a store.

        Raises:
            ManifestError: Its id cannot be the name of a folder.
        """
        return package_key(self.manifest.package_id, self.manifest.version, self.digest)
