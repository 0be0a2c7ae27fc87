"""Connects through a SOCKS proxy, with the packages aiohttp-socks and python-socks.

Guarantees: with ``socks5h`` and ``socks4a`` the proxy looks names up; with ``socks5`` and
``socks4`` this machine does. What fails on the way to the proxy, or is refused by it, is a
`SocksError`.

Source: RFC 1928; RFC 1929; for the names, curl's manual page, ``--proxy``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import aiohttp

from dlcore.extras import require
from dlcore.printable import printable
from dlcore.transfer.http.forgotten_names import ForgettingConnector
from dlcore.transfer.http.pinned_connections import PinnedConnections
from dlcore.transfer.http.proxies import Proxy

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler

_NAMES_LOOKED_UP_BY_PROXY: Final = frozenset({"socks5h", "socks4a"})
_LOGIN_REFUSED: Final = ("authentication failure", "acceptable authentication methods")
_DEFAULT_PORT: Final = 1080


class SocksError(OSError):
    """The proxy cannot be reached, or refuses.

    Args:
        reason: Why, without secrets.
        wants_login: Whether it refuses because of the user's name or password.
    """

    def __init__(self, reason: str, *, wants_login: bool = False) -> None:
        super().__init__(None, reason)
        self.wants_login = wants_login


def socks_connector(proxy: Proxy, **options: Any) -> aiohttp.TCPConnector:
    """What opens connections through a proxy.

    Args:
        proxy: Its URL has one of the schemes of SOCKS.
        options: For `aiohttp.TCPConnector`.

    Raises:
        ConfigError: The packages are not installed.
    """
    require("socks")
    import python_socks
    from aiohttp_socks import ProxyConnector

    class Connector(PinnedConnections, ForgettingConnector, ProxyConnector):
        """Turns the exceptions of python-socks into ours."""

        async def _connect_via_proxy(
            self, *args: Any, **kwargs: Any
        ) -> tuple[Any, ResponseHandler]:
            try:
                return await super()._connect_via_proxy(*args, **kwargs)
            except python_socks.ProxyConnectionError as error:
                cause = error.__cause__
                reason = cause.strerror if isinstance(cause, OSError) else type(error).__name__
                failure = SocksError(f"it cannot be reached: {printable(reason or '')}")
            except (python_socks.ProxyError, python_socks.ProxyTimeoutError) as error:
                failure = _refusal(str(error))
            raise failure

    parts = urlsplit(proxy.url)
    is_version_5 = parts.scheme.startswith("socks5")
    return Connector(
        parts.hostname or "",
        parts.port or _DEFAULT_PORT,
        python_socks.ProxyType.SOCKS5 if is_version_5 else python_socks.ProxyType.SOCKS4,
        username=proxy.user or None,
        password=(proxy.password or None) if is_version_5 else None,
        rdns=parts.scheme in _NAMES_LOOKED_UP_BY_PROXY,
        **options,
    )


def _refusal(text: str) -> SocksError:
    """The texts of python-socks are its own; they repeat nothing that was sent."""
    wants_login = any(words in text for words in _LOGIN_REFUSED)
    return SocksError(printable(text) or "it closed the connection", wants_login=wants_login)
