"""Publishes into an object store: Azure Blob Storage, Amazon S3, Google Cloud Storage.

Guarantees: an object appears complete or not at all. The catalog is replaced only if it did not
change since it was read. Credentials come from the environment only and are in no message.
"""

from __future__ import annotations

import contextlib
import logging
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from dlcore.errors import Fault, NotFoundError, TransferError
from dlcore.publish.destination import Change, Listed, too_long_error
from dlcore.publish.remote import ADDRESS, RemoteSite

if TYPE_CHECKING:
    from obstore import Attributes, ObjectMeta, PutMode, UpdateVersion

log = logging.getLogger("dlcore.publish")


class BucketDestination(RemoteSite):
    """A `Destination` in an object store."""

    def write(
        self, key: str, content: Iterable[memoryview], length_bytes: int, *, address: str = ""
    ) -> None:
        """Upload content; it appears under its key, with its address, when all of it is there."""
        import obstore

        attributes: Attributes = {ADDRESS: address} if address else {}
        with self.faults():
            if length_bytes <= self._policy.request_bytes:
                obstore.put(
                    self._store,
                    key,
                    b"".join(content),
                    attributes=attributes,
                    use_multipart=False,
                )
            else:
                obstore.put(
                    self._store,
                    key,
                    iter(content),
                    attributes=attributes,
                    chunk_size=self._policy.request_bytes,
                    max_concurrency=self._policy.max_requests_per_object,
                )

    @property
    def folder(self) -> None:
        """An object store lies in no folder."""

    def check_removable(self) -> None:
        """Do nothing: an object store has no links."""

    def list_folder(self, folder: str) -> Iterator[Listed]:
        """The store's list."""
        import obstore

        with self.faults():
            for page in obstore.list(self._store, prefix=folder):
                for found in page:
                    yield Listed(found["path"], found["size"], found["last_modified"])

    def remove(self, keys: Sequence[str]) -> None:
        """Delete blobs or objects, many in one request where the store can."""
        import obstore

        try:
            with self.faults():
                obstore.delete(self._store, keys)
        except NotFoundError:  # of one of them, or another pruning was faster
            for key in keys:
                with contextlib.suppress(NotFoundError), self.faults():
                    obstore.delete(self._store, key)

    def sync(self) -> None:
        """Do nothing: an object store answers only when content is durable."""

    def read_whole(self, key: str) -> bytes | None:
        """A document; None if there is none under the key."""
        return self._read_version(key)[0]

    def create(self, key: str, document: bytes) -> bool:
        """Store a document if there is none under its key; see `Destination`."""
        return self._replace_if(key, document, "create")

    def change(self, key: str, change: Change) -> None:
        """Replace a document if no other publisher has done so; see `Destination`."""
        for attempt in range(self._policy.max_catalog_attempts):
            current, mode = self._read_version(key)
            document = change(current)
            if document is None or self._replace_if(key, document, mode):
                return
            log.info("%s: another publisher changed %s; trying again", self._name, key)
            time.sleep(random.uniform(0, 0.05 * (attempt + 1)))  # noqa: S311 - spreads load
        raise TransferError(
            f"other publishers changed {key} {self._policy.max_catalog_attempts} times in a row",
            fault=Fault.BUSY,
            endpoint=self._name,
            remedy="Publish again; objects that are already stored are not sent again.",
        )

    def _read_version(self, key: str) -> tuple[bytes | None, PutMode]:
        """A document, and the condition on which it may be replaced."""
        import obstore

        try:
            with self.faults():
                found = obstore.get(self._store, key)
                max_bytes = self._policy.max_document_bytes
                if found.meta["size"] > max_bytes:
                    raise too_long_error(f"{self._name}/{key}", max_bytes)
                return bytes(found.bytes()), _version(found.meta)
        except NotFoundError:
            return None, "create"

    def _replace_if(self, key: str, document: bytes, mode: PutMode) -> bool:
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with self.faults():
            try:
                obstore.put(self._store, key, document, mode=mode)
            except (AlreadyExistsError, PreconditionError):
                return False
        return True


def _version(meta: ObjectMeta) -> UpdateVersion:
    known: UpdateVersion = {}
    if meta["e_tag"] is not None:
        known["e_tag"] = meta["e_tag"]
    if meta["version"] is not None:
        known["version"] = meta["version"]
    return known
