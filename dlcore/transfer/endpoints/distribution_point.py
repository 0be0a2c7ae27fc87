"""An on-premises distribution point (DP): a package as plain files, listed by ``PROPFIND``.

Guarantees: links are used as the server spells them. An object is held only if each of its files is
listed with the right length. A range of an object that packs many files is read as ranges of these
files, several at once. Files are found whatever the case of their names, as on Windows.

A folder with anonymous access (``NOCERT_SMS_DP_SMSPKG$``) is read without a login; others need one,
mostly by Windows authentication.
"""

from __future__ import annotations

import unicodedata
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from dlcore.errors import Fault, TransferError
from dlcore.model import EndpointKind, FileExtent, Manifest
from dlcore.transfer.endpoints.authorization import Authorization
from dlcore.transfer.endpoints.concurrent_reads import FileRead, ReadBudget, read_concurrently
from dlcore.transfer.endpoints.listed_folders import ListedFolders
from dlcore.transfer.endpoints.placement import PackagePlacement
from dlcore.transfer.endpoints.web_content_library import WebContentLibraryEndpoint
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.readers import read_range
from dlcore.transfer.sink import Sink, SinkWriter
from dlcore.waiting import side_by_side

MAX_ENTRIES = 1 << 20  # of a content: more than any has, and less than memory
MAX_PATH_CHARACTERS = 4096  # of an entry; nesting without end ends there
MAX_LISTED_CHARACTERS = 1 << 28  # of all paths and links together, which are kept in memory
_LISTED_AT_ONCE = 32  # folders; each costs a round trip
_FILTERED = (
    "The server lists it and does not send it: its request filtering may refuse names with this"
    " ending (404.7 in the log of IIS). Allow it there, or use another endpoint."
)


class ListedFile(NamedTuple):
    """A file in a listing.

    Attributes:
        link: Path and query on the server, as it spells them.
        length_bytes: As the server says.
    """

    link: str
    length_bytes: int


class ListedContent(NamedTuple):
    """All that a distribution point lists of a content. Nothing of it is verified.

    Attributes:
        files: The files, by their paths.
        folders: Paths of the folders with nothing in them.
    """

    files: Mapping[str, ListedFile]
    folders: tuple[str, ...]


