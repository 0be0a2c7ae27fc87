"""Which authentication a 401 or 407 offers, and the token that is sent along. Pure.

Source: RFC 9110, sections 11.6.1 and 11.7.1; RFC 4559, section 4, for ``Negotiate``.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Final

MAX_TOKEN_BYTES: Final = 64 << 10
"""A longer token is refused. Source: Microsoft's largest Kerberos token, ``MaxTokenSize``."""

_KNOWN: Final = ("Negotiate", "NTLM", "Basic", "Digest", "Bearer")
_ITEM = re.compile(r'(?:"(?:[^"\\]|\\.?)*(?:"|$)|[^",])+', re.DOTALL)
"""What stands between commas. A quotation that is not closed goes on to the end: if it were read
again from its second character on, a few kibibytes would take a second.
"""

_SCHEME = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]+(.*))?", re.DOTALL)


def offered_schemes(fields: Iterable[str]) -> Mapping[str, str]:
    """The schemes that a server offers, in its order.

    Args:
        fields: The value of each ``WWW-Authenticate`` or ``Proxy-Authenticate``; untrusted.

    Returns:
        By the scheme in small letters: what follows it, up to the next comma.
    """
    found: dict[str, str] = {}
    for item in (part.strip() for value in fields for part in _ITEM.findall(value)):
        # A parameter of the scheme before it, as realm="x", has no space behind its name.
        if match := _SCHEME.fullmatch(item):
            found.setdefault(match[1].lower(), (match[2] or "").strip())
    return found


def offers_of(headers: Mapping[str, str], field: str = "WWW-Authenticate") -> tuple[str, ...]:
    """The schemes that a response offers, by the names that are known here.

    A server could put anything into the others.

    Args:
        headers: Those of the response; untrusted.
        field: The name of the field; that of a proxy is another one.
    """
    name = field.lower()
    offered = offered_schemes(text for key, text in headers.items() if key.lower() == name)
    return tuple(scheme for scheme in _KNOWN if scheme.lower() in offered)


def token_of(text: str) -> bytes | None:
    """The token behind a scheme; None if there is none, or it cannot be read."""
    if not text or len(text) > MAX_TOKEN_BYTES:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def credential_of(scheme: str, token: bytes) -> str:
    """The value of ``Authorization`` or ``Proxy-Authorization`` that carries a token."""
    return f"{scheme} {base64.b64encode(token).decode()}"
