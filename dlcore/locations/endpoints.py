"""Makes endpoints of locations: one for each virtual folder or gateway, the nearest first.

Guarantees: names are unique. The order is that in which a ConfigMgr client takes its sources, and
among equals that of the documents. Where a server was told both with and without TLS, the endpoint
is the one with TLS.

Source: Microsoft Learn, "Fundamental concepts for content management", section "Content source
priority".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

import msgspec

from dlcore.locations.site_document import Access, Location
from dlcore.model import EndpointKind

_LOCAL: Final = 1
_RANKS: Final = {"SUBNETPEER": 0, "SUBNET": 0, "LOCAL": _LOCAL, "FALLBACK": 3}
_UNKNOWN: Final = 2
_COST_OF_FALLBACK: Final = 1
_COST_OF_CLOUD: Final = 2


class FoundEndpoint(msgspec.Struct, frozen=True):
    """An endpoint, and the locations that led to it.

    Attributes:
        name: Unique among those that were found.
        kind: ``dp`` or ``cmg``.
        url: Its base URL.
        access: What its server asks for.
        cost: Of using it, compared with the others.
        localities: The site's words for how near it is.
        contents: Ids of what it was told to have, sorted.
        remarks: What else was told of it.
        also: The URL of the same folder without TLS, if that was told too; else empty.
    """

    name: str
    kind: EndpointKind
    url: str
    access: Access
    cost: int
    localities: tuple[str, ...]
    contents: tuple[str, ...]
    remarks: tuple[str, ...]
    also: str = ""


def endpoints_of(locations: Iterable[Location]) -> tuple[FoundEndpoint, ...]:
    """The endpoints to which locations lead.

    Args:
        locations: Of one site.
    """
    folders: dict[tuple[str, str, str], list[Location]] = {}
    for each in locations:
        folders.setdefault(_folder(each), []).append(each)
    names: dict[str, int] = {}
    nearest_first = sorted(folders.values(), key=_rank)
    return tuple(_endpoint(together, names) for together in nearest_first)


def _folder(location: Location) -> tuple[str, str, str]:
    """What is the same for all locations of one endpoint; with and without TLS is one."""
    parts = urlsplit(location.url)
    port = "" if parts.port is None else str(parts.port)
    return (parts.hostname or "").lower(), port, parts.path.lower()


def _rank(together: list[Location]) -> int:
    """How far away: the nearest that was told; in the middle if the site did not say."""
    if together[0].kind is EndpointKind.CMG:
        return max(_RANKS.values()) + 1
    told = {each.locality for each in together} - {""}
    return min((_RANKS.get(each, _UNKNOWN) for each in told), default=_LOCAL)


def _endpoint(together: list[Location], names: dict[str, int]) -> FoundEndpoint:
    best = next((each for each in together if each.url.startswith("https:")), together[0])
    host = urlsplit(best.url).hostname or ""
    count = names[host] = names.get(host, 0) + 1
    plain = (each.url for each in together if each.url.startswith("http:") and each is not best)
    return FoundEndpoint(
        host if count == 1 else f"{host} ({count})",
        best.kind,
        best.url,
        Access.TOKEN if any(each.access is Access.TOKEN for each in together) else best.access,
        _cost(together),
        _once(each.locality for each in together if each.locality),
        tuple(sorted({each.content for each in together})),
        _once(remark for each in together for remark in each.remarks),
        next(plain, "") if best.url.startswith("https:") else "",
    )


def _cost(together: list[Location]) -> int:
    if together[0].kind is EndpointKind.CMG:
        return _COST_OF_CLOUD
    return _COST_OF_FALLBACK if _rank(together) == _RANKS["FALLBACK"] else 0


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
