"""Reads published packages from an object store or a web server.

Guarantees: errors of the library become errors of dlcore (`store_faults`). Credentials come from
the environment only and are in no message.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from dlcore.errors import Fault, NotFoundError, TransferError
from dlcore.publish.destination import Stored
from dlcore.publish.policy import DEFAULT_POLICY, PublishPolicy
from dlcore.publish.store_faults import opening_faults, store_faults

if TYPE_CHECKING:
    from obstore import GetResult
    from obstore.store import ObjectStore

BUCKET_SCHEMES = frozenset({"az", "s3", "gs"})
WEB_SCHEMES = frozenset({"http", "https"})

ADDRESS = "dlcore_address"  # user metadata of an object; Azure allows only C identifiers


class RemoteSite:
    """A `Site` behind a URL.

    Args:
        url: Scheme, bucket or container or host, and prefix.
        policy: Limits and sizes.

    Raises:
        ConfigError: The environment does not say how to reach the store; the user's fault.
    """

    def __init__(self, url: str, policy: PublishPolicy = DEFAULT_POLICY) -> None:
        self._name = url
        self._policy = policy
        self._is_web = url.partition(":")[0] in WEB_SCHEMES
        self._store = _open_web(url) if self._is_web else _open_bucket(url)

    @property
    def name(self) -> str:
        """The URL, which holds no credentials."""
        return self._name

    @property
    def workers(self) -> int:
        """A few, so that the round trips of many objects overlap."""
        return self._policy.bucket_workers

    def stored(self, key: str) -> Stored | None:
        """What the answer to a HEAD request says."""
        import obstore

        try:
            with self.faults():
                found = obstore.get(self._store, key, options={"head": True})
                return Stored(found.meta["size"], found.attributes.get(ADDRESS, ""))
        except NotFoundError:
            return None

    def read(self, key: str, start: int, end: int) -> memoryview:
        """Read a range. No memory is used for more than was asked for."""
        data = bytearray()
        with self.faults():
            found = self._whole(key, end) if start == 0 else None
            for piece in (found or self._part(key, start, end)).stream():
                data += memoryview(piece)[: end - start - len(data) + 1]
                if len(data) > end - start:
                    break
        if len(data) > end - start:
            raise TransferError(
                f"{key}: the server sent more than the {end - start} bytes asked for",
                fault=Fault.RANGE,
                endpoint=self._name,
                remedy="Check the URL, and that no proxy changes the server's responses.",
            )
        return memoryview(data)

    def _part(self, key: str, start: int, end: int) -> GetResult:
        import obstore

        return obstore.get(self._store, key, options={"range": (start, end)})

    def _whole(self, key: str, length_bytes: int) -> GetResult | None:
        """All of a document, which a web server also sends that knows no ranges; None if longer."""
        import obstore

        found = obstore.get(self._store, key) if self._is_web else None
        return found if found and found.meta["size"] == length_bytes else None

    def keys(self, folder: str) -> Iterator[str] | None:
        """The store's list; a web server has none."""
        return None if self._is_web else self._listed(folder)

    def _listed(self, folder: str) -> Iterator[str]:
        import obstore

        with self.faults():
            for page in obstore.list(self._store, prefix=folder):
                for found in page:
                    yield found["path"]

    def faults(self) -> AbstractContextManager[None]:
        """Translate the store's errors."""
        return store_faults(self._name)


def _open_bucket(url: str) -> ObjectStore:
    from obstore.store import from_url

    with opening_faults(url):
        return from_url(url)


def _open_web(url: str) -> ObjectStore:
    from obstore.store import HTTPStore

    with opening_faults(url):
        return HTTPStore.from_url(url, client_options={"allow_http": True})
