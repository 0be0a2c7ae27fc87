"""The interfaces of a place that holds published packages, and of one to publish to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from dlcore.errors import ManifestError

Change = Callable[[bytes | None], bytes | None]


class Stored(NamedTuple):
    """What a site says about the content under a key.

    Attributes:
        length_bytes: Its length.
        address: The content address that `Destination.write` recorded with it, in the same
            operation; empty if the site records none.
    """

    length_bytes: int
    address: str = ""


class Listed(NamedTuple):
    """What the list of a destination says about the content under a key.

    Attributes:
        key: Where it is stored.
        length_bytes: Its length.
        stored_at: When it was stored, by the destination's clock.
        is_file: Whether it is content, and not a folder, a link or the like.
    """

    key: str
    length_bytes: int
    stored_at: datetime
    is_file: bool = True


class Site(Protocol):
    """A place that holds documents and objects by key.

    Every method may be called from several threads at once.
    """

    @property
    def name(self) -> str:
        """Its name in messages; holds no secret."""
        ...

    @property
    def workers(self) -> int:
        """Number of objects to read or write at the same time."""
        ...

    def find(self, key: str) -> Stored | None:
        """What is stored under a key, without reading it; None if nothing is there."""
        ...

    def read(self, key: str, start: int, end: int) -> memoryview:
        """Read bytes ``[start, end)`` of the content under a key.

        Returns:
            The bytes; fewer if the content ends before ``end``.

        Raises:
            StorageError: The disk failed.
            NotFoundError: The object store has no content under this key any more.
            TransferError: The object store failed.
        """
        ...

    def keys(self, folder: str) -> Iterator[str] | None:
        """The keys of everything in ``objects`` or ``manifests``; None if they cannot be listed."""
        ...


class Destination(Site, Protocol):
    """A site that can be written to.

    Every method except `change` may be called from several threads at once.
    """

    @property
    def folder(self) -> Path | None:
        """Where it lies on a disk that this machine has mounted; None if it is an object store."""
        ...

    def write(
        self, key: str, content: Iterable[memoryview], length_bytes: int, *, address: str = ""
    ) -> None:
        """Store content under a key, completely or (if this raises) not at all.

        Args:
            key: Where to store it.
            content: The bytes, in order.
            length_bytes: Their number.
            address: Their content address, which is recorded with them where that is possible.
        """
        ...

    def check_removable(self) -> None:
        """Refuse a place in which what `remove` removes may not be the site's.

        Raises:
            OwnershipError: It is refused. Nothing was changed.
        """
        ...

    def list_folder(self, folder: str) -> Iterator[Listed]:
        """Everything in ``objects`` or ``manifests``, with the time when it was stored.

        Raises:
            OwnershipError: There is a link in the place of the folder, or of an object or manifest.
        """
        ...

    def remove(self, keys: Sequence[str]) -> None:
        """Remove what is stored under keys; those under which nothing is stored do not matter.

        Raises:
            OwnershipError: There is a link in the place of one of them, or of the folder. It stays.
        """
        ...

    def sync(self) -> None:
        """Make everything that was written survive a power loss."""
        ...

    def read_whole(self, key: str) -> bytes | None:
        """A document, as one version of it; None if there is none under the key.

        Raises:
            ManifestError: It is longer than `PublishPolicy.max_document_bytes`.
        """
        ...

    def create(self, key: str, document: bytes) -> bool:
        """Store a document under a key that must be free, completely or not at all.

        In a folder it is only safe against other publishers inside `change`.

        Returns:
            Whether the key was free; else nothing is stored.
        """
        ...

    def change(self, key: str, change: Change) -> None:
        """Replace a document atomically, also when other publishers do so at the same time.

        Args:
            key: Where it is stored: that of the catalog or of the timestamp.
            change: Returns the new document for the current one, or None if there is nothing to
                change. It is called again if another publisher changed the document meanwhile.
        """
        ...


def too_long_error(place: str, max_bytes: int) -> ManifestError:
    """The error if a document of a destination is longer than any that dlcore writes."""
    return ManifestError(
        f"{place} is longer than {max_bytes} bytes",
        remedy="dlcore publishes no document of that length: put back the one that was there.",
    )
