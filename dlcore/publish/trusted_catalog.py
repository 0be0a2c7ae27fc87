"""Opens the catalog of a destination: to change it with the keys, or to read it with the root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dlcore.extras import require
from dlcore.publish.destination import Destination
from dlcore.publish.noted_catalog import NotedCatalog
from dlcore.publish.site_catalog import SiteCatalog, UnsignedCatalog

if TYPE_CHECKING:
    from dlcore.publish.signed_site import SignedSite


class Trusted(NamedTuple):
    """What is published, as far as it can be trusted.

    Attributes:
        catalog: The catalog document; None if there is none.
        patch_lists: The SHA-256 of each patch list that was signed, by its manifest's; None if
            the site is not signed.
        restored: Keys of the signed documents that were written again.
    """

    catalog: bytes | None
    patch_lists: Mapping[str, str] | None = None
    restored: tuple[str, ...] = ()


def catalog_of(
    target: Destination,
    keys: Sequence[Path],
    root: Path | None,
    passphrase: bytes | None,
    *,
    keeps: bool = True,
) -> SiteCatalog:
    """The catalog of a destination, whose changes are noted in its history.

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
        return NotedCatalog(target, UnsignedCatalog(target))
    return NotedCatalog(target, _signed_site(target, keys, root, passphrase, keeps=keeps))


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


def read_restored(
    target: Destination, keys: Sequence[Path], root: Path | None, passphrase: bytes | None
) -> Trusted:
    """As `read_trusted`, after signed documents that were lost are there again (`SignedSite`)."""
    if not keys and root is None:
        return Trusted(UnsignedCatalog(target).read())
    require("trust")
    from dlcore.publish.signed_site import SignedSite
    from dlcore.trust.pinned_root import read_root
    from dlcore.trust.signing_keys import SigningKeys

    if keys:
        site = _signed_site(target, keys, root, passphrase)
        site.read()  # so that keys which do not suffice are refused
    else:
        assert root is not None
        site = SignedSite(target, SigningKeys(read_root(root), ()), keeps=False)
    restored = site.restore()
    return Trusted(site.verify().catalog, site.signed_patch_lists(), restored)


def _signed_site(
    target: Destination,
    keys: Sequence[Path],
    root: Path | None,
    passphrase: bytes | None,
    *,
    keeps: bool = True,
) -> SignedSite:
    require("trust")
    from dlcore.publish.signed_site import SignedSite
    from dlcore.trust.signing_keys import load_signing_keys

    return SignedSite(target, load_signing_keys(keys, passphrase, root=root), keeps=keeps)
