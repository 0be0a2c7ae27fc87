"""Where packages are published to, as the rest of this room sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

Change = Callable[[bytes | None], bytes | None]


class Destination(Protocol):
    """A place for documents and objects by key.

    All methods but `change_catalog` may be called from several threads at once.
    """

    @property
    def name(self) -> str:
        """What to call it in messages; holds no secret."""
        ...

    @property
    def writers(self) -> int:
        """How many objects are best written at once."""
        ...

    def length_of(self, key: str) -> int | None:
        """Length of what is stored under a key, in bytes; None if nothing is."""
        ...

    def write(self, key: str, windows: Iterable[memoryview], length_bytes: int) -> None:
        """Store content that appears under its key as a whole, or not at all if this raises."""
        ...

    def settle(self) -> None:
        """Make all that was written survive a loss of power."""
        ...

    def read_catalog(self) -> bytes | None:
        """The catalog document, or None if there is none yet."""
        ...

    def change_catalog(self, change: Change) -> None:
        """Replace the catalog in one step, which no other publisher's can come between.

        Args:
            change: Makes the new document of the current one; None means that there is nothing
                to change. It is called again when another publisher was faster.
        """
        ...
