"""Where a gateway's locations may lead: a gateway must not make this client ask other machines.

Guarantees: a URL is used only if it is the gateway's own origin, names a host that the settings
list, or, if they list none, is https and its address turns out to be public. The settings decide
about their own hosts: those may be private, and this machine too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from yarl import URL

from dlcore.transfer.http.addresses import Reach, is_public
from dlcore.transfer.http.urls import exact_url, is_protected, origin_of


class ContentOrigins:
    """The rule for one gateway.

    Args:
        base_url: The gateway's.
        content_hosts: Names of hosts; ``*.example.com`` for all below that name. Empty: the
            gateway's own origin, and public hosts over https.
    """

    def __init__(self, base_url: str, content_hosts: Sequence[str] = ()) -> None:
        self._own = origin_of(exact_url(base_url))
        self._hosts = tuple(host.lower() for host in content_hosts)

    def reach(self, url: str) -> Reach:
        """What a location's URL may be connected to.

        Raises:
            ValueError: It must not be used; the text says why and does not repeat the URL.
        """
        target = exact_url(url)
        if not is_protected(target):
            raise ValueError("a URL in it is not an exact https URL")
        if origin_of(target) == self._own or self._is_listed(target):
            return Reach.ANY
        if self._hosts or target.scheme != "https" or _is_private(target):
            raise ValueError("a URL in it leads to a host that content_hosts does not name")
        return Reach.PUBLIC

    def _is_listed(self, target: URL) -> bool:
        host = (target.raw_host or "").lower().rstrip(".")
        return any(
            host.endswith(listed[1:]) if listed.startswith("*.") else host == listed
            for listed in self._hosts
        )


def _is_private(target: URL) -> bool:
    """Whether the host itself says so; names are looked at when they are connected to."""
    host = (target.raw_host or "").rstrip(".").lower()
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return not is_public(host)
