"""The INI files of a distribution point's content library, of which each says one thing.

``PkgLib/<package id>.INI`` lists the versions of a package's content, ``DataLib/<content id>/...``
has an INI file in the place of each file, with its digest, under which it lies in ``FileLib``.

Guarantees: a digest is a SHA-256, so that the name made of it leads nowhere else; sections and keys
that are not needed are let pass.

Source: Microsoft Learn, "The content library in Configuration Manager", for the three folders; the
sections and keys are not documented, but as observed.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from dlcore.errors import ManifestError
from dlcore.manifest.geometry import LIMIT
from dlcore.manifest.refusal import refusing, shown

MAX_INI_BYTES = 1 << 20

_EMPTY = hashlib.sha256().digest()
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_DIGEST = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)


class ContentFile(NamedTuple):
    """What the content library says of a file."""

    length_bytes: int
    sha256: bytes


def decode_package_ini(data: bytes, *, source: str, package_id: str) -> int:
    """The latest version of a package's content that the library lists.

    Args:
        data: The document, ``PkgLib/<package id>.INI``.
        source: Where it came from, for messages.
        package_id: The package; its content ids are ``<package id>.<version>``.

    Raises:
        ManifestError: The document is malformed, or lists none.
    """
    with refusing(source, "content library's INI file"):
        listed = re.compile(
            re.escape(package_id) + r"\.([1-9][0-9]{0,8})", re.ASCII | re.IGNORECASE
        )
        found = [listed.fullmatch(key) for key in _section(data, "packages")]
        versions = [int(match[1]) for match in found if match]
        if not versions:
            raise ManifestError(f"[Packages] lists no content of {package_id}")
        return max(versions)


def decode_file_ini(data: bytes, *, source: str) -> ContentFile:
    """What stands for a file in ``DataLib``.

    Args:
        data: The document.
        source: Where it came from, for messages.

    Raises:
        ManifestError: The document is malformed, or its digest is no SHA-256.
    """
    with refusing(source, "content library's INI file"):
        section = _section(data, "file")
        size, digest = section.get("size") or "", section.get("hash") or ""
        if not _NUMBER.fullmatch(size) or int(size) >= LIMIT:
            raise ManifestError("Size is no length")
        if not _DIGEST.fullmatch(digest):
            raise ManifestError("Hash is no SHA-256")
        file = ContentFile(int(size), bytes.fromhex(digest))
        if not file.length_bytes and file.sha256 != _EMPTY:
            raise ManifestError("Size is 0, but Hash is not that of an empty file")
        return file


def _section(data: bytes, name: str) -> Mapping[str, str | None]:
    """One section; keys in lower case, like all names in an INI file they have none."""
    import configparser

    if len(data) > MAX_INI_BYTES:
        raise ManifestError(f"is over {MAX_INI_BYTES} bytes long")
    parser = configparser.RawConfigParser(
        allow_no_value=True, delimiters=("=",), comment_prefixes=(";",), default_section=""
    )
    try:
        parser.read_string(_text(data))
    except configparser.Error as error:
        raise ManifestError(shown(error.message.splitlines()[0])) from None
    for section in parser.sections():
        if section.lower() == name:
            return parser[section]
    raise ManifestError(f"there is no section [{name.capitalize()}]")


def _text(data: bytes) -> str:
    """The text; Windows writes these files in one byte a character, or in UTF-16 with a mark."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    return data.removeprefix(codecs.BOM_UTF8).decode("latin-1")
