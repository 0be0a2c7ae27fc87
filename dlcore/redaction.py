"""Makes URLs safe to show: what may be a credential is replaced by ``***``.

Guarantees: of a query and of path parameters, only what `_HARMLESS` lists is shown, names included.
Nothing of a fragment is shown, nothing before ``@`` in the authority, and no port that is not a
number: it is a password with a slash, or one whose ``@`` is missing. The result is printable
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
_SPLIT_USERINFO = re.compile(r"^([^/]*//)(?!\[)[^/@]*:(?![0-9]*(?:/|\Z)).*@", re.DOTALL)
_NO_PORT = re.compile(r"^([^/]*//(?:\[[^/\]]*\]|(?!\[)[^/:]*):)(?![0-9]*(?:/|\Z))[^/]+")
_PATH = re.compile(r"\.{0,2}[/\\](?![/\\])|[A-Za-z]:[/\\](?!/)")
_BEGINNING = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]+")
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
    before = parts["before"]
    for userinfo in (_USERINFO, _SPLIT_USERINFO):
        before = userinfo.sub(lambda match: f"{match[1] or ''}{HIDDEN}@", before)
    before = _NO_PORT.sub(lambda match: f"{match[1]}{HIDDEN}", before)
    shown = _PATH_PARAMETERS.sub(f";{HIDDEN}", before)
    shown += _shown_query(parts["query"] or "", is_file=before.endswith("/sccm"))
    if parts["fragment"]:
        shown += f"#{HIDDEN}"
    escaped = printable(shown, max_characters=10 * MAX_SHOWN_CHARACTERS)
    return escaped.encode("ascii", "backslashreplace").decode("ascii")


def redact_named(text: str) -> str:
    """What a user named and dlcore does not know, which may be a misspelled URL.

    A plain path or id stays as it is; so does a path with an ``@``.
    """
    before = re.split(r"[?#]", text, maxsplit=1)[0]
    if "@" in before and not _PATH.match(before):
        beginning = _BEGINNING.match(before)
        kept = beginning[0] if beginning else ""
        return redact(f"{kept}{HIDDEN}@{text[before.rindex('@') + 1 :]}")
    return redact(text) if re.search(r"[?#;]|//", text) else text


def _shown_query(query: str, *, is_file: bool) -> str:
    if not query or (is_file and _FILE_OF_DISTRIBUTION_POINT.fullmatch(query)):
        return query
    given = query[1:].split("&")
    shown = [item for item in given if _HARMLESS.fullmatch(item)]
    return "?" + "&".join([*shown, HIDDEN] if len(shown) < len(given) else shown)
