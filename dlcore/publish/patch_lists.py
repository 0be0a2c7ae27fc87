"""Reads the patch lists of a site."""

from __future__ import annotations

from typing import NamedTuple

from dlcore.errors import ManifestError
from dlcore.model import Manifest, patch_list_key
from dlcore.patches import MAX_PATCH_LIST_BYTES, PatchList, decode_patch_list, fits
from dlcore.publish.destination import Site
from dlcore.publish.documents import read_document


class UnusableList(NamedTuple):
    """A patch list that no client can use."""

    why: str


def read_patch_list(site: Site, manifest: Manifest, digest: str) -> PatchList | UnusableList | None:
    """The patch list of a version; None if it has none.

    Args:
        site: Where the version is published.
        manifest: What it consists of.
        digest: SHA-256 of the manifest document, hex.

    Raises:
        StorageError: The disk failed.
        TransferError: The site failed.
    """
    key = patch_list_key(digest)
    document = read_document(site, key, MAX_PATCH_LIST_BYTES)
    if document is None:
        return None
    try:
        listed = decode_patch_list(document, source=f"{site.name}/{key}")
    except ManifestError as error:
        return UnusableList(error.message)
    if not fits(listed, manifest, digest):
        return UnusableList("it is not of this version")
    return listed
