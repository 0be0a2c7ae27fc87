"""Asks servers about plain URLs, before they are endpoints.

Guarantees: a server that asks for time gets it. That nothing is there is a `NotFoundError`, whose
remedy is about the URL and not about endpoints.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from dlcore.engine.download.asking import Asking
from dlcore.engine.events import Event
from dlcore.errors import Fault, NotFoundError, TransferError
from dlcore.transfer import ConnectionPool, Probed, may_lead_here, probe_url, read_url

T = TypeVar("T")


class Server(NamedTuple):
    """A server that is asked before it is an endpoint."""

    name: str

    @classmethod
    def of(cls, url: str) -> Server:
        """The server of a URL."""
        return cls(url.partition("://")[2].partition("/")[0].rpartition("@")[2] or "file")


class PlainUrls:
    """Asks what is at URLs. For all of one call: a server that asks for time gets it from all.

    Args:
        ca_file: PEM file of the certificate authorities to trust; empty for the system's.
        tell: Hears if a server asks for time.
        pool: The connections to use; new ones for each question if None.
    """

    def __init__(
        self, ca_file: str, tell: Callable[[Event], None], pool: ConnectionPool | None = None
    ) -> None:
        self._ca_file = ca_file
        self._asking = Asking(tell)
        self._pool = pool

    async def probe(self, url: str) -> Probed:
        """Find out what a server says about a file.

        Raises:
            NotFoundError: Nothing is there.
            ConfigError: The URL cannot be used.
            TransferError: The server cannot be asked, or does not say how long the file is.
        """
        return await self._asked(
            url, lambda: probe_url(url, ca_file=self._ca_file, pool=self._pool)
        )

    async def read(self, url: str, limit_bytes: int, *, led_by: str = "") -> bytes:
        """Read a short document.

        Args:
            url: The document.
            limit_bytes: Longest document to accept.
            led_by: The URL whose server named this one; empty if the user did.

        Raises:
            NotFoundError: Nothing is there.
            ConfigError: The URL cannot be used.
            TransferError: The server cannot be asked, or the document is too long.
        """
        is_led_to = bool(led_by) and not may_lead_here(led_by)
        return await self._asked(
            url,
            lambda: read_url(url, limit_bytes, ca_file=self._ca_file, is_led_to=is_led_to),
        )

    async def _asked(self, url: str, ask: Callable[[], Awaitable[T]]) -> T:
        try:
            return await self._asking.ask(Server.of(url), ask)
        except TransferError as error:
            if error.fault is not Fault.NOT_FOUND:
                raise
            raise NotFoundError(error.message, remedy="Check the URL.") from None
