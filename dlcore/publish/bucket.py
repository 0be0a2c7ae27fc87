"""Publishes into an object store: Azure Blob Storage, Amazon S3, Google Cloud Storage.

Guarantees: an object appears complete or not at all. The catalog is replaced only if it did not
change since it was read. Credentials come from the environment only and are in no message.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dlcore.errors import Fault, NotFoundError, TransferError
from dlcore.model import CATALOG_KEY
from dlcore.publish.destination import Change
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
            with self.faults():
                found = obstore.get(self._store, CATALOG_KEY)
                return bytes(found.bytes()), _version(found.meta)
        except NotFoundError:
            return None, "create"

    def _replaced_catalog(self, document: bytes, mode: PutMode) -> bool:
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        try:
            with self.faults():
                obstore.put(self._store, CATALOG_KEY, document, mode=mode)
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
