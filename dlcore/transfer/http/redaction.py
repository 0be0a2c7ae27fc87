"""URLs as they may be shown: credentials replaced by ``***``.

Guarantees: the value of a query or fragment member whose name says that it is a credential, and
whatever stands before ``@`` in the authority, is not in the result; never raises, whatever the
text. Assumes that credentials do not hide in the path: none of the endpoints puts them there.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

HIDDEN = "***"
SHOWN_CHARACTERS = 200

_SECRET_NAME = re.compile(
    r"sig|code|pwd|auth|key|awsaccesskeyid|x-amz-.*|x-goog-.*"
    r"|.*(signature|token|secret|password|credential|api_?key).*",
    re.IGNORECASE | re.DOTALL,
)
_USERINFO = re.compile(r"^([^/?#]*//)[^/?#]*@")
_NAME = re.compile(r"[?&;#]([^?&;#=]*)=")
_VALUE = re.compile(r"[^&;#]*")
_PUBLISHED_KEY = re.compile(r"catalog\.json|manifests(/|%2F)[0-9a-f]{64}\.json")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


def redact(url: str) -> str:
    """The URL, safe to print: no credentials, no control characters.

    Source: the list of query names that OpenTelemetry's semantic conventions redact, extended.
    """
    shown = _USERINFO.sub(rf"\1{HIDDEN}@", url)
    at = 0
    while name := _NAME.search(shown, at):
        at = name.end()
        value = _VALUE.match(shown, at)
        assert value is not None  # it may be empty
        if _is_secret(name[1], value[0]):
            shown = f"{shown[:at]}{HIDDEN}{shown[value.end() :]}"
    return printable(shown, limit=10 * SHOWN_CHARACTERS)


def printable(text: str, *, limit: int = SHOWN_CHARACTERS) -> str:
    """Foreign text, safe for a terminal and a log line: printable ASCII, shortened."""
    clean = _UNPRINTABLE.sub("?", text)
    return clean if len(clean) <= limit else clean[:limit] + "..."


def _is_secret(name: str, value: str) -> bool:
    known = _SECRET_NAME.fullmatch(unquote(name)) is not None
    return known and not _PUBLISHED_KEY.fullmatch(value)
