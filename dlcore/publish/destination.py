"""Where packages are published to, as the rest of this room sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from dlcore.errors import ConfigError

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


def open_destination(where: str) -> Destination:
    """Open a folder, or an object store by its URL.

    Raises:
        ConfigError: The URL cannot be used. No message repeats its query or credentials.
    """
    # Both import this module for what a destination is.
    from dlcore.publish.bucket import SCHEMES, BucketDestination
    from dlcore.publish.folder import FolderDestination

    if "://" not in where:
        return FolderDestination(Path(where))
    parts = urlsplit(where)
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigError(
            f"the {parts.scheme} URL to publish to has a query or credentials",
            remedy="Give credentials in the environment, such as AZURE_STORAGE_ACCOUNT_KEY.",
        )
    if parts.scheme not in SCHEMES or not parts.netloc:
        raise ConfigError(
            f"cannot publish to '{where}'",
            remedy="Give a folder, or a URL such as az://container/prefix, s3://... or gs://...",
        )
    return BucketDestination(where)
