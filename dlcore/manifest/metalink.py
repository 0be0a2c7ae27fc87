"""Metalink 4: files with digests, and the URLs that serve them.

Guarantees: every file has SHA-256 digests, either of its blocks or of the whole file; or, if it has
neither, the strongest other digest of the whole file that dlcore knows. URLs are ``http`` or
``https``, in order of priority, and hold no credentials. A document with a DTD is refused.

A manifest has one block length: that of the first file with usable ``pieces``. A file with pieces
of another length is verified as a whole, and refused if it has no digest of the whole.

Source: RFC 5854.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dlcore.digests import Digest, algorithm_named, digest_of_hex, strength
from dlcore.errors import ManifestError
from dlcore.manifest.geometry import check, is_block_length
from dlcore.manifest.identity import object_name
from dlcore.manifest.refusal import printable, refusing
from dlcore.model import DEFAULT_BLOCK_BYTES, DIGEST_BYTES, File, Manifest, Object

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_METALINK_BYTES = 16 << 20  # the parsed tree takes many times as much memory
MAX_TAGS = 1_000_000  # twice what the piece digests of the longest document need

Urls = tuple[tuple[str, ...], ...]

_NAMESPACE = "{urn:ietf:params:xml:ns:metalink}"
_NUMBER = re.compile(r"[0-9]{1,19}")
_DIGEST = re.compile(r"[0-9A-Fa-f]{64}")
_LAST_PRIORITY = 999_999
_REMEDY = "Ask its author for SHA-256 digests of the whole files, or of pieces of 2**n bytes."


def decode_metalink(data: bytes, *, source: str, package_id: str) -> tuple[Manifest, Urls]:
    """Read a Metalink as a manifest.

    Args:
        data: The document.
        source: Where it came from, for messages; without secrets.
        package_id: The package's id; the document has none.

    Returns:
        The manifest, and the URLs of each of its objects, best first.

    Raises:
        ManifestError: The document is malformed or hostile; its author's fault.
    """
    with refusing(source, "Metalink"):
        files = sorted(_root(data).iterfind(f"{_NAMESPACE}file"), key=_path)
        block_bytes = next(filter(None, map(_piece_bytes, files)), DEFAULT_BLOCK_BYTES)
        whole = [file for file in files if _length(file)]
        manifest = Manifest(
            schema=1,
            package_id=package_id,
            version=1,
            block_bytes=block_bytes,
            objects=tuple(_object(file, block_bytes) for file in whole),
            files=tuple(_files(files)),
        )
        check(manifest)
        return manifest, tuple(_urls(file) for file in whole)


def _root(data: bytes) -> Element:
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    if len(data) > MAX_METALINK_BYTES:
        raise ManifestError(f"is {len(data)} bytes long; at most {MAX_METALINK_BYTES} are accepted")
    if data.count(b"<") > MAX_TAGS:
        raise ManifestError(f"has more than {MAX_TAGS} tags")
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, LookupError) as error:
        raise ManifestError(f"not usable as XML: {printable(str(error))}") from error
    if root.tag != f"{_NAMESPACE}metalink":
        raise ManifestError(
            "not a Metalink 4 document", remedy="Ask its author for a Metalink 4 document."
        )
    return root


def _files(files: list[Element]) -> Iterator[File]:
    objects = itertools.count()  # each file that is not empty is an object of its own
    for file in files:
        length = _length(file)
        yield File(_path(file), length, next(objects)) if length else File(_path(file), 0)


def _path(file: Element) -> str:
    return file.get("name", "")


def _length(file: Element) -> int:
    text = file.findtext(f"{_NAMESPACE}size", "").strip()
    if not _NUMBER.fullmatch(text):
        raise ManifestError(f"file '{printable(_path(file))}': size is missing or not a number")
    return int(text)


def _piece_bytes(file: Element) -> int | None:
    """The length of the file's pieces; None if they cannot serve as blocks."""
    for pieces in file.iterfind(f"{_NAMESPACE}pieces"):
        length = pieces.get("length", "")
        if pieces.get("type") == "sha-256" and _NUMBER.fullmatch(length):
            return int(length) if is_block_length(int(length)) else None
    return None


def _object(file: Element, block_bytes: int) -> Object:
    length = _length(file)
    if _piece_bytes(file) == block_bytes:
        pieces = next(p for p in file.iterfind(f"{_NAMESPACE}pieces") if p.get("type") == "sha-256")
        digests = b"".join(_digest(file, e) for e in pieces.iterfind(f"{_NAMESPACE}hash"))
        if len(digests) != DIGEST_BYTES * -(-length // block_bytes):
            raise ManifestError(
                f"file '{printable(_path(file))}': the number of pieces does not match its size"
            )
        return Object(object_name(length, block_bytes, digests), length, digests)
    for digest in file.iterfind(f"{_NAMESPACE}hash"):
        if digest.get("type") == "sha-256":
            sha256 = _digest(file, digest)
            return Object(sha256.hex(), length, sha256=sha256)
    given = max(_other_digests(file), key=strength, default=None)
    if given is None:
        raise ManifestError(
            f"file '{printable(_path(file))}': has no usable digest", remedy=_REMEDY
        )
    return Object(given.hex, length, given=str(given))


def _other_digests(file: Element) -> Iterator[Digest]:
    for element in file.iterfind(f"{_NAMESPACE}hash"):
        try:
            algorithm = algorithm_named(element.get("type", ""))
        except ValueError:
            continue  # for other programs
        try:
            yield digest_of_hex(algorithm, (element.text or "").strip())
        except ValueError as error:
            raise ManifestError(f"file '{printable(_path(file))}': a hash {error}") from None


def _digest(file: Element, element: Element) -> bytes:
    text = (element.text or "").strip()
    if not _DIGEST.fullmatch(text):
        raise ManifestError(
            f"file '{printable(_path(file))}': a hash is not a SHA-256 digest in hex"
        )
    return bytes.fromhex(text)


def _urls(file: Element) -> tuple[str, ...]:
    ranked = [
        (_priority(element), (element.text or "").strip())
        for element in file.iterfind(f"{_NAMESPACE}url")
    ]
    return tuple(url for _, url in sorted(ranked, key=lambda r: r[0]) if _is_usable(file, url))


def _priority(url: Element) -> int:
    text = url.get("priority", "")
    return int(text) if _NUMBER.fullmatch(text) else _LAST_PRIORITY


def _is_usable(file: Element, url: str) -> bool:
    """Whether dlcore can read the URL. URLs of other schemes are left to other programs."""
    parts = urlsplit(url)
    place = f"file '{printable(_path(file))}'"
    if parts.scheme.lower() not in ("http", "https"):
        return False
    if not url.isascii() or not url.isprintable() or " " in url or not parts.hostname:
        raise ManifestError(
            f"{place}: a URL has no host, or characters that are not allowed in URLs"
        )
    if parts.username is not None or parts.password is not None:
        raise ManifestError(
            f"{place}: a URL holds credentials",
            remedy="Ask its author for URLs without credentials.",
        )
    return True
