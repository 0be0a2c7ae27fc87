"""What a management point replies when a client asks where a content lies.

The reply's form is not documented. What was observed is read; everything else becomes a remark or
is skipped. Nothing here speaks with a management point.

Guarantees: only the name of an unknown property is shown, and only if it is a plain word. A value
that is not known may be a secret, whatever its name.

Source: ``ContentLocationReply`` in logs of clients that were made public; for the reply without
locations, MSEndpointMgr/ModernDriverManagement, issue 69.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

import msgspec

from dlcore.hook.package_hash import hash_in
from dlcore.locations.located_content import located_content
from dlcore.locations.site_document import OTHER_LOCALITY, Access, Location, Package, SiteDocument
from dlcore.model import EndpointKind

REPLY: Final = "ContentLocationReply"
"""The name of the document's element."""

_SHA_256: Final = "32780"  # CALG_SHA_256, 0x800C
_TOKEN_METHOD: Final = "1024"  # noqa: S105  # of the property AuthMethod
_AUTH_METHOD: Final = "AuthMethod"
_SERVER: Final = "SERVER"
_LOCALITIES: Final = frozenset({"LOCAL", "SUBNETPEER", "SUBNET", "FALLBACK"})
_HARMLESS: Final = frozenset({"SSLState", _AUTH_METHOD})  # numbers; all others may be secrets
_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)


def read_replies(root: Element, source: str) -> SiteDocument:
    """What the replies in a document tell.

    Args:
        root: The document.
        source: Where it comes from, for messages.
    """
    parts = [_read_reply(reply, source) for reply in root.iter(REPLY)]
    return SiteDocument(
        source,
        tuple(each for part in parts for each in part.locations),
        tuple(each for part in parts for each in part.packages),
        notes=tuple(each for part in parts for each in part.notes),
        is_without_locations=any(part.is_without_locations for part in parts),
    )


def _read_reply(reply: Element, source: str) -> SiteDocument:
    locations: list[Location] = []
    notes: list[str] = []
    records = tuple(_records(reply))
    for number, (record, locality) in enumerate(records, 1):
        try:
            locations.append(_location(record, locality))
        except ValueError as error:
            notes.append(f"{source}: location {number} is left out: {error}")
    contents = {each.content for each in locations}
    hash_ = _content_hash(reply)
    if hash_ and len(contents) > 1:
        notes.append(f"{source}: the content hash is left out: the reply is about several contents")
        hash_ = ""
    return SiteDocument(
        source,
        tuple(locations),
        tuple(Package(content, content_hash=hash_) for content in sorted(contents)),
        notes=tuple(notes),
        is_without_locations=not records,
    )


def _records(reply: Element) -> Iterator[tuple[Element, str]]:
    """The locations, and the locality of the site that each belongs to."""
    for site in reply.iter("Site"):
        point = site.find("MPSite")
        near = point.get("SiteLocality", "") if point is not None else ""
        for record in site.iter("LocationRecord"):
            yield record, near


def _location(record: Element, locality_of_site: str) -> Location:
    """One location.

    Raises:
        ValueError: It leads to nothing that dlcore reads.
    """
    url = record.find("URL")
    kind = _text(record, "DPType").upper()
    if url is None:
        raise ValueError("it has no URL")
    if kind not in {"", _SERVER}:
        raise ValueError("it is not a server")
    located = located_content(url.get("Name", "").strip())
    properties = {each.get("Name", ""): each.get("Value", "") for each in record.iter("Property")}
    method = properties.pop(_AUTH_METHOD, "")
    takes_token = method == _TOKEN_METHOD and located.kind is EndpointKind.DP
    found = Location(
        located.content,
        located.url,
        located.kind,
        Access.TOKEN if takes_token else located.access,
        _locality(_text(record, "Locality") or locality_of_site.strip()),
        tuple(_remark(name, value) for name, value in properties.items()),
    )
    if not method or method == _TOKEN_METHOD:
        return found
    return msgspec.structs.replace(found, remarks=(*found.remarks, _remark(_AUTH_METHOD, method)))


def _locality(told: str) -> str:
    word = told.upper()
    return word if not word or word in _LOCALITIES else OTHER_LOCALITY


def _remark(name: str, value: str) -> str:
    is_known = name in _HARMLESS and _NUMBER.fullmatch(value)
    shown = name if _NAME.fullmatch(name) else "a property with an odd name"
    return f"{shown} = {value if is_known else 'not copied'}"


def _content_hash(reply: Element) -> str:
    """The SHA-256 among the hashes of a reply; empty if there is none."""
    own = [(reply.get("HashAlgorithm", ""), reply.get("Hash", ""))]
    listed = [(e.get("Algorithm", ""), e.get("HashString", "")) for e in reply.iter("Hash")]
    told = {hash_in(text) for algorithm, text in own + listed if algorithm == _SHA_256}
    told.discard("")
    return told.pop() if len(told) == 1 else ""


def _text(record: Element, name: str) -> str:
    return record.findtext(name, "").strip()
