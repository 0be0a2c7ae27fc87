"""What a package id is: one rule for publishing, for task sequences and for fetching.

An id is the code of the site where the package was made, and its number there: ``ABC00012``.

Source: Microsoft Learn, "Prepare to install Configuration Manager sites", section "About site names
and site codes": three characters, each A to Z or 0 to 9. That the number has five hexadecimal
digits is observed in exports of Microsoft and of users.
"""

from __future__ import annotations

import re
from typing import Final

from dlcore.errors import ConfigError
from dlcore.printable import quoted

NO_PACKAGE: Final = "00000000"
"""Stands in exports where a step could name a package and names none."""

LOCAL_ID: Final = "LOCAL000"
"""Stands in manifests of content that has no package id; a site cannot give it to a package."""

HOW_TO_WRITE_A_PACKAGE_ID: Final = (
    "A package id has the three letters or digits of a site code and five hexadecimal digits, for"
    " example ABC00012."
)
_ID: Final = re.compile(r"[A-Z0-9]{3}[0-9A-F]{5}", re.ASCII)
_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_CONTENT_ID: Final = re.compile(
    rf"(?:Content_{_GUID}|{_GUID})(?:\.([1-9][0-9]{{0,8}}))?", re.ASCII | re.IGNORECASE
)


def package_id(text: str) -> str | None:
    """The package id that ``text`` is, in upper case; None if it is not one.

    Args:
        text: In any case, perhaps with spaces around it, as people write it.
    """
    wanted = text.strip().upper()
    return wanted if _ID.fullmatch(wanted) and wanted != NO_PACKAGE else None


def published_id(text: str) -> str | None:
    """The id under which something is published; None if ``text`` is not an id.

    That of a package; or that of the content of an application or an update, without its version.

    Args:
        text: In any case, perhaps with spaces around it, as people write it.
    """
    if own := package_id(text):
        return own
    if not _CONTENT_ID.fullmatch(text.strip()):
        return None
    return text.strip().lower().partition(".")[0].replace("content_", "Content_")


def asked_id(text: str) -> str:
    """The id of something published that a user names, as catalogs spell it (`published_id`).

    Raises:
        ConfigError: It is not one, so that it need not be looked up anywhere.
    """
    found = published_id(text)
    if found is None:
        raise ConfigError(f"{quoted(text)} is not a package id", remedy=HOW_TO_WRITE_A_PACKAGE_ID)
    return found


def content_version(text: str) -> int | None:
    """The version of the content of an application or an update, by its id; None for any other id.

    Args:
        text: ``Content_<guid>.<version>`` of an application, or ``<guid>`` of an update. An id
            without a version is of version 1.
    """
    found = _CONTENT_ID.fullmatch(text)
    return int(found[1] or 1) if found else None
