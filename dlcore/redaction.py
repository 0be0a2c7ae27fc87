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


_TOKENS = (
    re.compile(r"eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)*"),  # a JSON web token
    re.compile(r"(?:[A-Za-z]{1,20}=[^&\s'\"]*&)*\bsig=[^\s'\"]+"),  # a shared access signature
)
_LONG_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9+/_-]{31,}={0,2}")
_RUN = re.compile(r"[A-Za-z0-9]{16,}")
_CHANGE = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[a-z0-9])|(?<=[0-9])(?=[A-Za-z])")
_KINDS = (re.compile("[a-z]"), re.compile("[A-Z]"), re.compile("[0-9]"))
_RANDOM_SHARE = 0.42  # of places where the kind of character changes: 0.62 in base64, 0.25 in names


def redact(url: str) -> str:
    """The URL without credentials and control characters."""
    parts = _PARTS.match(url)
    assert parts is not None  # it matches any text
    before = parts["before"]
    before = _USERINFO.sub(_hidden_user, before)
    if "@" in before.partition("//")[2]:  # else each colon would be tried, for the square of time
        before = _SPLIT_USERINFO.sub(_hidden_user, before)
    before = _NO_PORT.sub(lambda match: f"{match[1]}{HIDDEN}", before)
    shown = _PATH_PARAMETERS.sub(f";{HIDDEN}", before)
    shown += _shown_query(parts["query"] or "", is_file=before.endswith("/sccm"))
    if parts["fragment"]:
        shown += f"#{HIDDEN}"
    escaped = printable(shown, max_characters=10 * MAX_SHOWN_CHARACTERS)
    return escaped.encode("ascii", "backslashreplace").decode("ascii")


def _hidden_user(match: re.Match[str]) -> str:
    return f"{match[1] or ''}{HIDDEN}@"


def without_tokens(text: str) -> str:
    """Any text without what looks like a token: somebody may have pasted it in the wrong place.

    That is a JSON web token, the query string of a shared access signature, or a word of 32 and
    more characters in base64 that looks random. Digests in hexadecimal, ids and paths stay.
    """
    for token in _TOKENS:
        text = token.sub(HIDDEN, text)
    return _LONG_WORD.sub(lambda word: HIDDEN if _is_random(word[0]) else word[0], text)


def _is_random(word: str) -> bool:
    return any(
        all(kind.search(run) for kind in _KINDS)
        and len(_CHANGE.findall(run)) >= _RANDOM_SHARE * len(run)
        for run in _RUN.findall(word)
    )


def redact_named(text: str) -> str:
    """What a user named and dlcore does not know, which may be a misspelled URL.

    A plain path or id stays as it is; so does a path with an ``@``. A token does not.
    """
    text = without_tokens(text)
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
