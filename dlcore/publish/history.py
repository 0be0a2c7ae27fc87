"""What a site knows of each manifest: whether the catalog ever named it, and until when.

A manifest at a site is not proof of a version: a publisher that was killed or refused leaves one
that nobody ever published. And a version is not replaced when the manifest of the next one is
stored, but when the catalog names the next one. So each change of the catalog is noted in a
document.

Guarantees: a manifest that counts as published was named by the catalog. A noted time is not
earlier than the moment at which the catalog stopped naming the manifest, by the clock of whoever
noted it. If that was not noted at once, because a publisher was killed or of an earlier version,
it is noted by the next one who looks, with a later time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Set
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from dlcore.errors import ManifestError
from dlcore.manifest import decode_catalog
from dlcore.model import CATALOG_KEY, is_content_key
from dlcore.publish.destination import Destination, Site
from dlcore.publish.documents import read_document
from dlcore.publish.policy import DEFAULT_POLICY

KEY: Final = "history.json"

ReadCatalog = Callable[[], bytes | None]


class Standing(StrEnum):
    """What is known of a manifest that the catalog does not name.

    Attributes:
        PUBLISHED: The catalog named it.
        UNKNOWN: It was there before anything was noted, so nobody knows.
        UNPUBLISHED: The catalog never named it while that was noted.
    """

    PUBLISHED = "published"
    UNKNOWN = "unknown"
    UNPUBLISHED = "unpublished"


class History(msgspec.Struct, frozen=True):
    """What the document says. Manifests are named by their SHA-256, hex.

    Attributes:
        schema: 1.
        published: What the catalog was seen to name, and the time at which it was first seen not
            to name it any more; None if it named it when somebody looked last.
        unknown: What was there when the history began and was not named then, and that time.
        unpublished: What a pruning has found besides, and when it found it first.
    """

    schema: int
    published: dict[str, datetime | None]
    unknown: dict[str, datetime]
    unpublished: dict[str, datetime]

    def standing(self, manifest: str) -> Standing:
        """What is known of a manifest."""
        if manifest in self.published:
            return Standing.PUBLISHED
        return Standing.UNKNOWN if manifest in self.unknown else Standing.UNPUBLISHED

    def unnamed_since(self, manifest: str) -> datetime | None:
        """Since when it is known that the catalog does not name a manifest; None if it does."""
        earlier = self.unknown.get(manifest) or self.unpublished.get(manifest)
        return self.published.get(manifest, earlier)

    @property
    def manifests(self) -> Set[str]:
        """All manifests of which something is known."""
        return self.published.keys() | self.unknown.keys() | self.unpublished.keys()

    def without(self, manifests: Set[str]) -> History:
        """The history without some manifests."""
        return History(
            self.schema,
            {key: at for key, at in self.published.items() if key not in manifests},
            {key: at for key, at in self.unknown.items() if key not in manifests},
            {key: at for key, at in self.unpublished.items() if key not in manifests},
        )


def seen(
    known: History | None, named: Collection[str], found: Collection[str], now: datetime
) -> History:
    """The history after a look at a site. Pure; a second look changes nothing.

    Args:
        known: The history before; None if it begins.
        named: What the catalog names.
        found: Manifests at the site. Only needed if the history begins, and by a pruning.
        now: When that was seen.
    """
    published = dict(known.published) if known else {}
    published = {key: at or (None if key in named else now) for key, at in published.items()}
    published |= dict.fromkeys(named)
    others = {key: now for key in sorted(found) if key not in published}
    if known is None:
        return History(1, published, others, {})
    unknown = {key: at for key, at in known.unknown.items() if key not in published}
    unpublished = others | known.unpublished
    return History(
        1,
        published,
        unknown,
        {key: at for key, at in unpublished.items() if key not in published | unknown},
    )


def look(
    target: Destination,
    read_catalog: ReadCatalog,
    now: Callable[[], datetime],
    *,
    found: Collection[str] | None = None,
    gone: Collection[str] = (),
) -> None:
    """Note what the catalog names, and what it names no more.

    Args:
        target: The site.
        read_catalog: Reads the catalog document that counts.
        now: This machine's clock. It is asked after the catalog was read, so the time that is noted
            is not earlier than what is seen.
        found: As of `seen`; None to list them if the history begins.
        gone: What is at the site no more, so that nothing needs to be known of it.

    Raises:
        ManifestError: The history or the catalog is malformed.
        StorageError: The disk failed. The history is as it was, as after all errors.
        TransferError: The object store failed.
        LockedError: Another publisher holds the lock of the site.
    """

    def noted(document: bytes | None) -> bytes | None:
        known = _decoded(document, target.name)
        there = manifests_at(target) if known is None and found is None else found or ()
        named = named_in(read_catalog(), target.name)
        new = seen(known, named, there, now()).without(set(gone) - named)
        return None if new == known else msgspec.json.encode(new)

    target.change(KEY, noted)


def history_of(target: Destination) -> History | None:
    """The history of a site that can be written to; None if it has none yet.

    Raises:
        ManifestError: It is malformed.
        StorageError: The disk failed.
        TransferError: The object store failed.
    """
    return _decoded(target.read_whole(KEY), target.name)


def read_history(site: Site) -> History | None:
    """As `history_of`, of a site that is only read."""
    try:
        return _decoded(_document(site), site.name)
    except ManifestError:  # perhaps it was replaced by a longer one after its length was asked for
        return _decoded(_document(site), site.name)


def _document(site: Site) -> bytes | None:
    return read_document(site, KEY, DEFAULT_POLICY.max_document_bytes)


def named_in(catalog: bytes | None, site_name: str) -> set[str]:
    """The manifests that a catalog document names; none if there is no catalog.

    Raises:
        ManifestError: It is malformed.
    """
    if catalog is None:
        return set()
    packages = decode_catalog(catalog, source=f"{site_name}/{CATALOG_KEY}").packages
    return {entry.manifest for entry in packages.values()}


def manifests_at(site: Site) -> set[str]:
    """The manifests that a site has, whether it names them or not."""
    keys = site.keys("manifests") or ()
    return {digest_in(key) for key in keys if is_content_key(key)}


def digest_in(key: str) -> str:
    """The SHA-256 in the key of a manifest."""
    return key.rpartition("/")[2].removesuffix(".json")


def _decoded(document: bytes | None, site_name: str) -> History | None:
    return None if document is None else decode_history(document, site_name)


def decode_history(document: bytes, site_name: str) -> History:
    """Read the document of a site's history.

    Raises:
        ManifestError: It is malformed.
    """
    try:
        history = msgspec.json.decode(document, type=History)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        history = History(0, {}, {}, {})
    times = [*history.published.values(), *history.unknown.values(), *history.unpublished.values()]
    if history.schema != 1 or any(at is not None and at.tzinfo is None for at in times):
        raise ManifestError(
            f"{site_name}/{KEY} is not what this version of dlcore writes",
            remedy="Use the latest version of dlcore. If that refuses it too, remove it: the"
            " history begins anew, and earlier versions stay for as long as if they had just been"
            " replaced.",
        )
    return history
