"""The catalog of a destination, as publishing reads and changes it: signed or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

from dlcore.errors import ConfigError
from dlcore.extras import require
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

    def change(self, change: Change, patch_lists: PatchLists = NO_LISTS) -> None:
        """Replace it atomically, as `Destination.change`.

        Args:
            change: As there.
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
        if self._target.read_whole(TIMESTAMP_KEY) is not None:
            raise ConfigError(
                f"{self._target.name} is signed, and no key is given",
                remedy="Name the keys with --sign-with. To repair or prune it, its root is enough:"
                " --root.",
            )
        return self._target.read_whole(CATALOG_KEY)

    def change(self, change: Change, patch_lists: PatchLists = NO_LISTS) -> None:
        """Replace it atomically; see `SiteCatalog.change`."""
        self._target.change(CATALOG_KEY, change)


def catalog_of(
    target: Destination,
    keys: Sequence[Path],
    root: Path | None,
    passphrase: bytes | None,
    *,
    keeps: bool = True,
) -> SiteCatalog:
    """The catalog of a destination.

    Args:
        target: The destination.
        keys: Private keys, or folders of them; none if the site is not signed.
        root: The root document; None for ``root.json`` beside the first key.
        passphrase: Decrypts the keys that are encrypted.
        keeps: As of `SignedSite`.

    Raises:
        ConfigError: A key cannot be used, or the extra ``trust`` is not installed.
        NotFoundError: A key or the root does not exist.
    """
    if not keys:
        return UnsignedCatalog(target)
    require("trust")
    from dlcore.publish.signed_site import SignedSite
    from dlcore.trust.signing_keys import load_signing_keys

    return SignedSite(target, load_signing_keys(keys, passphrase, root=root), keeps=keeps)


def read_trusted(
    target: Destination,
    keys: Sequence[Path],
    root: Path | None,
    passphrase: bytes | None,
    *,
    keeps: bool = True,
) -> bytes | None:
    """The catalog document of a destination, for someone who does not change it.

    Args:
        target: The destination.
        keys: As of `catalog_of`; the root alone is enough.
        root: The root document that must vouch for the catalog.
        passphrase: Decrypts the keys that are encrypted.
        keeps: As of `catalog_of`.

    Raises:
        ConfigError: As `catalog_of`; or the site is signed, and neither keys nor a root are given.
        NotFoundError: A key or the root does not exist.
        TrustError: The signatures are not what was signed last.
    """
    if keys or root is None:
        return catalog_of(target, keys, root, passphrase, keeps=keeps).read()
    require("trust")
    from dlcore.publish.signatures import verify_signatures
    from dlcore.trust.pinned_root import read_root

    return verify_signatures(target, read_root(root), allow_expired=True).catalog


def packages_of(document: bytes | None, target: Destination) -> Mapping[str, CatalogEntry]:
    """What the catalog document of a destination states; nothing if there is none.

    Raises:
        ManifestError: It is malformed.
    """
    if document is None:
        return {}
    return decode_catalog(document, source=f"{target.name}/{CATALOG_KEY}").packages
