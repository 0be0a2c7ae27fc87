"""The published layout in a folder, local or UNC.

Guarantees: a key never reads outside of the folder. A read that hangs is given up after
``stall_s`` and delays neither the end of a command nor other reads; what its thread reads goes only
to memory of its own. Assumes that the folder may be slow or vanish, as network shares do.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from io import BufferedReader, FileIO
from pathlib import Path, PurePosixPath
from typing import TypeVar

from dlcore.abandonable import AbandonableThreads, TooManyHangError
from dlcore.disk.links import is_folder
from dlcore.errors import Fault, TransferError
from dlcore.long_path import long_path
from dlcore.model import EndpointKind, Manifest, object_key
from dlcore.plain_files import open_plain
from dlcore.printable import printable
from dlcore.transfer.endpoints.placement import PackagePlacement, all_objects, objects_named
from dlcore.transfer.endpoints.probe import Probed
from dlcore.transfer.http.faults import REMEDIES
from dlcore.transfer.policy import TransferPolicy
from dlcore.transfer.sink import SinkWriter

_log = logging.getLogger(__name__)

T = TypeVar("T")

_WINDOWS_FAULTS = {
    # NOT_READY, BAD_NETPATH, BAD_NET_NAME: Python takes them for a file that is not there or that
    # is locked.
    **dict.fromkeys((21, 53, 67), Fault.CONNECT),
    # SHARING_VIOLATION, LOCK_VIOLATION: another program has the file for itself at the moment.
    **dict.fromkeys((32, 33), Fault.SERVER),
    # INVALID_PASSWORD, LOGON_FAILURE, ACCOUNT_RESTRICTION, INVALID_LOGON_HOURS, PASSWORD_EXPIRED,
    # ACCOUNT_DISABLED, PASSWORD_MUST_CHANGE, ACCOUNT_LOCKED_OUT
    **dict.fromkeys((86, 1326, 1327, 1328, 1330, 1331, 1907, 1909), Fault.AUTH),
}
"""Errors of a share that Python's own types do not tell.

