"""What one web server is shown with each request: the user's header fields, and a login.

Guarantees: the fields go along only where a request goes to that server's own origin; `http` drops
them where a redirect leads elsewhere. A login that is rejected (401) is read, or asked for, anew,
once. Nothing that holds a secret travels without TLS, except to this machine.

Source: RFC 7617, "The 'Basic' HTTP Authentication Scheme".
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

from yarl import URL

from dlcore.errors import ConfigError
from dlcore.model import WebAccess
from dlcore.redaction import redact
from dlcore.transfer.endpoints.credential_helper import ask_helper
from dlcore.transfer.endpoints.credentials import Secret, password_of
from dlcore.transfer.endpoints.header_fields import HeaderFields
from dlcore.transfer.endpoints.lease import NEVER_S, Lease
from dlcore.transfer.endpoints.netrc_file import netrc_entry
from dlcore.transfer.http.faults import RejectedError
from dlcore.transfer.http.shown_fields import ShownFields
from dlcore.transfer.http.urls import is_protected
from dlcore.transfer.interface import Observer, ignore
from dlcore.transfer.policy import TransferPolicy
from dlcore.waiting import in_thread

R = TypeVar("R")
Attempt = Callable[[Mapping[str, str]], Awaitable[R]]
"""Sends requests with these header fields."""
FindLogin = Callable[[], Awaitable[tuple[str, float]]]
"""Tells the value of ``Authorization``, and for how many seconds it is valid."""

NO_LOGIN: Final = (
    "Log in: write the user into the URL (https://USER@HOST/...) and name the file with the"
    " password, or use a .netrc file or a credential helper."
)

_log = logging.getLogger(__name__)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class Authorization:
    """For one endpoint, whose requests go to one origin.

    Args:
        endpoint: Name of the endpoint.
        url: Any URL of the origin.
        web: What is shown there.
        observer: Told of each renewal of the login.
        policy: For the renewals.

    Raises:
        ConfigError: The settings cannot be used, or a secret would travel without TLS.
    """

    def __init__(
        self,
        endpoint: str,
        url: URL,
        web: WebAccess,
        *,
        observer: Observer = ignore,
        policy: TransferPolicy | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._url = url
        self._fields = HeaderFields(endpoint, web.headers)
        self._find = _login(endpoint, url, web)
        self._shows_login = False
        self._check(web)
        self._lease: Lease[Mapping[str, str]] | None = None
        if self._find or self._fields.has_files:
            policy = policy or TransferPolicy()
            self._lease = Lease(endpoint, "login", self._read, observer=observer, policy=policy)

    async def use(self, attempt: Attempt[R]) -> R:
        """Run ``attempt`` with the header fields to send; if the login is rejected, once more.

        Raises:
            ConfigError: A secret is not where the settings say, or cannot be used.
            TransferError: What ``attempt`` raised; `AuthError` if the login was rejected.
        """
        if self._lease is None:
            return await self._attempt(attempt, self._shown(self._fields.given))

        async def attempt_with(fields: Mapping[str, str]) -> R:
            return await self._attempt(attempt, fields)

        return await self._lease.use(
            attempt_with, is_curable=lambda error: error.status == 401 and self._shows_login
        )

    async def aclose(self) -> None:
        """Cancel a renewal that is running. Idempotent."""
        if self._lease:
            await self._lease.aclose()

    async def _read(self) -> tuple[Mapping[str, str], float]:
        """All fields, and for how many seconds they are valid."""
        fields = await in_thread(self._fields.read)
        value, life_s = await self._find() if self._find else ("", NEVER_S)
        if value:
            fields["Authorization"] = value
        self._shows_login = bool(value) or self._fields.has_files
        return self._shown(fields), life_s

    def _shown(self, fields: Mapping[str, str]) -> ShownFields:
        return ShownFields.of(fields, self._fields.secret_names(fields))

    async def _attempt(self, attempt: Attempt[R], fields: Mapping[str, str]) -> R:
        try:
            return await attempt(fields)
        except RejectedError as error:
            if error.status == 401 and not (self._shows_login or self._fields.holds_secrets):
                error.remedy = NO_LOGIN
            raise

    def _check(self, web: WebAccess) -> None:
        if self._find and "authorization" in self._fields.names:
            raise ConfigError(
                f"endpoint {self._endpoint}: both a login and the header Authorization are named",
                remedy="Leave one of them out.",
            )
        is_secret = self._fields.holds_secrets or web.user or web.credential_command
        if (is_secret or self._find) and not is_protected(self._url):
            raise ConfigError(
                f"endpoint {self._endpoint}: its credential would travel without TLS, where others"
                " can read it",
                remedy=f"Change {redact(str(self._url.origin()))} to https.",
            )


def basic(user: str, password: str) -> str:
    """The value of ``Authorization`` for a user and a password.

    Raises:
        ConfigError: They cannot be sent in this way.
    """
    if ":" in user or _CONTROL.search(user + password):
        raise ConfigError(
            "the name of a user has a colon, or it or the password a control character",
            remedy="Correct the name; Basic authentication cannot send it.",
        )
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _login(endpoint: str, url: URL, web: WebAccess) -> FindLogin | None:
    """Where the login comes from: helper, named password, or netrc; None if from nowhere."""
    password = password_of(endpoint, "password", file=web.password_file, env=web.password_env)
    if password and web.credential_command:
        raise ConfigError(
            f"endpoint {endpoint}: both a password and a credential helper are named",
            remedy="Leave one of them out.",
        )
    if web.credential_command:
        return _from_helper(endpoint, url, web)
    if password:
        return _from_password(endpoint, web.user, password)
    if web.netrc_file:
        return _from_netrc(endpoint, url, web)
    if web.user:
        raise ConfigError(
            f"endpoint {endpoint}: the user {web.user} has no password",
            remedy="Name its file with --password-file or password_file, or put it into the"
            " environment variable DLCORE_PASSWORD; or use --netrc or --credential-command.",
        )
    return None


def _from_helper(endpoint: str, url: URL, web: WebAccess) -> FindLogin:
    async def ask() -> tuple[str, float]:
        told = await ask_helper(endpoint, web.credential_command, str(url), web.user)
        if told.token:
            return told.token, told.life_s
        return basic(told.user, told.password), told.life_s

    return ask


def _from_password(endpoint: str, user: str, password: Secret) -> FindLogin:
    if not user:
        raise ConfigError(
            f"endpoint {endpoint}: a password is named, but no user",
            remedy="Write the user into the URL: https://USER@HOST/...",
        )

    async def read() -> tuple[str, float]:
        return basic(user, await in_thread(password)), NEVER_S

    return read


def _from_netrc(endpoint: str, url: URL, web: WebAccess) -> FindLogin | None:
    """The login of a host in the netrc file; no login is not an error, unless a user is named."""
    host = url.raw_host or ""
    if not is_protected(url):
        _log.info("%s: its netrc login is not used: it would travel without TLS", endpoint)
        return None

    async def find() -> tuple[str, float]:
        entry = await in_thread(netrc_entry, endpoint, web.netrc_file, host, web.user)
        if entry:
            return basic(*entry), NEVER_S
        if web.user:
            raise ConfigError(
                f"endpoint {endpoint}: netrc_file {web.netrc_file} has no password of {web.user}"
                f" at {host}",
                remedy=f"Add: machine {host} login {web.user} password PASSWORD",
            )
        return "", NEVER_S

    return find
