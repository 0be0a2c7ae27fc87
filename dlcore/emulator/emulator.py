"""Starts and stops the services over one published folder.

Guarantees: after ``async with``, every connection is closed and every task has ended. A response
that was in progress was sent completely, or broke off visibly. The certificates and the
registration token are kept in the caller's state folder, which only its owner can read.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from dlcore.emulator.authority import ensure_identity
from dlcore.emulator.counters import Counters
from dlcore.emulator.credentials import Clock, Signatures, Tokens
from dlcore.emulator.distribution_point import DistributionPoint
from dlcore.emulator.listening import listen
from dlcore.emulator.middleware import application
from dlcore.emulator.private_files import kept_secret, make_private
from dlcore.emulator.published_folder import PublishedFolder
from dlcore.emulator.sender import Sender, Sleep
from dlcore.emulator.service import Service
from dlcore.emulator.settings import Settings
from dlcore.emulator.storage import Storage
from dlcore.errors import NotFoundError, StorageError
from dlcore.model import CATALOG_KEY

log = logging.getLogger("dlcore.emulator")

_LOCAL_ADDRESSES = {"127.0.0.1", "::1", "0.0.0.0", "::"}  # noqa: S104  # compared, not bound


def _url_host(host: str) -> str:
    """The host in a URL with which this machine reaches a listening address."""
    if host in _LOCAL_ADDRESSES:
        return "localhost"
    return f"[{host}]" if ":" in host else host


def steady_clock() -> Clock:
    """A clock of seconds since 1970 that changes of the system's time do not affect."""
    offset_s = time.time() - time.monotonic()
    return lambda: time.monotonic() + offset_s


class _ServerLog(logging.LoggerAdapter[logging.Logger]):
    """What aiohttp's server logs, without the texts of exceptions, which repeat request headers."""

    def process(
        self, msg: object, kwargs: MutableMapping[str, Any]
    ) -> tuple[object, MutableMapping[str, Any]]:
        """Name the kind of an exception in place of its text and traceback."""
        error = kwargs.pop("exc_info", None)
        error = sys.exc_info()[1] if error is True else error
        return (f"{msg}: {type(error).__name__}" if error else msg), kwargs


class Emulator:
    """A content-enabled gateway and (if the settings ask for it) a distribution point.

    An asynchronous context manager: it serves while ``async with`` runs.

    Args:
        folder: A folder that ``dlcore publish`` wrote.
        settings: The emulator's settings.
        state: Folder for certificates and the registration token; created if missing.
        clock: Seconds since 1970, never running backwards; `steady_clock` by default.
        sleep: Waits for a number of seconds of that clock.
        shutdown_timeout_s: Time to finish the responses that are being sent when it stops.
    """

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        *,
        state: Path,
        clock: Clock | None = None,
        sleep: Sleep = asyncio.sleep,
        shutdown_timeout_s: float = 1.0,
    ) -> None:
        self.counters = Counters()
        self._folder = folder
        self._settings = settings
        self._state = state
        self._clock = clock or steady_clock()
        self._sleep = sleep
        self._shutdown_timeout_s = shutdown_timeout_s
        self._stack = contextlib.AsyncExitStack()
        self._port = 0
        self._dp_port = 0

    @property
    def url(self) -> str:
        """The gateway's URL while the emulator runs."""
        return f"https://{_url_host(self._settings.host)}:{self._port}"

    @property
    def dp_url(self) -> str:
        """The URL of the distribution point's packages, if the settings ask for one."""
        return f"http://{_url_host(self._settings.host)}:{self._dp_port}/SMS_DP_SMSPKG$"

    @property
    def ca_file(self) -> Path:
        """File with the certificate that clients must trust, PEM."""
        return self._state / "ca.pem"

    @property
    def registration_token_file(self) -> Path:
        """File with the registration token, mode 0600."""
        return self._state / "registration-token"

    async def __aenter__(self) -> Self:
        """Start to listen.

        Raises:
            NotFoundError: The folder holds no catalog; the caller's fault.
            StorageError: The state folder cannot be used; `OwnershipError` if another user could
                alter it.
            ConfigError: The address or port cannot be listened on; the caller's fault.
        """
        if not (self._folder / CATALOG_KEY).is_file():
            raise NotFoundError(
                f"{self._folder} holds no {CATALOG_KEY}",
                remedy="Name the folder that `dlcore publish` wrote to.",
            )
        registration, context = await asyncio.to_thread(self._prepare)
        async with contextlib.AsyncExitStack() as stack:
            await self._start(stack, registration, context)
            self._stack = stack.pop_all()
        log.info("%s over %s at %s", self._settings.kind, self._folder, self.url)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def _prepare(self) -> tuple[str, ssl.SSLContext]:
        names = {"localhost", "127.0.0.1", "::1", socket.gethostname(), self._settings.host}
        try:
            make_private(self._state)
            token = kept_secret(self.registration_token_file)
            identity = ensure_identity(self._state, names, datetime.now(UTC))
        except OSError as error:
            raise StorageError(
                f"the emulator's state folder {self._state} cannot be used: {error.strerror}",
                path=self._state,
                remedy="Name a folder that you can write to.",
            ) from error
        return token, identity.context()

    async def _start(
        self, stack: contextlib.AsyncExitStack, registration: str, context: ssl.SSLContext
    ) -> None:
        settings, counters = self._settings, self.counters
        published = PublishedFolder(self._folder)
        sender = Sender(settings.bandwidth_bytes_per_s, self._clock, self._sleep)
        tokens = Tokens(registration, settings.token_life_s, self._clock)
        signatures = Signatures(settings.location_life_s, self._clock)
        service = Service(settings, published, tokens, signatures, sender, counters)
        storage = Storage(published, signatures, sender, counters)
        self._port = await stack.enter_async_context(
            self._serve(service.routes() + storage.routes(), settings.port, context)
        )
        if settings.dp:
            point = DistributionPoint(published, sender, counters)
            self._dp_port = await stack.enter_async_context(
                self._serve(point.routes(), settings.dp_port, None)
            )

    @contextlib.asynccontextmanager
    async def _serve(
        self, routes: list[web.RouteDef], port: int, context: ssl.SSLContext | None
    ) -> AsyncIterator[int]:
        """Serve routes on a port; yields the port."""
        settings = self._settings
        app = application(routes, self.counters, settings.latency_s, self._sleep)
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=_ServerLog(log),
            handler_cancellation=True,
            shutdown_timeout=self._shutdown_timeout_s,
        )
        await runner.setup()
        try:
            await listen(runner, settings.host, port, context)
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()
