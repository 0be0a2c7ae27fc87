"""Any description of content, told apart by its first characters and its members."""

from __future__ import annotations

import msgspec

from dlcore.manifest.document import decode
from dlcore.manifest.metalink import Urls, decode_metalink
from dlcore.manifest.phf import decode_phf
from dlcore.model import Manifest


class Described(msgspec.Struct, frozen=True):
    """Content, and where its author says it is.

    Attributes:
        manifest: What the content is.
        urls: For each of the manifest's objects its URLs, best first; empty if the document
            names none.
    """

    manifest: Manifest
    urls: Urls = ()


def read_any(data: bytes, *, source: str, package_id: str, path: str = "content") -> Described:
    """Read a native manifest, a Metalink 4 or a piece hash file.

    Args:
        data: The document.
        source: Where it came from, for messages; without secrets.
        package_id: Id for a package whose description has none.
        path: Path for a file whose description has none.

    Raises:
        ManifestError: The document is of neither kind, malformed or hostile.
    """
    start = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<"):
        return Described(*decode_metalink(data, source=source, package_id=package_id))
    if b'"HashOfHashes"' in data:
        return Described(decode_phf(data, source=source, package_id=package_id, path=path))
    return Described(decode(data, source=source))
