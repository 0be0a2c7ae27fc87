"""The header fields that are sent to a server, and which parts of them are secrets.

Guarantees: the secrets stay known while fields are added, so that whatever a server replies can be
searched for them.
"""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Iterable, Mapping

from dlcore.transfer.http.echoes import repeats

_HARMLESS = re.compile(r"accept.*|user-agent|referer", re.IGNORECASE)


class SentFields(dict[str, str]):
    """Header fields of a request.

    Args:
        fields: All of them.
        secrets: What no reply may repeat.
    """

    def __init__(self, fields: Mapping[str, str], secrets: Iterable[str] = ()) -> None:
        super().__init__(fields)
        self.secrets = frozenset(secrets)

    @classmethod
    def of(cls, fields: Mapping[str, str], secret_names: Iterable[str]) -> SentFields:
        """Fields; those with these names hold secrets."""
        names = [name for name in secret_names if not _HARMLESS.fullmatch(name)]
        return cls(fields, {part for name in names for part in _parts(name, fields[name])})

    def __repr__(self) -> str:
        """Without any value."""
        return f"<the fields {', '.join(self)}>"


def with_fields(fields: Mapping[str, str] | None, more: Mapping[str, str]) -> SentFields:
    """Fields and more of them, which hold no secrets."""
    secrets = fields.secrets if isinstance(fields, SentFields) else ()
    return SentFields({**(fields or {}), **more}, secrets)


def repeats_secret(text: str | bytes, fields: Mapping[str, str] | None) -> bool:
    """Whether a server replies with a secret among the fields that were sent to it."""
    body = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    return isinstance(fields, SentFields) and repeats(body, fields.secrets)


def _parts(name: str, value: str) -> set[str]:
    """A value, and what in it may be a secret of its own: a token, a cookie, a password.

    The scheme of an ``Authorization`` is not a secret.
    """
    words = re.split(r"[\s;,]+", value)
    scheme = words.pop(0) if name.lower() == "authorization" and len(words) > 1 else ""
    parts = {value, *words, *(word.partition("=")[2] for word in words)}
    if scheme.lower() == "basic":
        with contextlib.suppress(ValueError):  # the user may have written anything
            login = base64.b64decode(words[0]).decode("utf-8", "replace")
            parts |= {login, login.partition(":")[2]}
    return parts
