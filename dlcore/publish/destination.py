"""The interface of a place that packages are published to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

Change = Callable[[bytes | None], bytes | None]


class Destination(Protocol):
    """A place that stores documents and objects by key.

    Every method except `change_catalog` may be called from several threads at once.
    """

    @property
    def name(self) -> str:
        """Its name in messages; holds no secret."""
        ...

    @property
    def writers(self) -> int:
        """Number of objects to write at the same time."""
        ...

    def length_of(self, key: str) -> int | None:
        """Length of the object under a key, in bytes; None if there is none."""
        ...

    def write(self, key: str, content: Iterable[memoryview], length_bytes: int) -> None:
        """Store content under a key, completely or (if this raises) not at all.

        Args:
            key: Where to store it.
            content: The bytes, in order.
            length_bytes: Their number.
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
