"""The logins by Negotiate or NTLM that an endpoint's settings ask for: at its server, at a proxy.

Guarantees: what cannot work is refused before the first request: a login that would travel without
TLS although the settings do not allow that, and an extra that is not installed.
"""

from __future__ import annotations

from typing import Final

from yarl import URL

from dlcore.errors import ConfigError
from dlcore.extras import require
from dlcore.model import Authentication, WebAccess
from dlcore.redaction import redact
from dlcore.transfer.endpoints.login_source import FindLogin, login_source
from dlcore.transfer.http.connection_login import ConnectionLogin, FindAccount
from dlcore.transfer.http.proxy_logins import ProxyAuthentication
from dlcore.transfer.http.security_contexts import (
    AccountPassword,
    MakeContext,
    Scheme,
    SecurityContexts,
)
from dlcore.transfer.http.urls import is_protected, origin_of
from dlcore.transfer.policy import TransferPolicy

_SCHEMES: Final[dict[Authentication, tuple[Scheme, ...]]] = {
    Authentication.BASIC: (),
    Authentication.NEGOTIATE: ("Negotiate", "NTLM"),
    Authentication.NTLM: ("NTLM",),
}


def make_connection_login(
    endpoint: str,
    url: URL,
    web: WebAccess,
    policy: TransferPolicy,
    make_context: MakeContext | None = None,
) -> ConnectionLogin | None:
    """What logs in at the server of a URL; None if each request carries its login.

    Args:
        endpoint: Name of the endpoint, for errors.
        url: Any URL of the server.
        web: The settings.
        policy: Times and limits.
        make_context: Makes the tokens; None: the system does.

    Raises:
        ConfigError: The settings cannot be used, or pyspnego is not installed.
    """
    schemes = _SCHEMES[web.authentication]
    if not schemes:
        return None
    if not is_protected(url) and not web.logs_in_without_tls:
        raise ConfigError(
            f"endpoint {endpoint}: its {web.authentication} login would travel without TLS, where"
            " others can try passwords on what they read, and use it for themselves",
            remedy=f"Change {redact(str(url.origin()))} to https, or accept that with"
            " logs_in_without_tls = true (on the command line --login-without-tls).",
        )
    find = login_source(endpoint, url, web)
    if make_context is None:
        require("windows-auth")
        make_context = SecurityContexts().make
    return ConnectionLogin(
        origin_of(url), schemes, _account_finder(endpoint, find), make_context, policy
    )


def proxy_authentication(
    web: WebAccess, make_context: MakeContext | None = None
) -> ProxyAuthentication | None:
    """How to log in at a proxy; None if each request carries the login.

    Args:
        web: The settings.
        make_context: Makes the tokens; None: the system does.

    Raises:
        ConfigError: pyspnego is not installed.
    """
    schemes = _SCHEMES[web.proxy_authentication]
    if not schemes:
        return None
    if make_context is None:
        require("windows-auth")
        make_context = SecurityContexts().make
    return ProxyAuthentication(schemes, make_context)


def _account_finder(endpoint: str, find: FindLogin | None) -> FindAccount:
    async def account() -> AccountPassword | None:
        login = await find() if find else None
        if login and login.authorization:
            raise ConfigError(
                f"endpoint {endpoint}: the credential helper answers with a token instead of the"
                " password of an account",
                remedy="Name a helper that does, or the file of the password with password_file.",
            )
        return AccountPassword(login.user, login.password) if login else None

    return account
