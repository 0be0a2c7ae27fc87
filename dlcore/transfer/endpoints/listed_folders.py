"""How a distribution point lists a folder: as its reply to ``PROPFIND``, or as a page for people.

Guarantees: every entry is inside the folder that was asked for (`propfind`). A listing that cannot
be used is refused, and the log tells it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from dlcore.errors import Fault, TransferError
from dlcore.transfer.endpoints.authorization import Authorization
from dlcore.transfer.endpoints.propfind import ListedItem, parse_listing, parse_page
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.readers import read_document
from dlcore.transfer.http.sent_fields import with_fields

_log = logging.getLogger(__name__)

_NOWHERE = "dlcore-doctor"  # the name of no package; whoever reads the server's log knows who asked

MAX_LISTING_BYTES = 64 << 20  # of one folder; some 100,000 files


class ListedFolders:
    """The folders of one server.

    Args:
        endpoint: Name of the endpoint, for messages.
        origin: Scheme, host and port of the server.
        client: Sends the requests.
        authorization: What the server is shown with each request.
    """

    def __init__(
        self, endpoint: str, origin: str, client: HttpClient, authorization: Authorization
    ) -> None:
        self._endpoint = endpoint
        self._origin = origin
        self._client = client
        self._authorization = authorization

    async def entries(self, link: str, root: str) -> list[ListedItem]:
        """List a folder by ``PROPFIND``.

        Args:
            link: Its path and query on the server.
            root: The path to which the entries' paths are relative; the folder is in it.

        Raises:
            TransferError: It cannot be listed; ``NOT_FOUND`` if there is none.
        """
        return self._parsed(parse_listing, await self._described(link, "1"), root)

    async def try_login(self, folder: str) -> None:
        """Ask about a package that is not there, as a fetch asks about packages.

        The folder of all packages is not asked for: some servers list it to nobody.

        Args:
            folder: The path of the folder that the packages are in.

        Raises:
            TransferError: The server does not let this client in, or does not answer.
        """
        try:
            await self._described(f"{folder}/{_NOWHERE}", "0")
        except TransferError as error:
            if error.fault is not Fault.NOT_FOUND:
                raise

    async def entries_of_page(self, link: str, root: str) -> list[ListedItem]:
        """List a folder by the page for people that ``GET`` gives; as `entries`."""
        body = await self._authorization.use(
            lambda headers: read_document(
                self._client, self._origin + link, MAX_LISTING_BYTES, headers=headers
            )
        )
        return self._parsed(parse_page, body, root)

    async def _described(self, link: str, depth: str) -> bytes:
        return await self._authorization.use(
            lambda headers: read_document(
                self._client,
                self._origin + link,
                MAX_LISTING_BYTES,
                method="PROPFIND",
                expected_status=207,
                headers=with_fields(headers, {"Depth": depth}),
            )
        )

    def _parsed(
        self, parse: Callable[[bytes, str], list[ListedItem]], body: bytes, root: str
    ) -> list[ListedItem]:
        try:
            return parse(body, root)
        except ValueError as error:
            refused = TransferError(
                f"the listing of {root} cannot be used: {error}",
                fault=Fault.REFUSED,
                endpoint=self._endpoint,
                remedy="Check that the URL is that of a distribution point's package folder.",
            )
        _log.warning("%s", refused)
        raise refused
