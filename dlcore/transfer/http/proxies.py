"""Which proxy to use for a host, from the environment or the system's settings.

On Windows the settings are those of the user (*Internet Options*), if the environment names no
proxy. They are read here, because Python's own look at the exceptions asks the name servers for the
host while the event loop waits, and takes ``inside`` for an exception of ``inside.example``.

aiohttp's ``trust_env`` is not used: it would also send passwords from ``.netrc`` along with signed
URLs, and look the settings up in a thread for each request.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from urllib.request import getproxies, getproxies_environment, proxy_bypass

from dlcore.transfer.http.urls import is_loopback

_INTERNET_SETTINGS = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"

_EXCEPTION = re.compile(r"(?:(?P<scheme>\w+)(?:://|=))?(?P<host>\[.*\]|[^:]*)(?::\d+)?")


@functools.lru_cache(maxsize=256)
def proxy_of(scheme: str, host: str) -> str | None:
    """The proxy's URL, which may hold a password; None to connect directly."""
    setting = getproxies().get(scheme)
    if setting is None or is_loopback(host) or _is_excepted(scheme, host):
        return None
    return setting if "://" in setting else f"http://{setting}"


def source_of(scheme: str) -> str:
    """Where the proxy for a scheme is set: the name of a variable, or the system's settings."""
    variable = f"{scheme}_proxy"
    named = [name for name in os.environ if name.lower() == variable and os.environ[name]]
    if not named:
        return "the system's settings"
    return variable if variable in named else named[0]


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
    return is_windows_exception(scheme, host, _windows_exceptions())


def _windows_exceptions() -> str:
    """The value ``ProxyOverride`` of this user; empty if there is none."""
    if sys.platform != "win32":
        return ""
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, _INTERNET_SETTINGS) as key:
            return str(winreg.QueryValueEx(key, "ProxyOverride")[0])
    except OSError:
        return ""
