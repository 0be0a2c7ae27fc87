"""The interfaces of a place that holds published packages, and of one to publish to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

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

    def stored(self, key: str) -> Stored | None:
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

    Every method except `change_catalog` may be called from several threads at once.
    """

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

    def sync(self) -> None:
        """Make everything that was written survive a power loss."""
        ...

    def read_catalog(self) -> bytes | None:
        """The catalog document; None if there is none yet."""
        ...

    def change_catalog(self, change: Change) -> None:
        """Replace the catalog atomically, also when other publishers do so at the same time.

        Args:
            change: Returns the new document for the current one, or None if there is nothing to
                change. It is called again if another publisher changed the catalog meanwhile.
        """
        ...
