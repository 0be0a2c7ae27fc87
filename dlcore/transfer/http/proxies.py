"""Which proxy to use for a host: the one that is set, else that of the environment or the system.

Hosts that the environment excepts (``NO_PROXY``), and this machine, are reached directly, whoever
names the proxy. ``ALL_PROXY`` counts for schemes that have no variable of their own.

On Windows the settings are those of the user (*Internet Options*), if the environment names no
proxy: first the script that they name, if it can be used, then the proxy. They are read here,
because Python's own look at the exceptions asks the name servers for the host while the event loop
waits, and takes ``inside`` for an exception of ``inside.example``.

aiohttp's ``trust_env`` is not used: it would also send passwords from ``.netrc`` along with signed
URLs, and look the settings up in a thread for each request.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, getproxies_environment, proxy_bypass

from yarl import URL

from dlcore.endpoint_rules import is_loopback
from dlcore.errors import ConfigError
from dlcore.redaction import redact
from dlcore.transfer.http.proxy_script import ProxyScript, ProxyScriptError

_log = logging.getLogger(__name__)

SOCKS_SCHEMES: Final = frozenset({"socks4", "socks4a", "socks5", "socks5h"})
_SCHEMES: Final = frozenset({"http", "https"}) | SOCKS_SCHEMES

_INTERNET_SETTINGS = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"

_EXCEPTION = re.compile(r"(?:(?P<scheme>\w+)(?:://|=))?(?P<host>\[.*\]|[^:]*)(?::\d+)?")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and who this client is there.

    Attributes:
        url: Scheme, host and port, without a user.
        user: Who logs in; empty for nobody.
        password: The password.
    """

    url: str
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS rather than HTTP."""
        return urlsplit(self.url).scheme in SOCKS_SCHEMES

    @property
    def url_with_login(self) -> URL:
        """The URL as aiohttp takes the login; must not be shown."""
        url = URL(self.url)
        return url.with_user(self.user).with_password(self.password) if self.user else url


class Proxies:
    """Which proxy leads to a host.

    Args:
        url: The proxy for all hosts, as it is shown; empty: as the environment or the system says.
        login: Tells user and password for a proxy whose URL, which it is given, has no password.
        script: Names the proxy of each host, in place of all that; None for none.
        is_systems: Whether the script is the system's and nobody has named it here: if it cannot be
            used, the rest of the system's settings count.
        unused_script: The system's script and why it is not used, for people; empty for none.

    Attributes:
        unused_script: The system's script and why it is not used, for people; empty for none.

    Raises:
        ConfigError: The URL is not that of a proxy.
    """

    def __init__(
        self,
        url: str = "",
        login: Callable[[Proxy], tuple[str, str]] | None = None,
        script: ProxyScript | None = None,
        *,
        is_systems: bool = False,
        unused_script: str = "",
    ) -> None:
        self.unused_script = unused_script
        self._set = _read(url, "proxy") if url else None
        self._login = login
        self._script = script
        self._is_systems = is_systems

    async def way_to(self, scheme: str, host: str) -> Proxy | None:
        """As `proxy_for`, and a script is asked if there is one.

        Args:
            scheme: ``http`` or ``https``.
            host: Name or address of the host, without a port.

        Raises:
            ConfigError: As `proxy_for`.
            ProxyScriptError: The script does not tell.
        """
        if self._script is None:
            return self.proxy_for(scheme, host)
        if is_direct(scheme, host):
            return None
        try:
            proxy = await self._named_by(self._script, scheme, host)
        except ProxyScriptError as error:
            if not self._is_systems:
                raise
            _log.warning("the proxy script %s cannot be used: %s", self._script.shown, error)
            return self.proxy_for(scheme, host)
        if proxy is None:
            return None
        # Whoever wrote the script may not choose who is shown where: only the entry of its host.
        return Proxy(proxy.url, *self._login(Proxy(proxy.url))) if self._login else proxy

    def proxy_for(self, scheme: str, host: str) -> Proxy | None:
        """The proxy; None to connect directly.

        Args:
            scheme: ``http`` or ``https``.
            host: Name or address of the host, without a port.

        Raises:
            ConfigError: The setting, or the place of the password, cannot be used.
        """
        if self._set is None:
            found = proxy_of(scheme, host)
            proxy = _read(found, source_of(scheme)) if found else None
        else:
            proxy = None if is_direct(scheme, host) else self._set
        if proxy is None or proxy.password or self._login is None:
            return proxy
        return Proxy(proxy.url, *self._login(proxy))

    @staticmethod
    async def _named_by(script: ProxyScript, scheme: str, host: str) -> Proxy | None:
        url = await script.way_to(scheme, host)
        try:
            return _read(url, "the script") if url else None
        except ConfigError as error:
            raise ProxyScriptError(error.message) from None

    def source_for(self, scheme: str) -> str:
        """Where the proxy for a scheme is set, for people."""
        if self._script:
            return f"the script {self._script.shown}"
        return "--proxy or the setting proxy" if self._set else source_of(scheme)


class _NoProxies(Proxies):
    """Leads everywhere without a proxy."""

    def proxy_for(self, scheme: str, host: str) -> Proxy | None:
        """Always None."""
        return None


NO_PROXIES: Final = _NoProxies()


def _read(text: str, source: str) -> Proxy:
    """The proxy of a setting, which may hold a user and a password."""
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        scheme, host, port = parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        scheme, host, port = "", "", None
    if scheme not in _SCHEMES or not host:
        raise ConfigError(
            f"{source}: {redact(text)} is not the URL of a proxy",
            remedy="Write it as http://HOST:PORT or socks5h://HOST:PORT"
            f" (schemes: {', '.join(sorted(_SCHEMES))}).",
        )
    shown = f"[{host}]" if ":" in host else host
    url = f"{scheme}://{shown}" + (f":{port}" if port else "")
    return Proxy(url, unquote(parts.username or ""), unquote(parts.password or ""))


@functools.lru_cache(maxsize=256)
def proxy_of(scheme: str, host: str) -> str | None:
    """The proxy's URL in the environment or the system's settings; None to connect directly.

    It may hold a password.
    """
    settings = getproxies()
    setting = settings.get(scheme) or settings.get("all")
    if setting is None or is_direct(scheme, host):
        return None
    return setting if "://" in setting else f"http://{setting}"


def is_direct(scheme: str, host: str) -> bool:
    """Whether a host is reached without a proxy: this machine, and what the settings except."""
    return is_loopback(host) or _is_excepted(scheme, host)


def source_of(scheme: str) -> str:
    """Where the proxy for a scheme is set: the name of a variable, or the system's settings."""
    for variable in (f"{scheme}_proxy", "all_proxy"):
        named = [name for name in os.environ if name.lower() == variable and os.environ[name]]
        if named:
            return variable if variable in named else named[0]
    return "the system's settings"


