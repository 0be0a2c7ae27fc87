"""The INI files of a distribution point's content library.

``PkgLib/<package id>.INI`` lists the versions of a package's content. ``DataLib/<content id>/...``
holds one INI file for each file of the content. It states the file's digest, which is also the
name of the file in ``FileLib``. ``DataLib/<content id>.INI`` states the package content hash.

Guarantees: a digest is always 64 hex digits, so a path built from it stays inside ``FileLib``.
Unknown sections and keys are ignored.

Source: Microsoft Learn, "The content library in Configuration Manager", for the three folders. The
sections and keys are not documented; they are as observed.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dlcore.errors import ManifestError
from dlcore.manifest.content_hash import is_content_hash
from dlcore.manifest.geometry import MAX_NUMBER, block_bytes_for, check
from dlcore.manifest.refusal import refusing
from dlcore.model import File, Manifest, Object

MAX_INI_BYTES = 1 << 20  # real ones have a few hundred bytes

_EMPTY = hashlib.sha256().digest()
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_DIGEST = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
_HEADER = re.compile(r"\[(.+)\]", re.DOTALL)


class ContentFile(NamedTuple):
    """The length and SHA-256 digest that the content library states for a file."""

    length_bytes: int
    sha256: bytes


def decode_latest_version(data: bytes, *, source: str, package_id: str) -> int:
    """Read the latest version of a package's content from ``PkgLib/<package id>.INI``.

    Args:
        data: The document.
        source: Where it came from, for messages.
        package_id: The package; its content ids are ``<package id>.<version>``.

    Raises:
        ManifestError: The document is malformed, or lists no version.
    """
    with refusing(source, "content library's INI file"):
        versions = versions_in(_section(data, "packages"), package_id)
        if not versions:
            raise ManifestError(f"[Packages] lists no content for {package_id}")
        return max(versions.values())


def versions_in(names: Iterable[str], package_id: str) -> dict[str, int]:
    """The contents of a package, with their versions.

    Args:
        names: Names of contents: keys of an INI file, or folders in ``DataLib``.
        package_id: The package; its contents are named ``<package id>.<version>``.
    """
    content = re.compile(re.escape(package_id) + r"\.([1-9][0-9]{0,8})", re.ASCII | re.IGNORECASE)
    found = {name: content.fullmatch(name) for name in names}
    return {name: int(match[1]) for name, match in found.items() if match}


def decode_content_ids(data: bytes, *, source: str) -> tuple[str, ...]:
    """Read all content ids from ``PkgLib/<package id>.INI``, in lower case.

    Those of a package are its versions; those of an application or of updates are several contents.

    Args:
        data: The document.
        source: Where it came from, for messages.

    Raises:
        ManifestError: The document is malformed, or lists no content.
    """
    with refusing(source, "content library's INI file"):
        listed = tuple(_section(data, "packages"))
        if not listed:
            raise ManifestError("[Packages] lists no content")
        return listed


def decode_content_file(data: bytes, *, source: str) -> ContentFile:
    """Read the length and the digest of one file from its INI file in ``DataLib``.

    Args:
        data: The document.
        source: Where it came from, for messages.

    Raises:
        ManifestError: The document is malformed, or its digest is not a SHA-256 digest.
    """
    with refusing(source, "content library's INI file"):
        section = _section(data, "file")
        size, digest = section.get("size") or "", section.get("hash") or ""
        if not _NUMBER.fullmatch(size) or int(size) > MAX_NUMBER:
            raise ManifestError("Size is not a length in bytes")
        if not _DIGEST.fullmatch(digest):
            raise ManifestError("Hash is not a SHA-256 digest")
        file = ContentFile(int(size), bytes.fromhex(digest))
        if not file.length_bytes and file.sha256 != _EMPTY:
            raise ManifestError("Size is 0, but Hash is not that of an empty file")
        return file


def decode_stated_hash(data: bytes, *, source: str) -> str:
    """Read the package content hash from ``DataLib/<content id>.INI``.

    Args:
        data: The document.
        source: Where it came from, for messages.

    Returns:
        The hash in hex; empty if none of SHA-256 is stated.

    Raises:
        ManifestError: The document is malformed.
    """
    with refusing(source, "content library's INI file"):
        told = _section(data, "info").get("hash") or ""
        return told if is_content_hash(told) else ""


def manifest_of_library(
    package_id: str,
    version: int,
    files: Mapping[str, ContentFile],
    folders: Iterable[str],
    *,
    source: str,
) -> Manifest:
    """The manifest of a content: each file is an object of its own, with the digest of the whole.

    Args:
        package_id: Of the package.
        version: Of its content.
        files: What the library states for each file, by the file's path.
        folders: Paths of the empty folders.
        source: Where it is stated, for messages.

    Raises:
        ManifestError: A path breaks a rule of ``docs/formats.md``, or the package is too large.
    """
    objects: list[Object] = []
    placed: list[File] = []
    for path, stated in sorted(files.items()):
        index = len(objects) if stated.length_bytes else -1
        placed.append(File(path, stated.length_bytes, index))
        if stated.length_bytes:
            digest = stated.sha256
            objects.append(Object(digest.hex(), stated.length_bytes, sha256=digest))
    block_bytes = block_bytes_for(sum(item.length_bytes for item in objects))
    with refusing(source, "content library's description"):
        manifest = Manifest(
            2,
            package_id,
            version,
            block_bytes,
            tuple(objects),
            tuple(placed),
            tuple(sorted(folders)),
        )
        check(manifest)
        return manifest


def _section(data: bytes, name: str) -> Mapping[str, str | None]:
    """The named section, with keys in lower case: names in an INI file are case-insensitive.

    Python's own reader is not used. The time that it takes for a line grows with the square of the
    spaces in it, to hours for the longest document that is accepted. White space at the beginning
    of a line means nothing in the INI files of Windows.
    """
    if len(data) > MAX_INI_BYTES:
        raise ManifestError(f"is longer than {MAX_INI_BYTES} bytes")
    sections: dict[str, dict[str, str | None]] = {}
    current: dict[str, str | None] | None = None
    for number, line in enumerate(map(str.strip, _text(data).split("\n")), 1):
        if not line or line.startswith(";"):
            continue
        if header := _HEADER.match(line):
            if header[1] in sections:
                raise ManifestError(f"line {number}: a section is there already")
            current = sections[header[1]] = {}
        elif current is None:
            raise ManifestError(f"line {number}: no section begins before it")
        else:
            _add_key(current, line, number)
    found = next((keys for title, keys in sections.items() if title.lower() == name), None)
    if found is None:
        raise ManifestError(f"section [{name.capitalize()}] is missing")
    return found


def _add_key(section: dict[str, str | None], line: str, number: int) -> None:
    key, equals, value = line.partition("=")
    key = key.strip().lower()
    if not key:
        raise ManifestError(f"line {number}: a value has no key")
    if key in section:
        raise ManifestError(f"line {number}: a key is there already")
    section[key] = value.strip() if equals else None


def _text(data: bytes) -> str:
    """Decode the document: Windows writes one byte per character, or UTF-16 with a BOM."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    return data.removeprefix(codecs.BOM_UTF8).decode("latin-1")
