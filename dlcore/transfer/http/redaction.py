"""Makes URLs safe to show: what may be a credential is replaced by ``***``.

Guarantees: of a query and of path parameters, only what `_HARMLESS` lists is shown, names included.
Nothing of a fragment is shown, and nothing before ``@`` in the authority. The result is printable
ASCII. Never raises, whatever the text. Assumes that the path holds no credentials: no kind of
endpoint puts them there, and a gateway's reply that would is refused.
"""

from __future__ import annotations

import re

from dlcore.printable import printable

HIDDEN = "***"
MAX_SHOWN_CHARACTERS = 200

_PARTS = re.compile(
    r"(?P<before>[^?#]*)(?P<query>\?[^#]*)?(?P<fragment>#.*)?\Z",
    re.DOTALL,
)
_USERINFO = re.compile(r"^([^/]*//)?[^/]*@")
_PATH_PARAMETERS = re.compile(r";[^/]*")
_HARMLESS = re.compile(
    r"comp=(block|blocklist|list|metadata)|restype=container|pid=[A-Z0-9]{8}"
    r"|key=(catalog\.json|manifests(/|%2F)[0-9a-f]{64}\.json)"
)
_FILE_OF_DISTRIBUTION_POINT = re.compile(r"\?/[^?&=;]*")


def redact(url: str) -> str:
    """The URL without credentials and control characters."""
    parts = _PARTS.match(url)
    assert parts is not None  # it matches any text
    before = _USERINFO.sub(lambda match: f"{match[1] or ''}{HIDDEN}@", parts["before"])
    shown = _PATH_PARAMETERS.sub(f";{HIDDEN}", before)
    shown += _shown_query(parts["query"] or "", is_file=before.endswith("/sccm"))
    if parts["fragment"]:
        shown += f"#{HIDDEN}"
    escaped = printable(shown, max_characters=10 * MAX_SHOWN_CHARACTERS)
    return escaped.encode("ascii", "backslashreplace").decode("ascii")


def _shown_query(query: str, *, is_file: bool) -> str:
    if not query or (is_file and _FILE_OF_DISTRIBUTION_POINT.fullmatch(query)):
        return query
    given = query[1:].split("&")
    shown = [item for item in given if _HARMLESS.fullmatch(item)]
    return "?" + "&".join([*shown, HIDDEN] if len(shown) < len(given) else shown)
