"""The logins by Negotiate or NTLM at the proxies of a process.

Guarantees: all endpoints that reach one proxy as one account share one login, so that a wrong
password is shown there once, and not once for each endpoint.
"""

from __future__ import annotations

from typing import NamedTuple

from yarl import URL

from dlcore.errors import ConfigError
from dlcore.transfer.http.connection_login import ConnectionLogin
from dlcore.transfer.http.login_side import proxy_side
from dlcore.transfer.http.proxies import Proxy
from dlcore.transfer.http.security_contexts import AccountPassword, MakeContext, Scheme
from dlcore.transfer.http.urls import origin_of
from dlcore.transfer.policy import TransferPolicy


class ProxyAuthentication(NamedTuple):
    """How an endpoint logs in at a proxy.

    Attributes:
        schemes: What may be used, the best first.
        make_context: Makes the tokens.
    """

    schemes: tuple[Scheme, ...]
    make_context: MakeContext


class ProxyLogins:
    """Those of one connection pool.

    Args:
        policy: Times and limits.
    """

    def __init__(self, policy: TransferPolicy) -> None:
        self._policy = policy
        self._logins: dict[tuple[Proxy, tuple[Scheme, ...]], ConnectionLogin] = {}

    def of(self, proxy: Proxy, authentication: ProxyAuthentication) -> ConnectionLogin | None:
        """The login at a proxy; None if that speaks SOCKS, which has no such logins.

        Args:
            proxy: The proxy, with user and password if they are named.
            authentication: How to log in.

        Raises:
            ConfigError: Nobody can be logged in at such a proxy.
        """
        if proxy.is_socks:
            return None
        url = URL(proxy.url)
        if url.scheme != "http":
            raise ConfigError(
                f"{proxy.url}: Windows authentication at a proxy that is reached by https is not"
                " supported",
                remedy="Name the proxy's http URL, or set proxy_authentication to basic.",
            )
        key = proxy, authentication.schemes
        if key not in self._logins:
            is_named = proxy.user and proxy.password  # an empty password could lock the account
            account = AccountPassword(proxy.user, proxy.password) if is_named else None

            async def find() -> AccountPassword | None:
                return account

            self._logins[key] = ConnectionLogin(
                origin=origin_of(url),
                schemes=authentication.schemes,
                find_account=find,
                make_context=authentication.make_context,
                policy=self._policy,
                side=proxy_side(proxy.url),
            )
        return self._logins[key]
