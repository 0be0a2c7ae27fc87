"""Metalink 4: files with digests, and the URLs that serve them.

Guarantees: every file is described by SHA-256, of blocks or of the whole; weaker digests are
ignored, and a file without better ones is refused. URLs are ``http`` or ``https``, in the order
of their priority, and hold no credentials. The document's DTD, if any, is refused unread.

A manifest has one block length. It is that of the first file with usable ``pieces``; a file on
another grid is verified as a whole, and refused if it has no digest of the whole.

Source: RFC 5854.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dlcore.errors import ManifestError
from dlcore.manifest.geometry import check, is_block_length
from dlcore.manifest.identity import object_name
from dlcore.manifest.refusal import refusing, shown
from dlcore.model import DEFAULT_BLOCK_BYTES, DIGEST_BYTES, File, Manifest, Object

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_METALINK_BYTES = 16 << 20  # a parsed tree takes many times the memory of its text

Urls = tuple[tuple[str, ...], ...]

_NAMESPACE = "{urn:ietf:params:xml:ns:metalink}"
_NUMBER = re.compile(r"[0-9]{1,19}")
_DIGEST = re.compile(r"[0-9A-Fa-f]{64}")
_LAST_PRIORITY = 999_999
_REMEDY = "Ask its author for one with SHA-256 digests, of equal power-of-two pieces or of files."


def decode_metalink(data: bytes, *, source: str, package_id: str) -> tuple[Manifest, Urls]:
    """Read a Metalink as a manifest.

    Args:
        data: The document.
        source: Where it came from, for messages; without secrets.
        package_id: Id to give the package; the document has none.

    Returns:
        The manifest, and for each of its objects the URLs, best first.

    Raises:
        ManifestError: The document is malformed or hostile; its author's fault.
    """
    with refusing(source, "Metalink"):
        files = sorted(_root(data).iterfind(f"{_NAMESPACE}file"), key=_path)
        block_bytes = next(filter(None, map(_grid, files)), DEFAULT_BLOCK_BYTES)
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
        raise ManifestError(f"{len(data)} bytes long, at most {MAX_METALINK_BYTES} are accepted")
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, LookupError) as error:
        raise ManifestError(f"not usable XML: {shown(str(error))}") from error
    if root.tag != f"{_NAMESPACE}metalink":
        raise ManifestError("not a Metalink 4", remedy="Ask its author for a Metalink 4.")
    return root


def _files(files: list[Element]) -> Iterator[File]:
    placed = 0
    for file in files:
        length = _length(file)
        yield File(_path(file), length, placed if length else -1)
        placed += bool(length)


def _path(file: Element) -> str:
    return file.get("name", "")


def _length(file: Element) -> int:
    text = file.findtext(f"{_NAMESPACE}size", "").strip()
    if not _NUMBER.fullmatch(text):
        raise ManifestError(f"file '{shown(_path(file))}': size is missing or not a number")
    return int(text)


def _grid(file: Element) -> int | None:
    """Length of the file's blocks, if it is cut into usable ones."""
    for pieces in file.iterfind(f"{_NAMESPACE}pieces"):
        length = pieces.get("length", "")
        if pieces.get("type") == "sha-256" and _NUMBER.fullmatch(length):
            return int(length) if is_block_length(int(length)) else None
    return None


def _object(file: Element, block_bytes: int) -> Object:
    length = _length(file)
    if _grid(file) == block_bytes:
        pieces = next(p for p in file.iterfind(f"{_NAMESPACE}pieces") if p.get("type") == "sha-256")
        digests = b"".join(_digest(file, e) for e in pieces.iterfind(f"{_NAMESPACE}hash"))
        if len(digests) != DIGEST_BYTES * -(-length // block_bytes):
            raise ManifestError(f"file '{shown(_path(file))}': pieces do not cover its size")
        return Object(object_name(length, block_bytes, digests), length, digests)
    for digest in file.iterfind(f"{_NAMESPACE}hash"):
        if digest.get("type") == "sha-256":
            sha256 = _digest(file, digest)
            return Object(sha256.hex(), length, sha256=sha256)
    raise ManifestError(f"file '{shown(_path(file))}': no usable SHA-256 digest", remedy=_REMEDY)


def _digest(file: Element, element: Element) -> bytes:
    text = (element.text or "").strip()
    if not _DIGEST.fullmatch(text):
        raise ManifestError(f"file '{shown(_path(file))}': a hash is not a SHA-256 in hex")
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
    """Whether dlcore can read the URL; other schemes may be there for other programs."""
    parts = urlsplit(url)
    place = f"file '{shown(_path(file))}'"
    if parts.scheme.lower() not in ("http", "https"):
        return False
    if not url.isascii() or not url.isprintable() or " " in url or not parts.hostname:
        raise ManifestError(f"{place}: a URL has no host, or has characters that URLs do not have")
    if parts.username is not None or parts.password is not None:
        raise ManifestError(
            f"{place}: a URL holds credentials", remedy="Ask its author for URLs without them."
        )
    return True
