"""Finds a credential in what a server replies: from there it would get into messages and logs.

Guarantees: pure. A credential is found as it stands, and as JSON or a URL may spell it. Assumes a
server that repeats what it was sent by mistake: no search finds what is hidden on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

MIN_SECRET_CHARACTERS = 12  # a shorter secret may be a part of a reply by chance

_JSON_ESCAPE = re.compile(rb"\\(?:u00([0-9A-Fa-f]{2})|(/))")


def repeats(body: bytes, secrets: Iterable[str]) -> bool:
    """Whether a reply contains one of the secrets, as it stands or escaped.

    Source: RFC 8259, section 7, "Strings"; RFC 3986, section 2.1, "Percent-Encoding".
    """
    unescaped = _JSON_ESCAPE.sub(_character, body) if b"\\" in body else body
    decoded = unquote_to_bytes(unescaped) if b"%" in unescaped else unescaped
    wanted = [secret.encode() for secret in secrets if len(secret) >= MIN_SECRET_CHARACTERS]
    return any(secret in spelling for secret in wanted for spelling in (body, unescaped, decoded))


def _character(escape: re.Match[bytes]) -> bytes:
    return escape[2] or bytes.fromhex(escape[1].decode())
