"""A distribution point's content library as its web server gives it: ``Datalib`` and ``FileLib``.

Guarantees: those of `dlcore.transfer.interface`. A file is asked for by its SHA-256 digest, so no
name of a package is part of its URL, and no filter for the endings of names applies to it. The
links of a listing are used as the server spells them.

Documents are the INI files of ``DataLib``. The web server has no ``PkgLib``: which versions of a
package there are is read from the names in ``DataLib`` (`versions_are_listed`).

Source: badsectorlabs/sccm-http-looter, for the three forms of URLs and the page that lists
``Datalib``. Whether every server lists the folders in ``Datalib`` is not known: where one does not,
the package itself is listed, which has the same names without ``.INI``.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlsplit

from dlcore.errors import Fault, TransferError
from dlcore.model import EndpointKind, Manifest
from dlcore.transfer.endpoints.authorization import Authorization
from dlcore.transfer.endpoints.listed_folders import ListedFolders
from dlcore.transfer.endpoints.placement import PackagePlacement
from dlcore.transfer.endpoints.propfind import ListedItem
from dlcore.transfer.endpoints.web_server import placement_at_urls
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.faults import REMEDIES
from dlcore.transfer.http.readers import read_document

DATA_LIB: Final = "DataLib"
_SERVED_AS: Final = "Datalib"  # the spelling that was observed
_INI: Final = ".INI"
_NO_PROPFIND: Final = frozenset({Fault.REFUSED, Fault.NOT_FOUND})


class WebContentLibraryEndpoint:
    """The content library behind the virtual folder of a distribution point.

    Args:
        name: Name of the endpoint.
        base_url: URL of the virtual folder, ``http://dp/SMS_DP_SMSPKG$``.
        client: Sends the requests.
        authorization: What the server is shown with each request.
    """

    kind = EndpointKind.CONTENT_LIBRARY
    versions_are_listed = True
    questions_at_once = 32  # each costs a round trip, and there is one for each file

    def __init__(
        self, name: str, base_url: str, client: HttpClient, authorization: Authorization
    ) -> None:
        self.name = name
        self._base_url = base_url
        self._client = client
        self._authorization = authorization
        parts = urlsplit(base_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._folder = parts.path
        self._listed = ListedFolders(name, self._origin, client, authorization)
        self._links: dict[str, str] = {}
        self._has_propfind = True
        self._lists_contents = True

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        """Read an INI file; see `dlcore.transfer.interface.Endpoint.read_document`.

        Args:
            key: Its path in the library, ``DataLib/ABC00012.3/setup.exe.INI``.
            limit_bytes: The longest file to accept.
        """
        link = self._links.get(key) or f"{self._folder}/{quote(_served(key))}"
        return await self._authorization.use(
            lambda headers: read_document(
                self._client, self._origin + link, limit_bytes, headers=headers
            )
        )

    async def try_login(self) -> None:
        """Ask for something harmless with the login; raises as `ListedFolders.try_login`."""
        try:
            await self._listed.try_login(self._folder)
        except TransferError as error:
            if error.fault not in _NO_PROPFIND:  # it may do without, and has looked at the login
                raise

    async def entries(self, key: str) -> list[tuple[str, bool]]:
        """List a folder of ``DataLib``: names, and whether each is a folder itself.

        Args:
            key: Its path in the library, ``DataLib/ABC00012.3``.

        Raises:
            TransferError: It cannot be listed; ``NOT_FOUND`` if there is none.
        """
        content = key.removeprefix(f"{DATA_LIB}/")
        if not self._lists_contents and content != key:
            return await self._entries_of_package(content)
        try:
            found = await self._entries(_served(key))
        except TransferError as error:
            if error.fault is not Fault.NOT_FOUND or content == key:
                raise
            listed = await self._entries_of_package(content)
            self._lists_contents = False
            return listed
        self._links |= {f"{key}/{entry.path}": entry.link for entry in found if not entry.is_folder}
        return [(entry.path, entry.is_folder) for entry in found]

    async def locate(self, manifest: Manifest) -> PackagePlacement:
        """The objects that are whole files with a SHA-256 digest, without asking.

        One that is missing is ``NOT_FOUND`` when it is read.
        """
        held = frozenset(i for i, item in enumerate(manifest.objects) if item.sha256)
        if manifest.objects and not held:
            raise TransferError(
                f"can hold no object of package {manifest.package_id}: none has the digest of a"
                " whole file",
                fault=Fault.NOT_FOUND,
                endpoint=self.name,
                remedy=REMEDIES[Fault.NOT_FOUND],
            )
        return placement_at_urls(
            self._client,
            self._authorization,
            manifest,
            held,
            lambda digest: f"{self._base_url}/FileLib/{digest[:4].upper()}/{digest.upper()}",
        )

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self._authorization.aclose()
        await self._client.aclose()

    async def _entries_of_package(self, path: str) -> list[tuple[str, bool]]:
        """What `entries` would be, from the package itself."""
        return [
            (entry.path if entry.is_folder else entry.path + _INI, entry.is_folder)
            for entry in await self._entries(path)
        ]

    async def _entries(self, path: str) -> list[ListedItem]:
        """What is in a folder below the virtual folder; not the folder itself."""
        link = f"{self._folder}/{quote(path)}"
        # What a server lists in Datalib may lead to the content itself, outside of Datalib.
        root = self._folder if path == _SERVED_AS else link
        found: list[ListedItem] | None = None
        if self._has_propfind:
            try:
                found = await self._listed.entries(link, root)
            except TransferError as error:
                if error.fault not in _NO_PROPFIND:
                    raise
        if found is None:
            found = await self._listed.entries_of_page(f"{link}/", root)
            self._has_propfind = False
        if root == self._folder:
            return [entry._replace(path=entry.path.rpartition("/")[2]) for entry in found]
        return [entry for entry in found if entry.path and "/" not in entry.path]


def _served(key: str) -> str:
    folder, slash, rest = key.partition("/")
    return f"{_SERVED_AS if folder == DATA_LIB else folder}{slash}{rest}"
