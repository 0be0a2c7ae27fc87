"""Reads any description of content; its first characters and its members tell which kind it is."""

from __future__ import annotations

import msgspec

from dlcore.manifest.document import decode
from dlcore.manifest.metalink import Urls, decode_metalink
from dlcore.manifest.phf import decode_phf, is_phf
from dlcore.model import Manifest


class Described(msgspec.Struct, frozen=True):
    """A manifest and the URLs that its author gave for the content.

    Attributes:
        manifest: Describes the content.
        urls: The URLs of each of the manifest's objects, best first. Empty if the document
            gives none.
    """

    manifest: Manifest
    urls: Urls = ()


def read_any(data: bytes, *, source: str, package_id: str, path: str = "content") -> Described:
    """Read a native manifest, a Metalink 4 or a piece hash file.

    Args:
        data: The document.
        source: Where it came from, for messages; without secrets.
        package_id: The package id to use if the document has none.
        path: The file's path to use if the document has none.

    Raises:
        ManifestError: The document is of an unknown kind, malformed or hostile; its author's fault.
    """
    start = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<"):
        return Described(*decode_metalink(data, source=source, package_id=package_id))
    if is_phf(data):
        return Described(decode_phf(data, source=source, package_id=package_id, path=path))
    return Described(decode(data, source=source))
