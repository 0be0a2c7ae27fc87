"""An on-premises distribution point (DP): a package as plain files, listed by ``PROPFIND``.

Guarantees: links are used as the server spells them. An object is held only if each of its files is
listed with the right length. A range of an object that packs many files is read as ranges of these
files, several at once. Files are found whatever the case of their names, as on Windows.

A folder with anonymous access (``NOCERT_SMS_DP_SMSPKG$``) is read without a login; others need one,
mostly by Windows authentication.
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple
from urllib.parse import urlsplit

from dlcore.errors import Fault, TransferError
from dlcore.model import EndpointKind, Extent, Manifest
from dlcore.transfer.endpoints.authorization import Authorization
from dlcore.transfer.endpoints.concurrent_reads import FileRead, ReadBudget, read_concurrently
from dlcore.transfer.endpoints.listed_folders import ListedFolders
from dlcore.transfer.endpoints.placement import PackagePlacement
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.readers import read_range
from dlcore.transfer.sink import SinkWriter


class _ListedFile(NamedTuple):
    link: str
    length_bytes: int


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

        def file_read(extent: Extent) -> FileRead:
            return FileRead(
                extent.length_bytes,
                lambda writer: self._authorization.use(
                    lambda headers: read_range(
                        self._client,
                        self._origin + listed[extent.file].link,
                        (extent.offset_bytes, extent.offset_bytes + extent.length_bytes),
                        manifest.files[extent.file].length_bytes,
                        writer,
                        headers=headers,
                    )
                ),
            )

        async def read(index: int, span: tuple[int, int], writer: SinkWriter) -> None:
            reads = map(file_read, manifest.extents(index, *span))
            await read_concurrently(reads, writer, self._budget)

        return PackagePlacement(held, read)

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self._authorization.aclose()
        await self._client.aclose()

    def _complete_objects(
        self, manifest: Manifest, listed: dict[int, _ListedFile]
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

    async def _list_package(self, manifest: Manifest) -> dict[int, _ListedFile]:
        """The listed files, by index in the manifest; only folders that it needs are listed."""
        wanted = {_case_key(file.path): index for index, file in enumerate(manifest.files)}
        folders = {_case_key(parent) for file in manifest.files for parent in _parents(file.path)}
        root = f"{self._folder}/{manifest.package_id}"
        found: dict[int, _ListedFile] = {}
        links = [root]
        while links:
            for entry in await self._listed.entries(links.pop(), root):
                key = _case_key(entry.path)
                if entry.is_folder and key in folders:
                    folders.discard(key)  # each folder once, or a false listing would go in circles
                    links.append(entry.link)
                elif not entry.is_folder and key in wanted:
                    found[wanted[key]] = _ListedFile(entry.link, entry.length_bytes)
        return found

    def _not_found(self, message: str, *, remedy: str = "") -> TransferError:
        return TransferError(message, fault=Fault.NOT_FOUND, endpoint=self.name, remedy=remedy)


def _case_key(path: str) -> str:
    """Equal for two paths that Windows takes for the same."""
    return unicodedata.normalize("NFC", path).casefold()


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]
