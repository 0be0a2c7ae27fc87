"""The packages whose content hash is stated in place of a manifest, as a deployment file has them.

Guarantees: ids and hashes are in upper case, and have the form of such.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

import msgspec

from dlcore.deployment import toml_tables as tables
from dlcore.deployment.problems import Problems
from dlcore.errors import ConfigError
from dlcore.package_ids import HOW_TO_WRITE_A_PACKAGE_ID, package_id

MAX_VERSION: Final = 999_999_999  # as in the names of contents
_HASH: Final = re.compile(r"(?:sha256:)?([0-9A-F]{64})", re.ASCII | re.IGNORECASE)


class StatedPackage(msgspec.Struct, frozen=True):
    """What is stated of a package that no catalog needs to name.

    Attributes:
        content_hash: ConfigMgr's package content hash, of SHA-256, in hex; ``sha256:`` may stand
            before it.
        version: Source version of the content; None for the latest that the distribution point
            has, which must have the hash.
    """

    content_hash: str
    version: Annotated[int, msgspec.Meta(ge=1, le=MAX_VERSION)] | None = None


def read_stated_packages(value: object, where: str) -> dict[str, StatedPackage]:
    """Read the table ``[packages]``.

    Args:
        value: What the file holds there.
        where: File and key, for messages.

    Returns:
        What is stated, by package id.

    Raises:
        ConfigError: A key is not a package id, or what is stated cannot be used: all of it.
    """
    problems, found = Problems(), dict[str, StatedPackage]()
    for name, table in tables.as_table(value, where).items():
        with problems:
            own = package_id(name)
            if own is None:
                raise ConfigError(
                    f'{where}."{name}" is not a package id', remedy=HOW_TO_WRITE_A_PACKAGE_ID
                )
            if own in found:
                raise ConfigError(f"{where}.{own} is listed twice", remedy="Remove one of them.")
            found[own] = _stated(tables.build(StatedPackage, table, f"{where}.{own}"), where, own)
    problems.refuse()
    return found


def _stated(stated: StatedPackage, where: str, own: str) -> StatedPackage:
    hash_ = _HASH.fullmatch(stated.content_hash.strip())
    if hash_ is None:
        raise ConfigError(
            f"{where}.{own}.content_hash is not a SHA-256 of 64 hexadecimal digits",
            remedy="Write the Hash of DataLib/<content id>.INI; only hashes of SHA-256 are known.",
        )
    return msgspec.structs.replace(stated, content_hash=hash_[1].upper())
