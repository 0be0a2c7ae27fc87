"""URLs that dlcore does not read: another scheme, or none in front of a server's name."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from dlcore.errors import ConfigError
from dlcore.printable import printable
from dlcore.spelling import hint
from dlcore.transfer import redact

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SERVER_AND_PORT: Final = re.compile(r"[A-Za-z0-9.-]{2,}:[0-9]{1,5}(/.*)?", re.ASCII | re.DOTALL)


def check_scheme(what: str, schemes: Collection[str]) -> None:
    """Refuse what was meant as a URL, if dlcore cannot read it.

    Args:
        what: What is wanted, if it is neither a URL that can be read nor a file.
        schemes: Those that can be read.

    Raises:
        ConfigError: It looks like a URL.
    """
    read = f"{', '.join(f'{scheme}://' for scheme in sorted(schemes))} and file:"
    if found := _SCHEME.match(what):
        scheme = printable(found[1].lower(), max_characters=40)
        raise ConfigError(
            f"{redact(what)}: dlcore does not read {scheme}:// URLs{hint(scheme, schemes)}",
            remedy=f"Name a URL that begins with {read}.",
        )
    if _SERVER_AND_PORT.fullmatch(what):
        raise ConfigError(
            f"{redact(what)} is not a URL: it does not begin with a scheme",
            remedy=f"Write the scheme in front, such as https://; dlcore reads {read}.",
        )
