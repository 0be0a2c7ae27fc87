"""The published layout in a folder, local or UNC.

Guarantees: nothing outside of the folder is read by a key; a thread that was left behind by a
cancellation only touches memory of its own. Assumes that the folder may be slow or vanish, as
network shares do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TypeVar

from dlcore.errors import Fault, TransferError
from dlcore.model import EndpointKind, Manifest, object_key
from dlcore.transfer.endpoints.placement import Located, everything
from dlcore.transfer.http.redaction import printable
from dlcore.transfer.http.stall_timer import STALL_S
from dlcore.transfer.sink import Intake

STRIDE_BYTES = 4 << 20  # read by one hop into a thread
MAX_READS = 4  # at once: who waits for a thread must not be taken for stalled

R = TypeVar("R")


class FileEndpoint:
    """A folder.

    Args:
        name: Name of the endpoint.
        folder: Root of the published layout.
        connections: Most ranges to read at once.
        stall_s: Seconds after which a read that does not return is given up.
    """

    kind = EndpointKind.FILE

    def __init__(
        self, name: str, folder: Path, *, connections: int = 4, stall_s: float = STALL_S
    ) -> None:
        self.name = name
        self._folder = folder
        self._turn = asyncio.Semaphore(min(connections, MAX_READS))
        self._stall_s = stall_s

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        """See `dlcore.transfer.interface.Endpoint.read_document`."""
        path = self._path(key)

        def read() -> bytes:
            with path.open("rb") as file:
                return file.read(limit_bytes + 1)

        data = await self._in_thread(path, read)
        if len(data) > limit_bytes:
            raise self._error(Fault.RANGE, f"{path} is over {limit_bytes} bytes long")
        return data

    async def locate(self, manifest: Manifest) -> Located:
        """Every object; one that is missing is ``NOT_FOUND`` when it is read."""

        async def read(index: int, span: tuple[int, int], intake: Intake) -> None:
            wanted = manifest.objects[index]
            path = self._path(object_key(wanted.name))
            start, end = span
            async with self._turn:
                while start < end:
                    stop = min(start + STRIDE_BYTES, end)
                    await intake.put(await self._stride(path, start, stop, wanted.length_bytes))
                    start = stop

        return Located(everything(len(manifest.objects)), read)

    async def aclose(self) -> None:
        """Nothing is open between reads."""

    async def _stride(self, path: Path, start: int, end: int, total_bytes: int) -> bytes:
        def read() -> tuple[int, bytes]:
            with path.open("rb", buffering=0) as file:
                length = file.seek(0, 2)
                file.seek(start)
                return length, file.read(end - start)

        length, data = await self._in_thread(path, read)
        if length != total_bytes:
            raise self._error(Fault.RANGE, f"{path} is {length} bytes long, not {total_bytes}")
        if len(data) != end - start:
            raise self._error(Fault.TRUNCATED, f"{path} ended at byte {start + len(data)}")
        return data

    async def _in_thread(self, path: Path, read: Callable[[], R]) -> R:
        late = asyncio.timeout(self._stall_s)
        try:
            async with late:
                return await asyncio.to_thread(read)
        except OSError as error:
            if late.expired():
                raise self._error(
                    Fault.STALL, f"{path}: nothing could be read for {self._stall_s:g} s"
                ) from None
            reason = printable(error.strerror or type(error).__name__)
            raise self._error(_fault_of(error), f"{path}: {reason}") from None

    def _path(self, key: str) -> Path:
        relative = PurePosixPath(key)
        if relative.is_absolute() or ".." in relative.parts or "\\" in key or "\0" in key:
            raise self._error(Fault.REFUSED, f"{printable(key)} is not a published key")
        return self._folder / relative

    def _error(self, fault: Fault, message: str) -> TransferError:
        return TransferError(message, fault=fault, endpoint=self.name)


def _fault_of(error: OSError) -> Fault:
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return Fault.NOT_FOUND
    return Fault.AUTH if isinstance(error, PermissionError) else Fault.CONNECT
