"""Publishes into an object store: Azure Blob Storage, Amazon S3, Google Cloud Storage.

Guarantees: a key appears whole; the catalog is replaced only if it is still the one that was
read. Credentials come from the environment alone and are never part of a message.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dlcore.errors import AuthError, ConfigError, Fault, NotFoundError, TransferError
from dlcore.model import CATALOG_KEY
from dlcore.publish.destination import Change

if TYPE_CHECKING:
    from obstore import ObjectMeta, PutMode, UpdateVersion
    from obstore.store import ObjectStore

SCHEMES = frozenset({"az", "s3", "gs"})
CATALOG_ATTEMPTS = 20

_REQUEST_BYTES = 8 << 20  # a shorter object goes up in one request
_REQUESTS_AT_ONCE = 4


class BucketDestination:
    """A `Destination` that is an object store.

    Args:
        url: Scheme, bucket or container, and prefix.

    Raises:
        ConfigError: The environment does not say how to reach the store.
    """

    def __init__(self, url: str) -> None:
        self._name = url
        self._store = _open(url)

    @property
    def name(self) -> str:
        """The URL."""
        return self._name

    @property
    def writers(self) -> int:
        """A few, so that the latency of many objects overlaps."""
        return 4

    def length_of(self, key: str) -> int | None:
        """Length of a blob; None if there is none."""
        import obstore

        try:
            with self._faults():
                return obstore.head(self._store, key)["size"]
        except NotFoundError:
            return None

    def write(self, key: str, windows: Iterable[memoryview], length_bytes: int) -> None:
        """Upload content; it appears when all of it is there."""
        import obstore

        with self._faults():
            if length_bytes <= _REQUEST_BYTES:
                obstore.put(self._store, key, b"".join(windows), use_multipart=False)
            else:
                obstore.put(
                    self._store,
                    key,
                    iter(windows),
                    chunk_size=_REQUEST_BYTES,
                    max_concurrency=_REQUESTS_AT_ONCE,
                )

    def settle(self) -> None:
        """Nothing to do: a store answers when content is safe."""

    def read_catalog(self) -> bytes | None:
        """The catalog document, or None if there is none yet."""
        return self._read_catalog()[0]

    def change_catalog(self, change: Change) -> None:
        """Replace the catalog if nobody else has; see `Destination.change_catalog`."""
        for attempt in range(CATALOG_ATTEMPTS):
            current, mode = self._read_catalog()
            document = change(current)
            if document is None or self._replaced_catalog(document, mode):
                return
            time.sleep(random.uniform(0, 0.05 * (attempt + 1)))  # noqa: S311 - spreads load
        raise TransferError(
            f"the catalog was changed by others {CATALOG_ATTEMPTS} times in a row",
            fault=Fault.BUSY,
            endpoint=self._name,
            remedy="Publish again; objects that are there already are not sent again.",
        )

    def _read_catalog(self) -> tuple[bytes | None, PutMode]:
        """The catalog, and the condition under which it may be replaced."""
        import obstore

        try:
            with self._faults():
                found = obstore.get(self._store, CATALOG_KEY)
                return bytes(found.bytes()), _version(found.meta)
        except NotFoundError:
            return None, "create"

    def _replaced_catalog(self, document: bytes, mode: PutMode) -> bool:
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        try:
            with self._faults():
                obstore.put(self._store, CATALOG_KEY, document, mode=mode)
        except (AlreadyExistsError, PreconditionError):
            return False
        return True

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Turn the store's errors into ours; a condition that does not hold passes as it is."""
        from obstore import exceptions as store

        try:
            yield
        except (store.AlreadyExistsError, store.PreconditionError):
            raise
        except (store.PermissionDeniedError, store.UnauthenticatedError) as error:
            raise AuthError(
                _first_line(error),
                fault=Fault.AUTH,
                endpoint=self._name,
                remedy="Check the credentials in the environment, and the rights they give.",
            ) from error
        except (FileNotFoundError, store.NotFoundError) as error:
            raise NotFoundError(
                f"{self._name}: {_first_line(error)}", remedy="Create the container or bucket."
            ) from error
        except store.BaseError as error:
            raise TransferError(
                _first_line(error),
                fault=Fault.SERVER,
                endpoint=self._name,
                remedy="Publish again; objects that are there already are not sent again.",
            ) from error


def _open(url: str) -> ObjectStore:
    from obstore.exceptions import BaseError
    from obstore.store import from_url

    try:
        return from_url(url)
    except (BaseError, ValueError) as error:
        raise ConfigError(
            f"cannot reach {url}: {_first_line(error)}",
            remedy="Set the store's variables in the environment, such as"
            " AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY.",
        ) from error


def _version(meta: ObjectMeta) -> UpdateVersion:
    known: UpdateVersion = {}
    if meta["e_tag"] is not None:
        known["e_tag"] = meta["e_tag"]
    if meta["version"] is not None:
        known["version"] = meta["version"]
    return known


def _first_line(error: Exception) -> str:
    # The store redacts signed URLs itself; what follows the first line is its internals.
    return str(error).partition("\n")[0]
