"""The argument that is a package id, in any case."""

from __future__ import annotations

from dlcore.errors import NotFoundError
from dlcore.package_ids import HOW_TO_WRITE_A_PACKAGE_ID, package_id
from dlcore.printable import quoted


def asked_package(text: str) -> str:
    """The package id that an argument is, in upper case.

    Raises:
        NotFoundError: It is none.
    """
    found = package_id(text)
    if found is None:
        raise NotFoundError(f"{quoted(text)} is no package id", remedy=HOW_TO_WRITE_A_PACKAGE_ID)
    return found
