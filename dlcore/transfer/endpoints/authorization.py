"""What one web server is shown with each request: the user's header fields, and a Basic login.

Guarantees: the fields go along only where a request goes to that server's own origin; `http` drops
them where a redirect leads elsewhere. A login that is rejected (401) is read, or asked for, again,
once. None of it travels without TLS, except to this machine.

Source: RFC 7617, "The 'Basic' HTTP Authentication Scheme".
"""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

from yarl import URL

from dlcore.errors import ConfigError
from dlcore.model import Authentication, WebAccess
from dlcore.redaction import redact
from dlcore.transfer.endpoints.credentials import Secret
from dlcore.transfer.endpoints.header_fields import HeaderFields
from dlcore.transfer.endpoints.lease import NEVER_S, Lease
from dlcore.transfer.endpoints.login_source import login_source
from dlcore.transfer.http.faults import RejectedError
from dlcore.transfer.http.sent_fields import SentFields
from dlcore.transfer.http.urls import is_protected
from dlcore.transfer.interface import Observer, ignore
from dlcore.transfer.policy import TransferPolicy
from dlcore.waiting import in_thread

R = TypeVar("R")
Attempt = Callable[[Mapping[str, str]], Awaitable[R]]
"""Sends requests with these header fields."""

NO_LOGIN: Final = (
    "Log in: write the user into the URL (https://USER@HOST/...) and name the file with the"
    " password, or use a .netrc file or a credential helper."
)

TOKEN_FIELD: Final = "CCMTOKENAUTH"  # noqa: S105  # the name of a header
"""What a distribution point reads a client's token from.

Source: Microsoft Support, KB4490065, on ``CCMTOKENAUTH_SMS_DP_SMSPKG$``. The form of the field is
not documented; its name here is that of the folder.
"""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class Authorization:
    """For one endpoint, whose requests go to one origin.

    Args:
        endpoint: Name of the endpoint.
        url: Any URL of the origin.
        web: What is shown there.
        token: Reads what a distribution point takes in place of a login; None for nothing.
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
        token: Secret | None = None,
        observer: Observer = ignore,
        policy: TransferPolicy | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._url = url
        self._fields = HeaderFields(endpoint, web.headers)
        is_basic = web.authentication is Authentication.BASIC
        self._find = login_source(endpoint, url, web) if is_basic else None
        self._token = token
        self._shows_login = False
        self._check(web)
        self._lease: Lease[Mapping[str, str]] | None = None
        if self._find or self._token or self._fields.has_files:
            policy = policy or TransferPolicy()
            self._lease = Lease(endpoint, "login", self._read, observer=observer, policy=policy)

    async def use(self, attempt: Attempt[R]) -> R:
        """Run ``attempt`` with the header fields to send; if the login is rejected, once more.

        Raises:
            ConfigError: A secret is not where the settings say, or cannot be used.
            TransferError: What ``attempt`` raised; `AuthError` if the login was rejected.
        """
        if self._lease is None:
            return await self._attempt(attempt, self._sent(self._fields.given))

        async def attempt_with(fields: Mapping[str, str]) -> R:
            return await self._attempt(attempt, fields)

        return await self._lease.use(
            attempt_with,
            is_curable=lambda error: (
                error.status == 401 and self._shows_login and not error.wants_windows_login
            ),
        )

    async def aclose(self) -> None:
        """Cancel a renewal that is running. Idempotent."""
        if self._lease:
            await self._lease.aclose()

    async def _read(self) -> tuple[Mapping[str, str], float]:
        """All fields, and for how many seconds they are valid."""
        fields = await in_thread(self._fields.read)
        login = await self._find() if self._find else None
        if login:
            fields["Authorization"] = login.authorization or basic(login.user, login.password)
        if self._token:
            fields[TOKEN_FIELD] = await in_thread(self._token)
        self._shows_login = login is not None or self._token is not None or self._fields.has_files
        return self._sent(fields), login.life_s if login else NEVER_S

    def _sent(self, fields: Mapping[str, str]) -> SentFields:
        return SentFields.of(fields, self._fields.secret_names(fields))

    async def _attempt(self, attempt: Attempt[R], fields: Mapping[str, str]) -> R:
        try:
            return await attempt(fields)
        except RejectedError as error:
            shows_any = self._shows_login or self._fields.holds_secrets
            if error.status == 401 and not (shows_any or error.wants_windows_login):
                error.remedy = NO_LOGIN
            raise

    def _check(self, web: WebAccess) -> None:
        if self._find and "authorization" in self._fields.names:
            raise ConfigError(
                f"endpoint {self._endpoint}: both a login and the header Authorization are named",
                remedy="Leave one of them out.",
            )
        is_basic = web.authentication is Authentication.BASIC
        is_login = is_basic and (web.user or web.credential_command)
        if (
            self._fields.holds_secrets or is_login or self._find or self._token
        ) and not is_protected(self._url):
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
            "the user name contains a colon, or it or the password contains a control character",
            remedy="Correct the name; Basic authentication cannot send it.",
        )
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
