"""Asks servers about plain URLs, before they are endpoints.

Guarantees: a server that asks for time gets it. That nothing is there is a `NotFoundError`, whose
remedy is about the URL and not about endpoints.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from dlcore.engine.download.asking import Asking
from dlcore.engine.fetching.early_bytes import EarlyBytes
from dlcore.errors import ConfigError, Fault, NotFoundError, TransferError
from dlcore.transfer import (
    Beginning,
    ConnectionPool,
    Keyring,
    Probed,
    SpooledFile,
    begin_url,
    probe_url,
    read_url,
    redact,
    spool_url,
)

T = TypeVar("T")


class Server(NamedTuple):
    """A server that is asked before it is an endpoint."""

    name: str

    @classmethod
    def of(cls, url: str) -> Server:
        """The server of a URL."""
        authority = re.split(r"[/?#;]", redact(url).partition("://")[2], maxsplit=1)[0]
        return cls(authority.rpartition("@")[2] or "file")


class PlainUrls:
    """Asks what is at URLs.

    Args:
        keyring: Which server is shown what.
        asking: Puts the questions; shared by all of a call, so that a server which asks for time
            gets it.
        pool: The connections to use; new ones for each question if None.
        max_file_bytes: The longest file to accept; 0 for any.
        early: Counts what is received of files of unknown length.
        only_asks: Whether nothing is to be received but what servers say.
    """

    def __init__(
        self,
        keyring: Keyring,
        asking: Asking,
        pool: ConnectionPool | None = None,
        max_file_bytes: int = 0,
        early: EarlyBytes | None = None,
        *,
        only_asks: bool = False,
    ) -> None:
        self._keyring = keyring
        self._asking = asking
        self._pool = pool
        self._max_file_bytes = max_file_bytes
        self._early = early or EarlyBytes()
        self._only_asks = only_asks

    def check_length(self, name: str, length_bytes: int) -> None:
        """Refuse a file that is too long.

        Raises:
            ConfigError: It is longer than is allowed.
        """
        if self._max_file_bytes and length_bytes > self._max_file_bytes:
            raise ConfigError(
                f"{name} has {length_bytes} bytes or more, and {self._max_file_bytes} are allowed",
                remedy="Allow more, with --max-size, or check the URL.",
            )

    async def probe(self, url: str) -> Probed:
        """Find out what a server says about a file.

        Raises:
            NotFoundError: Nothing is there.
            ConfigError: The URL cannot be used.
            TransferError: The server cannot be asked.
        """
        return await self._ask(url, lambda: probe_url(url, keyring=self._keyring, pool=self._pool))

    async def begin(self, url: str, limit_bytes: int, received: Callable[[int], None]) -> Beginning:
        """Find out what a server says about a file, and read it at once if it is short.

        Args:
            url: The file, http or https.
            limit_bytes: The longest file to read.
            received: Told of bytes of the file as they arrive, also of those that turn out not to
                be all of it.

        Raises:
            NotFoundError: Nothing is there.
            ConfigError: The URL cannot be used.
            TransferError: The server cannot be asked, or breaks off.
        """
        return await self._ask(
            url,
            lambda: begin_url(url, limit_bytes, received, keyring=self._keyring, pool=self._pool),
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
        return await self._ask(
            url,
            lambda: read_url(
                url, limit_bytes, keyring=self._keyring, led_by=led_by, pool=self._pool
            ),
        )

    async def spool(
        self, url: str, folder: Path, check: Callable[[int], None], algorithm: str
    ) -> SpooledFile:
        """Receive a file into one without a name; see `dlcore.transfer.spool_url`.

        Raises:
            ConfigError: Nothing is to be received.
        """
        if self._only_asks:
            raise ConfigError(
                f"the server of {redact(url)} does not say how long it is: only a fetch can tell",
                remedy="Leave --dry-run out.",
            )
        open_bytes = self._early.ledger.open()

        async def spool() -> SpooledFile:
            open_bytes.close()  # an earlier attempt
            return await spool_url(
                url,
                folder,
                check,
                received=open_bytes.received,
                algorithm=algorithm,
                keyring=self._keyring,
                pool=self._pool,
            )

        try:
            spooled = await self._ask(url, spool)
        except BaseException:
            open_bytes.close()
            raise
        self._early.spooled(spooled)
        return spooled

    async def _ask(self, url: str, ask: Callable[[], Awaitable[T]]) -> T:
        try:
            return await self._asking.ask(Server.of(url), ask)
        except TransferError as error:
            if error.fault is not Fault.NOT_FOUND:
                raise
            raise NotFoundError(error.message, remedy="Check the URL.") from None
