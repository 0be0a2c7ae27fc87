"""Where a redirect may lead, and which headers go along. Pure.

Guarantees: a redirect never leads from https to http, from this machine to another one over plain
http, to a URL that was asked already, or further than `MAX_REDIRECTS`. Once it has left the first
URL's origin, only headers that cannot hold a credential go along, also if a later redirect comes
back. What a message shows of a target is its origin: both the path and the query may be a
signature.

Source: RFC 9110, section 15.4, "Redirection 3xx".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urljoin, urlsplit

import msgspec
from yarl import URL

from dlcore.endpoint_rules import is_loopback
from dlcore.redaction import redact
from dlcore.transfer.http.addresses import Reach, is_metadata_host
from dlcore.transfer.http.urls import (
    exact_url,
    is_protected,
    origin_of,
    quote_unsafe,
)

MAX_REDIRECTS: Final = 5
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

_HARMLESS_HEADERS: Final = frozenset({"range", "if-range", "want-repr-digest"})
_ABSOLUTE = re.compile(r"https?://", re.IGNORECASE)


class Route(msgspec.Struct, frozen=True):
    """The URLs that were asked for one thing: the one that is known, then where each led.

    Attributes:
        urls: At least one; the last one is asked now.
    """

    urls: tuple[str, ...]

    @property
    def first(self) -> str:
        """The URL that is known."""
        return self.urls[0]

    @property
    def url(self) -> str:
        """The URL to ask."""
        return self.urls[-1]

    @property
    def shown_url(self) -> str:
        """The URL to ask, without secrets: if a server named it, only its origin."""
        if not self.is_redirected:
            return redact(self.url)
        parts = urlsplit(self.url)
        return redact(f"{parts.scheme}://{parts.netloc}")

    @property
    def is_redirected(self) -> bool:
        """Whether another URL is asked than the one that is known."""
        return len(self.urls) > 1

    @property
    def reach(self) -> Reach:
        """What may be connected to: a foreign server does not choose services of this machine."""
        first = _host(self.first)
        last = _host(self.url) if self.is_redirected else first
        if first == last and is_metadata_host(first):
            return Reach.ANY
        is_chosen_here = first == last or is_loopback(first)
        return Reach.NO_METADATA if is_chosen_here else Reach.OTHER_MACHINES

    def redirected(self, location: str) -> Route:
        """The route that a redirect makes of this one.

        Args:
            location: The value of ``Location``.

        Raises:
            ValueError: It must not be followed; the text says why and does not repeat the URL.
        """
        if len(self.urls) > MAX_REDIRECTS:
            raise ValueError(f"more than {MAX_REDIRECTS} redirects")
        url = _resolved(self.url, location)
        target = exact_url(url)
        if _protection(target) < _protection(exact_url(self.url)):
            raise ValueError("a redirect to plain http")
        if target in map(exact_url, self.urls):
            raise ValueError("a redirect in a circle")
        return Route((*self.urls, url))

    def is_within(self, origin: tuple[str, str, int | None]) -> bool:
        """Whether nothing but one origin was asked."""
        return all(origin_of(exact_url(url)) == origin for url in self.urls)

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Those of the first request's headers that the last URL may get."""
        if self.is_within(origin_of(exact_url(self.first))):
            return dict(headers)
        return {name: text for name, text in headers.items() if name.lower() in _HARMLESS_HEADERS}

    def __str__(self) -> str:
        """The first URL and the last one's origin, without secrets."""
        first = redact(self.first)
        return f"{first}, redirected to {self.shown_url}" if self.is_redirected else first

    def __repr__(self) -> str:
        """As it is shown: the URLs may be credentials."""
        return f"<{self}>"


def _resolved(base: str, location: str) -> str:
    """The URL of a ``Location``, in its own spelling, without a fragment."""
    text = quote_unsafe(location.strip()).partition("#")[0]
    if not text:
        raise ValueError("a redirect that does not say where to")
    return text if _ABSOLUTE.match(text) else urljoin(base, text)


def _protection(url: URL) -> int:
    """How well what travels is protected from others: by TLS, by never leaving the machine, not."""
    if url.scheme == "https":
        return 2
    return 1 if is_protected(url) else 0


def _host(url: str) -> str:
    target: URL = exact_url(url)
    return (target.raw_host or "").lower()
