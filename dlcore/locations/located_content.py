"""Which endpoint the URL of a location leads to.

Guarantees: the URL of the endpoint is one that a deployment file takes: http or https, with a host,
without a user, a query or a fragment. What is not known is refused, never guessed.

Source: for the virtual folders of a distribution point, Microsoft's KB4490065 and paths that were
observed; for the gateway, the URL in Microsoft Learn, "Release notes for Configuration Manager".
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from dlcore.locations.site_document import Access
from dlcore.model import EndpointKind
from dlcore.package_ids import content_version, package_id

_PRINTABLE = re.compile(r"[\x21-\x7e]+", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|[0-9A-Fa-f:.]+", re.ASCII)
_FOLDER = re.compile(
    r"(?P<folder>/(?:(?P<access>NOCERT|CCMTOKENAUTH)_)?SMS_DP_SMSPKG[A-Z]?\$)"
    r"/(?:sccm\?/?)?(?P<content>[^/?#]+)/?",
    re.ASCII | re.IGNORECASE,
)
_GATEWAY: Final = "/downloadrestservice.svc/getcontentxmlsecure"
_ACCESS: Final = {
    "NOCERT": Access.NO_CERTIFICATE,
    "CCMTOKENAUTH": Access.TOKEN,
    "": Access.WINDOWS,
}
_USUAL_PORTS: Final = {"http": 80, "https": 443}


class LocatedContent(NamedTuple):
    """A content, and the endpoint that has it.

    Attributes:
        url: Base URL of the endpoint.
        kind: Its kind.
        access: What its server asks for.
        content: Id of the content there.
    """

    url: str
    kind: EndpointKind
    access: Access
    content: str


def located_content(url: str) -> LocatedContent:
    """The endpoint and the content to which a location's URL leads.

    Args:
        url: As the site told it; untrusted.

    Raises:
        ValueError: It leads to nothing that dlcore reads. The text says why and shows nothing of
            the URL.
    """
    origin = _origin(url)
    parts = urlsplit(url)
    if parts.path.lower().rstrip("/") == _GATEWAY:
        return _gateway(origin, parts.scheme, parts.query)
    found = _FOLDER.fullmatch(url[url.index("/", len(f"{parts.scheme}://")) :])
    if found is None:
        raise ValueError("it is neither a virtual folder of a distribution point nor a CMG")
    access = _ACCESS[(found["access"] or "").upper()]
    return LocatedContent(
        origin + found["folder"], EndpointKind.DP, access, _content_id(found["content"])
    )


def _origin(url: str) -> str:
    """Scheme, host and, if it is not the usual one, port.

    Raises:
        ValueError: The URL cannot be used.
    """
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("it is not a URL") from None
    if scheme not in _USUAL_PORTS:
        raise ValueError("it is neither http nor https")
    if not _PRINTABLE.fullmatch(url) or not _HOST.fullmatch(host) or not parts.path:
        raise ValueError("it is not the URL of a content")
    if "@" in parts.netloc:
        raise ValueError("it contains a user name, which does not belong there")
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" + (f":{port}" if port not in (None, _USUAL_PORTS[scheme]) else "")


def _gateway(origin: str, scheme: str, query: str) -> LocatedContent:
    if scheme != "https":
        raise ValueError("a CMG is reached by https only")
    asked = parse_qs(query, max_num_fields=20)
    content = _content_id(next(iter(asked.get("pid", ())), ""))
    return LocatedContent(origin, EndpointKind.CMG, Access.REGISTRATION, content)


def _content_id(text: str) -> str:
    """The id of a content.

    Raises:
        ValueError: It is not the id of a content.
    """
    package = package_id(text)
    if package is None and content_version(text) is None:
        raise ValueError("it names no package, application or update")
    return package or text
