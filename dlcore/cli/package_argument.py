"""The argument that is the id of something published, in any case."""

from __future__ import annotations

from dlcore.errors import NotFoundError
from dlcore.package_ids import HOW_TO_WRITE_A_PACKAGE_ID, published_id
from dlcore.printable import quoted


def asked_package(text: str) -> str:
    """The id of something published that an argument is, as catalogs spell it.

    Raises:
        NotFoundError: It is none.
    """
    found = published_id(text)
    if found is None:
        raise NotFoundError(f"{quoted(text)} is no package id", remedy=HOW_TO_WRITE_A_PACKAGE_ID)
    return found
