"""Where the login at a web server comes from: a helper, a named password, or a netrc file.

Guarantees: nothing is read before it is asked for. A login by host is not used where it would
travel without TLS.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from yarl import URL

from dlcore.errors import ConfigError
from dlcore.model import WebAccess
from dlcore.transfer.endpoints.credential_helper import ask_helper
from dlcore.transfer.endpoints.credentials import Secret, password_of
from dlcore.transfer.endpoints.lease import NEVER_S
from dlcore.transfer.endpoints.netrc_file import netrc_entry
from dlcore.transfer.http.urls import is_protected
from dlcore.waiting import in_thread

_log = logging.getLogger(__name__)


class Login(NamedTuple):
    """Who logs in.

    Attributes:
        user: Empty if ``authorization`` says all.
        password: The password.
        authorization: A whole value of ``Authorization``; empty if there is a password.
        life_s: For how long it is valid, in seconds.
    """

    user: str = ""
    password: str = ""
    authorization: str = ""
    life_s: float = NEVER_S

    def __repr__(self) -> str:
        """Without the password and the authorization."""
        return f"<login of {self.user}>"


FindLogin = Callable[[], Awaitable[Login | None]]
"""Reads the login; None if there is none for this server, after all."""


def login_source(endpoint: str, url: URL, web: WebAccess) -> FindLogin | None:
    """What reads the login at the server of a URL; None if the settings name none.

    Args:
        endpoint: Name of the endpoint, for messages.
        url: Any URL of the server.
        web: The settings.

    Raises:
        ConfigError: They contradict each other.
    """
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
    async def ask() -> Login:
        told = await ask_helper(endpoint, web.credential_command, str(url), web.user)
        return Login(told.user, told.password, told.token, told.life_s)

    return ask


def _from_password(endpoint: str, user: str, password: Secret) -> FindLogin:
    if not user:
        raise ConfigError(
            f"endpoint {endpoint}: a password is named, but no user",
            remedy="Write the user into the URL: https://USER@HOST/...",
        )

    async def read() -> Login:
        return Login(user, await in_thread(password))

    return read


def _from_netrc(endpoint: str, url: URL, web: WebAccess) -> FindLogin | None:
    """The login of a host in the netrc file; no login is not an error, unless a user is named."""
    host = url.raw_host or ""
    if not is_protected(url):
        _log.info("%s: its netrc login is not used: it would travel without TLS", endpoint)
        return None

    async def find() -> Login | None:
        entry = await in_thread(netrc_entry, endpoint, web.netrc_file, host, web.user)
        if entry:
            return Login(*entry)
        if web.user:
            raise ConfigError(
                f"endpoint {endpoint}: netrc_file {web.netrc_file} has no password of {web.user}"
                f" at {host}",
                remedy=f"Add: machine {host} login {web.user} password PASSWORD",
            )
        return None

    return find