Source: learn.microsoft.com/en-us/windows/win32/debug/system-error-codes
"""


class FolderEndpoint:
    """A folder.

    Args:
        name: Name of the endpoint.
        folder: Root of the published layout.
        connections: Ranges to read at once, at most.
        policy: Gives the length of one read, and when a read is given up.
        files: Path of each object, by the object's name; None for those that ``key_of`` gives.
        key_of: Key of an object by its name; by default that of the published layout.
    """

    kind = EndpointKind.FILE

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        connections: int = 4,
        policy: TransferPolicy | None = None,
        files: Mapping[str, Path] | None = None,
        key_of: Callable[[str], str] = object_key,
    ) -> None:
        self.name = name
        self._folder = long_path(folder)
        self._files = files
        self._key_of = key_of
        self._policy = policy or TransferPolicy()
        self._reads = asyncio.Semaphore(min(connections, self._policy.max_folder_reads))
        self._threads = AbandonableThreads(self._policy.max_folder_threads)

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        """Read a published document; see `dlcore.transfer.interface.Endpoint.read_document`."""
        path = self._path(key)

        def read() -> bytes:
            with BufferedReader(_opened(path, self._folder)) as file:
                return file.read(limit_bytes + 1)

        data = await self._in_thread(path, read)
        if len(data) > limit_bytes:
            raise self._error(Fault.RANGE, f"{path} is longer than {limit_bytes} bytes")
        return data

    async def probe(self, key: str) -> Probed:
        """Find out the length of a file in the folder, and when it was modified.

        Raises:
            TransferError: It cannot be read; ``NOT_FOUND`` if there is no such file.
        """
        path = self._path(key)

        def look() -> Probed:
            with _opened(path, self._folder) as file:
                modified_ns = os.fstat(file.fileno()).st_mtime_ns
                length_bytes = file.seek(0, os.SEEK_END)
            return Probed(length_bytes, True, path.name, modified_ns=modified_ns)

        return await self._in_thread(path, look)

    async def lengths(self, keys: Sequence[str]) -> list[int | None]:
        """Find out the lengths of files in the folder; None for what is not a file.

        Raises:
            TransferError: The folder cannot be looked at.
        """
        paths = [self._path(key) for key in keys]

        def look() -> list[int | None]:
            return [_length(path, self._folder) for path in paths]

        async with self._reads:
            return await self._in_thread(self._folder, look)

    async def entries(self, key: str) -> list[tuple[str, bool]]:
        """List a folder in the folder: names, and whether each is a folder itself (no link).

        Raises:
            TransferError: It cannot be listed; ``NOT_FOUND`` if there is none.
        """
        path = self._path(key)

        def look() -> list[tuple[str, bool]]:
            with os.scandir(path) as found:
                return [(e.name, is_folder(e.stat(follow_symlinks=False))) for e in found]

        async with self._reads:
            return await self._in_thread(path, look)

    async def locate(self, manifest: Manifest) -> PackagePlacement:
        """All objects, without looking; a missing one is ``NOT_FOUND`` when it is read."""
        held = all_objects(manifest)
        if self._files is not None:
            held = objects_named(manifest, self._files, self.name)

        async def read(index: int, span: tuple[int, int], writer: SinkWriter) -> None:
            wanted = manifest.objects[index]
            path = self._path_of(wanted.name)
            start, end = span
            async with self._reads:
                while start < end:
                    stop = min(start + self._policy.folder_read_bytes, end)
                    await writer.write(await self._read(path, start, stop, wanted.length_bytes))
                    start = stop

        return PackagePlacement(held, read)

    async def aclose(self) -> None:
        """Do nothing: no file is open between reads."""

    async def _read(self, path: Path, start: int, end: int, total_bytes: int) -> bytes:
        def read() -> tuple[int, bytes]:
            with _opened(path, self._folder) as file:
                length_bytes = file.seek(0, 2)
                file.seek(start)
                return length_bytes, file.read(end - start)

        length_bytes, data = await self._in_thread(path, read)
        if length_bytes != total_bytes:
            raise self._error(
                Fault.RANGE, f"{path} is {length_bytes} bytes long, not {total_bytes}"
            )
        if len(data) != end - start:
            raise self._error(Fault.TRUNCATED, f"{path} ended at byte {start + len(data)}")
        return data

    async def _in_thread(self, path: Path, read: Callable[[], T]) -> T:
        timeout = asyncio.timeout(self._policy.stall_s)
        try:
            async with timeout:
                return await asyncio.get_running_loop().run_in_executor(self._threads, read)
        except TooManyHangError:
            raise self._error(
                Fault.STALL,
                f"{path}: {self._policy.max_folder_threads} earlier reads have not returned",
            ) from None
        except OSError as error:
            if timeout.expired():
                raise self._error(
                    Fault.STALL, f"{path}: nothing could be read for {self._policy.stall_s:g} s"
                ) from None
            reason = printable(error.strerror or type(error).__name__)
            raise self._error(_fault_of(error), f"{path}: {reason}") from None

    def _path_of(self, name: str) -> Path:
        """Where an object is."""
        if self._files is None:
            return self._path(self._key_of(name))
        return long_path(self._files[name])

    def _path(self, key: str) -> Path:
        relative = PurePosixPath(key)
        if relative.is_absolute() or ".." in relative.parts or "\\" in key or "\0" in key:
            raise self._error(Fault.REFUSED, f"{printable(key)} is not a published key")
        return self._folder / relative

    def _error(self, fault: Fault, message: str) -> TransferError:
        remedy = REMEDIES.get(fault, "Check that this user may read the folder.")
        error = TransferError(message, fault=fault, endpoint=self.name, remedy=remedy)
        _log.warning("%s", error)
        return error


def _length(path: Path, root: Path) -> int | None:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        root.stat()  # as in `_opened`
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _opened(path: Path, root: Path) -> FileIO:
    try:
        return open_plain(path)
    except PermissionError:
        if path.is_dir():  # what Windows says of a folder
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path)) from None
        raise
    except OSError:
        root.stat()  # the Windows error of a share that is out of reach; an open file has none
        raise


def _fault_of(error: OSError) -> Fault:
    code = getattr(error, "winerror", None)
    if code in _WINDOWS_FAULTS:
        return _WINDOWS_FAULTS[code]
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return Fault.NOT_FOUND
    return Fault.AUTH if isinstance(error, PermissionError) else Fault.CONNECT
