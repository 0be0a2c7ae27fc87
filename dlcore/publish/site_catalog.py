"""The catalog of a destination, as publishing reads and changes it: signed or not."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

from dlcore.errors import ConfigError
from dlcore.manifest import decode_catalog
from dlcore.model import CATALOG_KEY, TIMESTAMP_KEY, CatalogEntry
from dlcore.publish.destination import Change, Destination

PatchLists: TypeAlias = Mapping[str, bytes]
"""Documents of patch lists, by the SHA-256 of the manifests that they lead to."""

NO_LISTS: Final[PatchLists] = MappingProxyType({})


class SiteCatalog(Protocol):
    """The catalog of a destination."""

    def read(self) -> bytes | None:
        """The document; None if there is none yet."""
        ...

    def signed_patch_lists(self) -> Mapping[str, str] | None:
        """The SHA-256 of each patch list that is signed, by its manifest's, hex.

        None if the catalog is not signed.
        """
        ...

    def check_root(self) -> None:
        """Refuse to publish under a root that has expired.

        Raises:
            TrustError: The catalog is signed, and clients that pin its root refuse the site until
                the root is rotated.
        """
        ...

    def change(self, change: Change, patch_lists: PatchLists = NO_LISTS) -> None:
        """Replace it atomically, as `Destination.change`.

        Args:
            change: Returns the new document for the current one; None to leave it.
            patch_lists: What was written, to be signed with the catalog where that is signed.
        """
        ...


class UnsignedCatalog:
    """The catalog of a destination without signatures.

    Args:
        target: The destination.
    """

    def __init__(self, target: Destination) -> None:
        self._target = target

    def read(self) -> bytes | None:
        """The document; None if there is none yet.

        Raises:
            ConfigError: The site is signed, so clients with a pinned root would never see an
                unsigned change.
        """
        self._refuse_signed()
        return self._target.read_whole(CATALOG_KEY)

    def signed_patch_lists(self) -> None:
        """Nothing is signed."""

    def check_root(self) -> None:
        """There is no root."""

    def change(self, change: Change, patch_lists: PatchLists = NO_LISTS) -> None:
        """Replace it atomically; see `SiteCatalog.change`.

        Raises:
            ConfigError: The site was signed since it was read. Nothing was changed that counts.
        """

        def guarded(current: bytes | None) -> bytes | None:
            self._refuse_signed()  # in a folder nobody can sign it between this and the change
            return change(current)

        self._target.change(CATALOG_KEY, guarded)
        if self._target.folder is None:  # an object store has no lock for both documents
            self._refuse_signed()

    def _refuse_signed(self) -> None:
        if self._target.read_whole(TIMESTAMP_KEY) is not None:
            raise ConfigError(
                f"{self._target.name} is signed, and no key is given",
                remedy="Name the keys with --sign-with. To repair or prune it, its root is enough:"
                " --root.",
            )


def packages_of(document: bytes | None, target: Destination) -> Mapping[str, CatalogEntry]:
    """What the catalog document of a destination states; nothing if there is none.

    Raises:
        ManifestError: It is malformed.
    """
    if document is None:
        return {}
    return decode_catalog(document, source=f"{target.name}/{CATALOG_KEY}").packages
