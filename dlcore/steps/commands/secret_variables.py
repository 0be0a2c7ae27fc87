"""Which environment variables hold a credential of dlcore's, by their names.

Guarantees: names are compared without regard to case, on every system, as the library for object
stores does. What only might hold a credential counts as one: a step that needs such a variable can
set it itself. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final
from urllib.parse import urlsplit

OWN_PREFIX: Final = "DLCORE_"

_SECRET: Final = re.compile(
    rf"""
    {OWN_PREFIX}.*
    | OTEL_EXPORTER_OTLP_(\w+_)?HEADERS
    | (AWS|AZURE|GOOGLE)_(\w+_)?
      (KEY|SECRET|TOKEN|SAS|PASSWORD|AUTHORIZATION|CREDENTIALS?|SERVICE_ACCOUNT|CONNECTION_STRING)
      (_\w+)?
    | IDENTITY_HEADER | MSI_SECRET
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Source: obstore, ``S3Config``, ``AzureConfig`` and ``GCSConfig``. By words rather than by names,
since the library takes synonyms, and learns new ones. Microsoft Learn, "How to use managed
identities for App Service": ``IDENTITY_HEADER``, once ``MSI_SECRET``."""

PROXY: Final = re.compile(r"(?!no_).*_proxy", re.IGNORECASE)
"""Variables that say how programs reach the network."""

_SERVER: Final = re.compile(
    r"OTEL_\w+_ENDPOINT|(AWS|AZURE|GOOGLE)_(\w+_)?(ENDPOINT|UR[IL]|HOST)(_\w+)?", re.IGNORECASE
)


def secret_names(names: Iterable[str], named: Collection[str] = ()) -> frozenset[str]:
    """Those of some variables that hold credentials.

    Args:
        names: The variables.
        named: Those that the settings name as credentials.
    """
    known = {name.upper() for name in named}
    return frozenset(n for n in names if _SECRET.fullmatch(n) or n.upper() in known)


def without_login(name: str, value: str) -> str:
    """The value of a variable; a URL of a server of dlcore's without what could be a login.

    A URL that cannot be parsed becomes empty.
    """
    is_url = PROXY.fullmatch(name) or _SERVER.fullmatch(name)
    if not is_url or not {"@", "?"} & set(value):
        return value
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    bare = parts._replace(netloc=host, query="", fragment="").geturl()
    return bare if host and "@" not in bare else ""
