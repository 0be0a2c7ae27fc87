"""Starts and stops the services over one published folder.

Guarantees: after ``async with``, every connection is closed and every task has ended. A response
that was in progress was sent completely, or broke off visibly. The certificates, the registration
token and the passwords are kept in the caller's state folder, which only its owner can read.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, MutableMapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from aiohttp import web

from dlcore.emulator.accounts import Accounts, ensure_accounts
from dlcore.emulator.authority import Identity, ensure_identity
from dlcore.emulator.client_certificates import (
    ClientCertificates,
    demand_certificate,
    ensure_client_certificates,
)
from dlcore.emulator.counters import Counters
from dlcore.emulator.credentials import Clock, Signatures, Tokens
from dlcore.emulator.distribution_point import DistributionPoint
from dlcore.emulator.library_point import LibraryPoint
from dlcore.emulator.listening import listen
from dlcore.emulator.middleware import Guard, application
from dlcore.emulator.ntlm_acceptor import NtlmAcceptor, Scheme
from dlcore.emulator.private_files import kept_secret, make_private
from dlcore.emulator.published_folder import PublishedFolder
from dlcore.emulator.sender import Sender, Sleep
from dlcore.emulator.service import Service
from dlcore.emulator.settings import Settings
from dlcore.emulator.storage import Storage
from dlcore.emulator.windows_logins import WindowsLogins
from dlcore.errors import NotFoundError, StorageError
from dlcore.extras import require
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


def _windows_guard(accounts: Accounts, binding: bytes) -> Guard:
    """Lets requests pass that are logged in with one of the accounts."""

    def acceptor(scheme: Scheme) -> NtlmAcceptor:
        locked = frozenset({accounts.locked_user})
        return NtlmAcceptor(scheme, accounts.file, locked=locked, binding=binding)

    return WindowsLogins(acceptor).pass_on


class _Prepared(NamedTuple):
    """What the state folder has."""

    registration: str
    identity: Identity
    accounts: Accounts | None
    certificates: ClientCertificates | None


class Emulator:
    """A content-enabled gateway and (if the settings ask for them) distribution points.

    An asynchronous context manager: it serves while ``async with`` runs.

    Args:
        folder: A folder that ``dlcore publish`` wrote.
        settings: The emulator's settings.
        state: Folder for certificates and the registration token; created if missing.
        drives: Folders of a content library to serve over HTTPS; the first has ``DataLib``.
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
        drives: Sequence[Path] = (),
        clock: Clock | None = None,
        sleep: Sleep = asyncio.sleep,
        shutdown_timeout_s: float = 1.0,
    ) -> None:
        self.counters = Counters()
        self._folder = folder
        self._settings = settings
        self._state = state
        self._drives = drives
        self._clock = clock or steady_clock()
        self._sleep = sleep
        self._shutdown_timeout_s = shutdown_timeout_s
        self._stack = contextlib.AsyncExitStack()
        self._port = 0
        self._dp_ports: dict[str, int] = {}
        self._prepared: _Prepared | None = None

    @property
    def url(self) -> str:
        """The gateway's URL while the emulator runs."""
        return f"https://{_url_host(self._settings.host)}:{self._port}"

    @property
    def dp_url(self) -> str:
        """The URL of the distribution point's packages, if the settings ask for one."""
        return self._dp_url("dp", "http")

    @property
    def windows_dp_url(self) -> str:
        """The URL of the distribution point with Windows authentication."""
        return self._dp_url("windows_dp", "https")

    @property
    def certificate_dp_url(self) -> str:
        """The URL of the distribution point that demands a client certificate."""
        return self._dp_url("certificate_dp", "https")

    @property
    def library_url(self) -> str:
        """The URL of the content library, if there is one."""
        return self._dp_url("library", "https")

    @property
    def accounts(self) -> Accounts | None:
        """The accounts of the one with Windows authentication, while it runs."""
        return self._prepared.accounts if self._prepared else None

    @property
    def client_certificates(self) -> ClientCertificates | None:
        """The certificates for the one that demands them, while it runs."""
        return self._prepared.certificates if self._prepared else None

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
            ConfigError: The address or port cannot be listened on, or an extra is missing; the
                caller's fault.
        """
        if not (self._folder / CATALOG_KEY).is_file():
            raise NotFoundError(
                f"{self._folder} holds no {CATALOG_KEY}",
                remedy="Name the folder that `dlcore publish` wrote to.",
            )
        self._prepared = await asyncio.to_thread(self._prepare)
        async with contextlib.AsyncExitStack() as stack:
            await self._start(stack, self._prepared)
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

    def _dp_url(self, which: str, scheme: str) -> str:
        port = self._dp_ports.get(which, 0)
        return f"{scheme}://{_url_host(self._settings.host)}:{port}/SMS_DP_SMSPKG$"

    def _prepare(self) -> _Prepared:
        settings = self._settings
        names = {"localhost", "127.0.0.1", "::1", socket.gethostname(), settings.host}
        now = datetime.now(UTC)
        if settings.windows_dp:
            require("windows-auth")
        try:
            make_private(self._state)
            return _Prepared(
                kept_secret(self.registration_token_file),
                ensure_identity(self._state, names, now),
                ensure_accounts(self._state) if settings.windows_dp else None,
                ensure_client_certificates(self._state, now) if settings.certificate_dp else None,
            )
        except OSError as error:
            raise StorageError(
                f"the emulator's state folder {self._state} cannot be used: {error.strerror}",
                path=self._state,
                remedy="Name a folder that you can write to.",
            ) from error

    async def _start(self, stack: contextlib.AsyncExitStack, prepared: _Prepared) -> None:
        settings, counters = self._settings, self.counters
        published = PublishedFolder(self._folder)
        sender = Sender(settings.bandwidth_bytes_per_s, self._clock, self._sleep)
        tokens = Tokens(prepared.registration, settings.token_life_s, self._clock)
        signatures = Signatures(settings.location_life_s, self._clock)
        service = Service(settings, published, tokens, signatures, sender, counters)
        storage = Storage(published, signatures, sender, counters)
        gateway = service.routes() + storage.routes()
        context = prepared.identity.context()
        self._port = await stack.enter_async_context(self._serve(gateway, settings.port, context))
        if self._drives:
            library = LibraryPoint(self._drives, sender, counters).routes()
            self._dp_ports["library"] = await stack.enter_async_context(
                self._serve(library, 0, context)
            )
        await self._start_points(stack, DistributionPoint(published, sender, counters), prepared)

    async def _start_points(
        self, stack: contextlib.AsyncExitStack, point: DistributionPoint, prepared: _Prepared
    ) -> None:
        """Serve the packages as each distribution point that the settings ask for."""
        settings, routes, identity = self._settings, point.routes(), prepared.identity
        servers: dict[str, AbstractAsyncContextManager[int]] = {}
        if settings.dp:
            servers["dp"] = self._serve(routes, settings.dp_port, None)
        if prepared.accounts:
            guard = _windows_guard(prepared.accounts, identity.channel_binding())
            servers["windows_dp"] = self._serve(routes, 0, identity.context(), guard)
        if prepared.certificates:
            asking = identity.context()
            prepared.certificates.ask(asking)
            servers["certificate_dp"] = self._serve(routes, 0, asking, demand_certificate)
        for which, server in servers.items():
            self._dp_ports[which] = await stack.enter_async_context(server)

    @contextlib.asynccontextmanager
    async def _serve(
        self,
        routes: list[web.RouteDef],
        port: int,
        context: ssl.SSLContext | None,
        guard: Guard | None = None,
    ) -> AsyncIterator[int]:
        """Serve routes on a port; yields the port."""
        settings = self._settings
        app = application(routes, self.counters, settings.latency_s, self._sleep, guard)
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
