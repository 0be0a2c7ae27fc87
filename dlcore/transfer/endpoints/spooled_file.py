"""A file whose length only its end tells, read into a file without a name, and served from there.

Blocks, room and progress are reckoned from lengths that are known before. So a body of unknown
length is received first, as one stream, and then fetched from here as from any endpoint.

Guarantees: only this user can open the file (on most systems it has no name at all), and it is gone
when the process ends, however it ends. What is read from it is verified as if it came from the
network.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

from dlcore.digests import SHA_256, Digest
from dlcore.disk.faults import guarded
from dlcore.errors import Fault, TransferError
from dlcore.model import EndpointKind, Manifest
from dlcore.transfer.endpoints.placement import PackagePlacement, objects_named
from dlcore.transfer.sink import SinkWriter
from dlcore.waiting import in_thread

WRITE_BYTES = 1 << 20  # each write costs one hop to a thread
READ_BYTES = 4 << 20


class SpooledFile:
    """The file; an endpoint once it is complete. Implements `dlcore.transfer.interface.Endpoint`.

    Args:
        name: Name of the endpoint: the server that it came from.
        folder: On the disk that gets the file; exists.
        check: Called with the length so far before more is written; raises what ends that.
        algorithm: Of the digest that is reckoned; see `dlcore.digests`.

    Attributes:
        length_bytes: Length so far.
        read_bytes: How much of it was read; what was read twice counts once.

    Raises:
        StorageError: No file can be made there.
    """

    kind = EndpointKind.HTTP

    def __init__(
        self, name: str, folder: Path, check: Callable[[int], None], algorithm: str = SHA_256
    ) -> None:
        self.name = name
        self.length_bytes = self.read_bytes = 0
        self._folder = folder
        self._check = check
        self._algorithm = algorithm
        self._hash = Digest(algorithm, b"").hash()
        self._buffer = bytearray()
        with guarded("make a temporary file", folder):
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # `aclose` closes it
        self._turn = asyncio.Lock()

    @property
    def digest(self) -> Digest:
        """Digest of what has been written."""
        return Digest(self._algorithm, self._hash.digest())

    async def write(self, data: bytes) -> None:
        """Append bytes.

        Raises:
            StorageError: The disk failed.
            DlcoreError: What ``check`` raised.
        """
        self._buffer += data
        if len(self._buffer) >= WRITE_BYTES:
            await self.end()

    async def end(self) -> None:
        """Write what is held back."""
        data, self._buffer = bytes(self._buffer), bytearray()
        await in_thread(self._append, data)

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        """Always ``NOT_FOUND``: it is one object."""
        raise TransferError(f"holds no document {key}", fault=Fault.NOT_FOUND, endpoint=self.name)

    async def locate(self, manifest: Manifest) -> PackagePlacement:
        """The object with this content, by its name."""
        held = objects_named(manifest, {self.digest.hex: ""}, self.name)

        async def read(_: int, span: tuple[int, int], writer: SinkWriter) -> None:
            start, end = span
            while start < end:
                stop = min(start + READ_BYTES, end)
                await writer.write(await self._read(start, stop))
                self.read_bytes = min(self.read_bytes + stop - start, self.length_bytes)
                start = stop

        return PackagePlacement(held, read)

    async def aclose(self) -> None:
        """Close the file, which removes it. Idempotent."""
        async with self._turn:
            await in_thread(self._file.close)

    async def _read(self, start: int, end: int) -> bytes:
        async with self._turn:
            return await in_thread(self._read_at, start, end - start)

    def _append(self, data: bytes) -> None:
        self._check(self.length_bytes + len(data))
        with guarded("write a temporary file", self._folder):
            self._file.write(data)
        self._hash.update(data)
        self.length_bytes += len(data)

    def _read_at(self, start: int, count: int) -> bytes:
        with guarded("read a temporary file", self._folder):
            self._file.seek(start)
            return self._file.read(count)
