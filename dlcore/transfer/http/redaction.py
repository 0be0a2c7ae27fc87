"""Makes URLs and foreign text safe to show: credentials are replaced by ``***``.

Guarantees: the result does not contain the value of a query or fragment parameter whose name stands
for a credential, nor anything before ``@`` in the authority. Never raises, whatever the text.
Assumes that the path holds no credentials: no kind of endpoint puts them there.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

HIDDEN = "***"
MAX_SHOWN_CHARACTERS = 200

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
    """The URL without credentials and control characters.

    Source: the query names that OpenTelemetry's semantic conventions redact, and more.
    """
    shown = _USERINFO.sub(rf"\1{HIDDEN}@", url)
    at = 0
    while name := _NAME.search(shown, at):
        at = name.end()
        value = _VALUE.match(shown, at)
        assert value is not None  # it may be empty
        if _is_secret(name[1], value[0]):
            shown = f"{shown[:at]}{HIDDEN}{shown[value.end() :]}"
    return printable(shown, max_characters=10 * MAX_SHOWN_CHARACTERS)


def printable(text: str, *, max_characters: int = MAX_SHOWN_CHARACTERS) -> str:
    """Foreign text, safe for a terminal and a log: printable ASCII, cut to ``max_characters``."""
    clean = _UNPRINTABLE.sub("?", text)
    return clean if len(clean) <= max_characters else clean[:max_characters] + "..."


def _is_secret(name: str, value: str) -> bool:
    known = _SECRET_NAME.fullmatch(unquote(name)) is not None
    return known and not _PUBLISHED_KEY.fullmatch(value)