class DistributionPointEndpoint:
    """A distribution point.

    Args:
        name: Name of the endpoint.
        base_url: URL of the virtual folder, ``http://dp/SMS_DP_SMSPKG$``.
        client: Sends the requests.
        authorization: What the server is shown with each request.
        connections: Small files to read at once, at most.
    """

    kind = EndpointKind.DP

    def __init__(
        self,
        name: str,
        base_url: str,
        client: HttpClient,
        authorization: Authorization,
        *,
        connections: int,
    ) -> None:
        self.name = name
        self._client = client
        self._authorization = authorization
        self._budget = ReadBudget(connections, client.policy)
        self._base_url = base_url
        parts = urlsplit(base_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._folder = parts.path
        self._listed = ListedFolders(name, self._origin, client, authorization)

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        """Always ``NOT_FOUND``: a distribution point has no published documents."""
        raise self._not_found(f"holds no document {key}: a distribution point publishes none")

    async def locate(self, manifest: Manifest) -> PackagePlacement:
        """List the package's folders and see which objects are complete."""
        listed = await self._list_package(manifest)
        held = self._complete_objects(manifest, listed)

        def file_read(extent: FileExtent) -> FileRead:
            return FileRead(
                extent.length_bytes,
                lambda writer: self._read_file(
                    manifest.files[extent.file].path,
                    listed[extent.file],
                    (extent.offset_bytes, extent.offset_bytes + extent.length_bytes),
                    writer,
                ),
            )

        async def read(index: int, span: tuple[int, int], writer: SinkWriter) -> None:
            reads = map(file_read, manifest.file_extents(index, *span))
            await read_concurrently(reads, writer, self._budget)

        return PackagePlacement(held, read)

    async def try_login(self) -> None:
        """Ask for something harmless with the login; raises as `ListedFolders.try_login`."""
        await self._listed.try_login(self._folder)

    def content_library(self) -> WebContentLibraryEndpoint:
        """The content library behind the same URL.

        It shares the connections and the login, which this endpoint closes.
        """
        name = f"{self.name} (content library)"
        return WebContentLibraryEndpoint(name, self._base_url, self._client, self._authorization)

    async def list_content(self, name: str, *, max_entries: int = MAX_ENTRIES) -> ListedContent:
        """List all of a content that nothing is known of.

        Args:
            name: A package id, or a content id: its folder on the server.
            max_entries: The most files and folders to accept.

        Raises:
            TransferError: It cannot be listed; ``NOT_FOUND`` if it is not there; ``REFUSED`` if it
                has too many files and folders, or too long paths.
        """
        root = f"{self._folder}/{name}"
        files: dict[str, ListedFile] = {}
        folders: dict[str, str] = {"": root}
        with_entries: set[str] = set()
        characters = 0
        waiting = deque([root])
        while waiting:
            some = [waiting.popleft() for _ in range(min(len(waiting), _LISTED_AT_ONCE))]
            listed = await side_by_side(
                lambda link: self._listed.entries(link, root), some, _LISTED_AT_ONCE
            )
            for entry in (entry for entries in listed for entry in entries if entry.path):
                if len(entry.path) > MAX_PATH_CHARACTERS:
                    raise self._too_much(name, f"a path of over {MAX_PATH_CHARACTERS} characters")
                characters += len(entry.path) + len(entry.link)
                with_entries.add(entry.path.rpartition("/")[0])
                if not entry.is_folder:
                    files[entry.path] = ListedFile(entry.link, entry.length_bytes)
                elif entry.path not in folders:  # else a false listing would go in circles
                    folders[entry.path] = entry.link
                    waiting.append(entry.link)
            if len(files) + len(folders) > max_entries:
                raise self._too_much(name, f"more than {max_entries} files and folders")
            if characters > MAX_LISTED_CHARACTERS:
                raise self._too_much(name, f"paths of over {MAX_LISTED_CHARACTERS} characters")
        return ListedContent(files, tuple(sorted(folders.keys() - with_entries - {""})))

    def _too_much(self, name: str, what: str) -> TransferError:
        return TransferError(
            f"{name} has {what}",
            fault=Fault.REFUSED,
            endpoint=self.name,
            remedy="Split the package. If it has fewer files, the server is not to be trusted.",
        )

    async def read_listed(
        self, path: str, file: ListedFile, span: tuple[int, int], sink: Sink
    ) -> None:
        """Read a range of a listed file; what arrives is verified by nobody.

        Args:
            path: What messages call the file.
            file: The file.
            span: The range ``[start, end)``; at least one byte.
            sink: Takes the bytes.

        Raises:
            TransferError: As `dlcore.transfer.interface.Placement.read_range`.
        """
        await self._read_file(path, file, span, SinkWriter(sink))

    async def _read_file(
        self, path: str, file: ListedFile, span: tuple[int, int], writer: SinkWriter
    ) -> None:
        async def attempt(headers: Mapping[str, str]) -> None:
            await read_range(
                self._client,
                self._origin + file.link,
                span,
                file.length_bytes,
                writer,
                headers=headers,
            )

        try:
            return await self._authorization.use(attempt)
        except TransferError as error:
            if error.fault is not Fault.NOT_FOUND:
                raise
            missing = error
        told = missing.message.removeprefix(f"{self.name}: ")
        raise self._not_found(f"{path} is listed, but {told}", remedy=_FILTERED)

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self._authorization.aclose()
        await self._client.aclose()

    def _complete_objects(
        self, manifest: Manifest, listed: dict[int, ListedFile]
    ) -> frozenset[int]:
        """The objects all of whose files are listed with the right length.

        Raises:
            TransferError: ``NOT_FOUND``: the package has objects, but none of them is complete.
        """
        missing = {
            index
            for index, file in enumerate(manifest.files)
            if file.length_bytes
            and (index not in listed or listed[index].length_bytes != file.length_bytes)
        }
        incomplete = {manifest.files[index].object for index in missing}
        held = frozenset(range(len(manifest.objects))) - incomplete
        if manifest.objects and not held:
            path = manifest.files[min(missing)].path
            raise self._not_found(
                f"package {manifest.package_id} has no {path} of the right length",
                remedy="Update the package on this distribution point, or use another endpoint.",
            )
        return held

    async def _list_package(self, manifest: Manifest) -> dict[int, ListedFile]:
        """The listed files, by index in the manifest; only folders that it needs are listed."""
        wanted = {_case_key(file.path): index for index, file in enumerate(manifest.files)}
        folders = {_case_key(parent) for file in manifest.files for parent in _parents(file.path)}
        root = f"{self._folder}/{manifest.package_id}"
        found: dict[int, ListedFile] = {}
        links = [root]
        while links:
            for entry in await self._listed.entries(links.pop(), root):
                key = _case_key(entry.path)
                if entry.is_folder and key in folders:
                    folders.discard(key)  # each folder once, or a false listing would go in circles
                    links.append(entry.link)
                elif not entry.is_folder and key in wanted:
                    found[wanted[key]] = ListedFile(entry.link, entry.length_bytes)
        return found

    def _not_found(self, message: str, *, remedy: str = "") -> TransferError:
        return TransferError(message, fault=Fault.NOT_FOUND, endpoint=self.name, remedy=remedy)


def _case_key(path: str) -> str:
    """Equal for two paths that Windows takes for the same."""
    return unicodedata.normalize("NFC", path).casefold()


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]
