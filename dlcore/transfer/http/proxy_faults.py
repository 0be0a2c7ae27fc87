"""What it means when a proxy, and not the server behind it, refuses or fails. Pure.

Guarantees: a message names the proxy by its URL without a user. It repeats nothing that the proxy
sent.
"""

from __future__ import annotations

import aiohttp

from dlcore.errors import Fault, ProxyAuthError, TransferError
from dlcore.transfer.http.proxies import Proxy
from dlcore.transfer.http.socks import SocksError

PROXY_LOGIN_REQUIRED = 407


def error_of_proxy(
    endpoint: str, request: str, error: BaseException, proxy: Proxy
) -> TransferError | None:
    """The error for a failure on the way to or at a proxy; None if it is about the server.

    Args:
        endpoint: Name of the endpoint.
        request: Method and redacted URL.
        error: What the request failed with.
        proxy: The proxy that it was sent through.
    """
    if isinstance(error, SocksError):
        if error.wants_login:
            return login_refused(endpoint, request, proxy)
        return failed(endpoint, request, proxy, error.strerror or "")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        if error.status == PROXY_LOGIN_REQUIRED:
            return login_refused(endpoint, request, proxy)
        return failed(endpoint, request, proxy, f"it answered {error.status}")
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        reason = error.os_error.strerror or type(error.os_error).__name__
        return failed(endpoint, request, proxy, f"it cannot be reached: {reason}")
    return None


def login_refused(endpoint: str, request: str, proxy: Proxy) -> ProxyAuthError:
    """The error for a proxy that wants another user or password (status 407)."""
    if proxy.user:
        what = "does not accept the user and password"
        remedy = "Correct the user in the proxy's URL, and the password that is named for it."
    else:
        what = "asks for a user and password"
        remedy = (
            f"Write the user into its URL ({proxy.url.replace('://', '://USER@')}) and name the"
            " file with the password: --proxy-password-file, or proxy_password_file of the"
            " endpoint."
        )
    if not proxy.is_socks:
        remedy += (
            " If it wants Windows authentication: proxy_authentication (--proxy-authentication)."
        )
    return ProxyAuthError(
        f"{request}: the proxy {proxy.url} {what}",
        fault=Fault.PROXY,
        endpoint=endpoint,
        remedy=remedy,
    )


def failed(endpoint: str, request: str, proxy: Proxy, reason: str) -> TransferError:
    """The error for a proxy that cannot be reached, or opens no connection.

    Args:
        endpoint: Name of the endpoint.
        request: Method and redacted URL.
        proxy: The proxy.
        reason: Why, without secrets.
    """
    return TransferError(
        f"{request}: no connection through the proxy {proxy.url}: {reason}",
        fault=Fault.CONNECT,
        endpoint=endpoint,
        remedy="Check the proxy's address, and whether it allows this server.",
    )


def script_failed(endpoint: str, request: str, source: str, reason: str) -> TransferError:
    """The error for a proxy script that does not name a proxy.

    Args:
        endpoint: Name of the endpoint.
        request: Method and redacted URL.
        source: What the script is called.
        reason: Why, without secrets.
    """
    return TransferError(
        f"{request}: {source} does not name a proxy: {reason}",
        fault=Fault.CONNECT,
        endpoint=endpoint,
        remedy="Correct the script, or name the proxy itself with --proxy or proxy.",
    )
