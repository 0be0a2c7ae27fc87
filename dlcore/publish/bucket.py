"""Publishes into an object store: Azure Blob Storage, Amazon S3, Google Cloud Storage.

Guarantees: an object appears complete or not at all. The catalog is replaced only if it did not
change since it was read. Credentials come from the environment only and are in no message.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dlcore.errors import AuthError, ConfigError, Fault, NotFoundError, TransferError
from dlcore.model import CATALOG_KEY
from dlcore.publish.destination import Change
from dlcore.publish.policy import DEFAULT_POLICY, PublishPolicy

if TYPE_CHECKING:
    from obstore import ObjectMeta, PutMode, UpdateVersion
    from obstore.store import ObjectStore

SCHEMES = frozenset({"az", "s3", "gs"})

log = logging.getLogger("dlcore.publish")


class BucketDestination:
    """A `Destination` in an object store.

    Args:
        url: Scheme, bucket or container, and prefix.
        policy: Limits and sizes.

    Raises:
        ConfigError: The environment does not say how to reach the store; the user's fault.
    """

    def __init__(self, url: str, policy: PublishPolicy = DEFAULT_POLICY) -> None:
        self._name = url
        self._policy = policy
        self._store = _open(url)

    @property
    def name(self) -> str:
        """The URL, which holds no credentials."""
        return self._name

    @property
    def writers(self) -> int:
        """A few, so that the round trips of many objects overlap."""
        return self._policy.bucket_writers

    def length_of(self, key: str) -> int | None:
        """Length of the object under a key, in bytes; None if there is none."""
        import obstore

        try:
            with self._faults():
                return obstore.head(self._store, key)["size"]
        except NotFoundError:
            return None

    def write(self, key: str, content: Iterable[memoryview], length_bytes: int) -> None:
        """Upload content; it appears under its key when the upload is complete."""
        import obstore

        with self._faults():
            if length_bytes <= self._policy.request_bytes:
                obstore.put(self._store, key, b"".join(content), use_multipart=False)
            else:
                obstore.put(
                    self._store,
                    key,
                    iter(content),
                    chunk_size=self._policy.request_bytes,
                    max_concurrency=self._policy.max_requests_per_object,
                )

    def sync(self) -> None:
        """Do nothing: an object store answers only when content is durable."""

    def read_catalog(self) -> bytes | None:
        """The catalog document; None if there is none yet."""
        return self._read_catalog()[0]

    def change_catalog(self, change: Change) -> None:
        """Replace the catalog if no other publisher has done so; see `Destination`."""
        for attempt in range(self._policy.max_catalog_attempts):
            current, mode = self._read_catalog()
            document = change(current)
            if document is None or self._replaced_catalog(document, mode):
                return
            log.info("%s: another publisher changed the catalog; trying again", self._name)
            time.sleep(random.uniform(0, 0.05 * (attempt + 1)))  # noqa: S311 - spreads load
        raise TransferError(
            "other publishers changed the catalog"
            f" {self._policy.max_catalog_attempts} times in a row",
            fault=Fault.BUSY,
            endpoint=self._name,
            remedy="Publish again; objects that are already stored are not sent again.",
        )

    def _read_catalog(self) -> tuple[bytes | None, PutMode]:
        """The catalog, and the condition on which it may be replaced."""
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
        """Translate the store's errors; those about an unmet condition pass unchanged."""
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
                remedy="Check the credentials in the environment and their permissions.",
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
                remedy="Publish again; objects that are already stored are not sent again.",
            ) from error


def _open(url: str) -> ObjectStore:
    from obstore.exceptions import BaseError
    from obstore.store import from_url

    try:
        return from_url(url)
    except (BaseError, ValueError) as error:
        raise ConfigError(
            f"cannot reach {url}: {_first_line(error)}",
            remedy="Set the store's variables in the environment, for example"
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
    # The library redacts signed URLs. The lines after the first are internal details.
    return str(error).partition("\n")[0]
