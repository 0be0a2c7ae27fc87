"""An on-premises distribution point: a package as plain files, listed by ``PROPFIND``.

Guarantees: links are asked for as the server spells them; an object is held only if each of its
files is listed with the right length; a range of an object that packs many files is read as its
files' ranges, several at once where connections are left. Files are found whatever the case of
their names, as on Windows.

Assumes a virtual folder that admits this client without Windows authentication
(``NOCERT_SMS_DP_SMSPKG$``, or anonymous access).
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple
from urllib.parse import urlsplit

from dlcore.errors import Fault, TransferError
from dlcore.model import EndpointKind, Extent, Manifest
from dlcore.transfer.endpoints.concurrent_reads import Crowd, Stretch, read_abreast
from dlcore.transfer.endpoints.placement import Located
from dlcore.transfer.endpoints.propfind import Entry, parse_listing
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.document_reader import read_document
from dlcore.transfer.http.readers import read_range
from dlcore.transfer.sink import Intake

LISTING_BYTES = 64 << 20


class _Listed(NamedTuple):
    link: str
    length_bytes: int


_ABSENT = _Listed("", -1)


class DpEndpoint:
    """A distribution point.

    Args:
        name: Name of the endpoint.
        base_url: URL of the virtual folder, ``http://dp/SMS_DP_SMSPKG$``.
        client: Connections.
        connections: Most files to read at once beside others.
    """

    kind = EndpointKind.DP

    def __init__(self, name: str, base_url: str, client: HttpClient, *, connections: int) -> None:
        self.name = name
        self._client = client
        self._crowd = Crowd(connections)
        parts = urlsplit(base_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._folder = parts.path

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        """Never there: a distribution point has no published documents."""
        raise self._missing(f"has no document {key}: a distribution point publishes none")

    async def locate(self, manifest: Manifest) -> Located:
        """List the package and see which objects are whole."""
        listed = await self._walk(manifest)
        missing = {
            index
            for index, file in enumerate(manifest.files)
            if file.length_bytes and listed.get(index, _ABSENT).length_bytes != file.length_bytes
        }
        incomplete = {manifest.files[index].object for index in missing}
        held = frozenset(range(len(manifest.objects))) - incomplete
        if manifest.objects and not held:
            path = manifest.files[min(missing)].path
            raise self._missing(f"package {manifest.package_id} has no {path} of the right length")

        def stretch(extent: Extent) -> Stretch:
            return Stretch(
                extent.length_bytes,
                lambda intake: read_range(
                    self._client,
                    self._origin + listed[extent.file].link,
                    (extent.offset_bytes, extent.offset_bytes + extent.length_bytes),
                    manifest.files[extent.file].length_bytes,
                    intake,
                ),
            )

        async def read(index: int, span: tuple[int, int], intake: Intake) -> None:
            await read_abreast(map(stretch, manifest.extents(index, *span)), intake, self._crowd)

        return Located(held, read)

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self._client.aclose()

    async def _walk(self, manifest: Manifest) -> dict[int, _Listed]:
        """Listed files of the manifest, by index; only folders that it needs are visited."""
        wanted = {_key(file.path): index for index, file in enumerate(manifest.files)}
        folders = {_key(parent) for file in manifest.files for parent in _parents(file.path)}
        root = f"{self._folder}/{manifest.package_id}"
        found: dict[int, _Listed] = {}
        links = [root]
        while links:
            for entry in await self._list(links.pop(), root):
                key = _key(entry.path)
                if entry.is_folder and key in folders:
                    folders.discard(key)  # visited once, whatever the server says
                    links.append(entry.link)
                elif not entry.is_folder and key in wanted:
                    found[wanted[key]] = _Listed(entry.link, entry.length_bytes)
        return found

    async def _list(self, link: str, root: str) -> list[Entry]:
        body = await read_document(
            self._client,
            self._origin + link,
            LISTING_BYTES,
            method="PROPFIND",
            status=207,
            headers={"Depth": "1"},
        )
        try:
            return parse_listing(body, root)
        except ValueError as error:
            raise TransferError(
                str(error),
                fault=Fault.REFUSED,
                endpoint=self.name,
                remedy="Check that the URL is that of a distribution point's package folder.",
            ) from None

    def _missing(self, message: str) -> TransferError:
        return TransferError(message, fault=Fault.NOT_FOUND, endpoint=self.name)


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]