def is_windows_exception(scheme: str, host: str, exceptions: str) -> bool:
    """Whether Windows' settings say that a host is reached without the proxy.

    Args:
        scheme: ``http`` or ``https``.
        host: Name or address of the host, without a port.
        exceptions: The value ``ProxyOverride``: hosts with ``*`` for any characters, maybe with a
            scheme, and ``<local>`` for all names without a dot. A port counts for all ports.

    Source: learn.microsoft.com/en-us/windows/win32/wininet/enabling-internet-functionality
    """
    for entry in re.split(r"[;\s]+", exceptions):
        if entry.lower() == "<local>":
            if "." not in host and ":" not in host:
                return True
        elif (found := _EXCEPTION.fullmatch(entry)) and found["scheme"] in {None, scheme}:
            pattern = re.escape(found["host"].strip("[]")).replace(r"\*", ".*")
            if re.fullmatch(pattern, host, re.IGNORECASE):
                return True
    return False


def _is_excepted(scheme: str, host: str) -> bool:
    if sys.platform != "win32" or getproxies_environment():
        return bool(proxy_bypass(host))
    return is_windows_exception(scheme, host, _windows_setting("ProxyOverride"))


def auto_config_url() -> str:
    """The URL of the proxy script in Windows' settings of this user; empty if none counts."""
    return "" if getproxies_environment() else _windows_setting("AutoConfigURL").strip()


def _windows_setting(name: str) -> str:
    """A value of this user's Internet Options; empty if there is none."""
    if sys.platform != "win32":
        return ""
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, _INTERNET_SETTINGS) as key:
            return str(winreg.QueryValueEx(key, name)[0])
    except OSError:
        return ""
