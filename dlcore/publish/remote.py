"""Reads published packages from an object store or a web server.

Guarantees: errors of the library become errors of dlcore (`store_faults`). Credentials come from
the environment only and are in no message.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from dlcore.buckets import open_bucket, opening_faults, store_faults
from dlcore.errors import ConfigError, Fault, NotFoundError, TransferError
from dlcore.plain_files import read_plain
from dlcore.publish.destination import Stored
from dlcore.publish.policy import DEFAULT_POLICY, PublishPolicy
from dlcore.publish.streams import Streams

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore

WEB_SCHEMES = frozenset({"http", "https"})

ADDRESS = "dlcore_address"  # user metadata of an object; Azure allows only C identifiers


class RemoteSite:
    """A `Site` behind a URL.

    Args:
        url: Scheme, bucket or container or host, and prefix.
        policy: Limits and sizes.
        ca_file: PEM file of authorities to trust besides the system's; empty for none.

    Raises:
        ConfigError: The environment does not say how to reach the store, or the file cannot be
            used; the user's fault.
    """

    def __init__(
        self, url: str, policy: PublishPolicy = DEFAULT_POLICY, *, ca_file: str = ""
    ) -> None:
        self._name = url
        self._policy = policy
        self._is_web = url.partition(":")[0] in WEB_SCHEMES
        trusted = _authorities(ca_file)
        self._store = _open_web(url, trusted) if self._is_web else open_bucket(url, client=trusted)
        self._sends_ranges = True  # as far as is known; a web server may not
        self._streams = Streams(self._stream)

    @property
    def name(self) -> str:
        """The URL, which holds no credentials."""
        return self._name

    @property
    def workers(self) -> int:
        """A few, so that the round trips of many objects overlap."""
        return self._policy.bucket_workers

    def find(self, key: str) -> Stored | None:
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
        with self.faults():
            data = self._part(key, start, end) if self._sends_ranges else None
            if data is None:
                self._sends_ranges = False
                data = self._streams.read(key, start, end)
        if len(data) > end - start:
            raise TransferError(
                f"{key}: the server sent more than the {end - start} bytes asked for",
                fault=Fault.RANGE,
                endpoint=self._name,
                remedy="Check the URL, and that no proxy changes the server's responses.",
            )
        return memoryview(data)

    def _part(self, key: str, start: int, end: int) -> bytearray | None:
        """A range, and perhaps one byte more; None from a web server that knows no ranges."""
        import obstore
        from obstore.exceptions import NotSupportedError

        data = bytearray()
        try:
            found = obstore.get(self._store, key, options={"range": (start, end)})
        except NotSupportedError:
            if not self._is_web:
                raise
            return None
        for piece in found.stream():
            data += memoryview(piece)[: end - start - len(data) + 1]
            if len(data) > end - start:
                break
        return data

    def _stream(self, key: str) -> Iterator[bytes]:
        import obstore

        yield from map(bytes, obstore.get(self._store, key).stream())

    def keys(self, folder: str) -> Iterator[str] | None:
        """The store's list; a web server has none."""
        return None if self._is_web else self._list_keys(folder)

    def _list_keys(self, folder: str) -> Iterator[str]:
        import obstore

        with self.faults():
            for page in obstore.list(self._store, prefix=folder):
                for found in page:
                    yield found["path"]

    def faults(self) -> AbstractContextManager[None]:
        """Translate the store's errors."""
        return store_faults(self._name)


def _open_web(url: str, trusted: ClientConfig) -> ObjectStore:
    from obstore.store import HTTPStore

    # The library follows redirects. What is read over TLS is believed, so none leads out of it.
    is_plain = url.partition(":")[0].lower() == "http"
    with opening_faults(url):
        return HTTPStore.from_url(url, client_options={"allow_http": is_plain, **trusted})


def _authorities(ca_file: str) -> ClientConfig:
    """What makes the library trust the authorities of a file besides the system's."""
    if not ca_file:
        return {}
    import ssl

    try:
        data = read_plain(ca_file)
        ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise _unusable_error(ca_file, "there is no certificate in it") from None
    except OSError as error:
        raise _unusable_error(ca_file, error.strerror or type(error).__name__) from None
    return {"root_certificate": data}


def _unusable_error(ca_file: str, why: str) -> ConfigError:
    return ConfigError(
        f"ca_file {ca_file} cannot be used: {why}",
        remedy="Name a readable PEM file with at least one certificate.",
    )
