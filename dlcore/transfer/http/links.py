"""What ``Link`` headers say of a file: where a Metalink describes it, and where its like is. Pure.

Guarantees: a link leads only where a redirect from the same response might: never from https to
http, and to a URL that can be requested as it stands. What cannot be read is left out.

Source: RFC 8288, section 3, "Link Serialisation in HTTP Headers"; RFC 6249, sections 2 to 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from dlcore.transfer.http.redirects import Route

MAX_DUPLICATES: Final = 16  # more mirrors than that bring nothing
METALINK_TYPE: Final = "application/metalink4+xml"

_TARGET = re.compile(r"[\s,]*<([^>]*)>")
_PARAMETER = re.compile(
    r"\s*;\s*([A-Za-z0-9*_-]*)\s*(?:=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s,;\"]*)))?"
)
_NUMBER = re.compile(r"[0-9]{1,6}", re.ASCII)
_LAST_PRIORITY = 999_999


class Links(NamedTuple):
    """What is known beside a file.

    Attributes:
        metalinks: URLs of Metalinks that describe it.
        duplicates: URLs of files with the same content, the best first.
    """

    metalinks: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()


class _Link(NamedTuple):
    target: str
    parameters: dict[str, str]

    def has(self, relation: str) -> bool:
        return relation in self.parameters.get("rel", "").lower().split()

    @property
    def priority(self) -> int:
        text = self.parameters.get("pri", "")
        return int(text) if _NUMBER.fullmatch(text) else _LAST_PRIORITY


def links_of(url: str, values: Iterable[str]) -> Links:
    """Read the ``Link`` headers of one response.

    Args:
        url: What was asked; relative links are meant from there.
        values: The headers' values.
    """
    found = [link for value in values for link in _parsed(value)]
    described = [
        link
        for link in found
        if link.has("describedby") and link.parameters.get("type", "").lower() == METALINK_TYPE
    ]
    duplicates = sorted((link for link in found if link.has("duplicate")), key=_priority)
    return Links(tuple(_allowed(url, described)), tuple(_allowed(url, duplicates))[:MAX_DUPLICATES])


def _priority(link: _Link) -> int:
    return link.priority


def _allowed(url: str, links: Iterable[_Link]) -> Iterator[str]:
    for link in links:
        try:
            yield Route((url,)).redirected(link.target).url
        except ValueError:
            continue


def _parsed(value: str) -> Iterator[_Link]:
    at = 0
    while target := _TARGET.match(value, at):
        at = target.end()
        parameters: dict[str, str] = {}
        while parameter := _PARAMETER.match(value, at):
            at = parameter.end()
            quoted, plain = parameter[2], parameter[3]
            text = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain or ""
            parameters.setdefault(parameter[1].lower(), text)
        yield _Link(target[1].strip(), parameters)
