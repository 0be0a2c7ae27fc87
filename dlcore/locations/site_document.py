"""What one document of a site tells: locations, packages, and what could not be used of it.

Guarantees: instances never change, and hold no secret. Nothing here was guessed: what a document
leaves open is empty.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from dlcore.model import EndpointKind

MAX_SHOWN_CHARACTERS = 200
"""Of a foreign text in a note or a comment."""

OTHER_LOCALITY: Final = "OTHER"
"""In place of a site's word that is not known, and so may be anything."""


class Access(enum.StrEnum):
    """What a server asks of a client, as far as the location tells."""

    WINDOWS = "windows"  # Windows authentication or a client certificate, unless it is anonymous
    NO_CERTIFICATE = "no-certificate"  # anonymous, or the network access account
    TOKEN = "token"  # noqa: S105  # a token of the site, in the header CCMTOKENAUTH
    REGISTRATION = "registration"  # a CMG: the registration token of a client


class Location(msgspec.Struct, frozen=True):
    """One place where a content lies.

    Attributes:
        content: The id of a package, an application or an update.
        url: Of the virtual folder of a distribution point, or of a gateway; without the content.
        kind: ``dp`` or ``cmg``.
        access: What the server asks for.
        locality: The site's word for how near it is, in upper case, or `OTHER_LOCALITY`; empty if
            it is not told.
        remarks: What else is told of it, as text that is safe to show.
    """

    content: str
    url: str
    kind: EndpointKind
    access: Access
    locality: str = ""
    remarks: tuple[str, ...] = ()


class Package(msgspec.Struct, frozen=True):
    """What is told of a content apart from its places.

    Attributes:
        content: Its id.
        version: Source version; None if it is not told.
        content_hash: ConfigMgr's package content hash, in upper-case hex; empty if it is not told.
    """

    content: str
    version: int | None = None
    content_hash: str = ""


class SiteDocument(msgspec.Struct, frozen=True):
    """All that one document tells.

    Attributes:
        source: What the document is called in messages.
        locations: In the order of the document.
        packages: One for each content.
        secrets: Names of variables that hold secrets. Their values were not kept.
        notes: What was left out, and why: sentences that are safe to show.
        is_without_locations: Whether the site answered that the content has no location.
    """

    source: str
    locations: tuple[Location, ...] = ()
    packages: tuple[Package, ...] = ()
    secrets: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_without_locations: bool = False
