"""What a server tells beside a file at a URL: a Metalink that describes it, and its mirrors.

Guarantees: a digest in a Metalink counts only if the origin that the user named serves it, where
nobody on the way can alter it. Mirrors are trusted with nothing: what they send must have the
digest. None of them leads to a service of this machine.

Source: RFC 6249, "Metalink/HTTP: Mirrors and Hashes".
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from dlcore import manifest as documents
from dlcore.engine.fetching.plain_urls import PlainUrls
from dlcore.errors import DlcoreError, ManifestError
from dlcore.manifest.metalink import MAX_METALINK_BYTES
from dlcore.model import Manifest
from dlcore.package_ids import LOCAL_ID
from dlcore.transfer import Probed, is_same_origin, redact

MAX_MIRRORS = 16
_log = logging.getLogger(__name__)


class MetalinkFound(NamedTuple):
    """What a file's Metalink and its server say.

    Attributes:
        manifest: Describes the file, with digests that count; None if there is none.
        mirrors: URLs of the same content, the best first.
        problem: Why a Metalink that is named does not count; empty if there is none, or it does.
    """

    manifest: Manifest | None = None
    mirrors: tuple[str, ...] = ()
    problem: str = ""


async def read_metalink(url: str, probed: Probed, name: str, urls: PlainUrls) -> MetalinkFound:
    """Read the Metalink of a file, if there is one. One that cannot be used is ignored.

    Args:
        url: The file, as the user named it.
        probed: What its server says.
        name: What the file is called.
        urls: Reads it.
    """
    mirrors = list(probed.mirrors)
    manifest: Manifest | None = None
    problem = ""
    for metalink in probed.metalinks[:1]:
        try:
            data = await urls.read(metalink, MAX_METALINK_BYTES, led_by=url)
            described, own = _file_of(data, redact(metalink), name, probed.length_bytes)
        except DlcoreError as error:
            problem = error.message
            _log.warning("the Metalink of %s cannot be used: %s", redact(url), problem)
            continue
        mirrors += own
        if is_same_origin(url, metalink):
            manifest = described
        else:
            problem = f"{redact(metalink)} is of another server, so its digests do not count"
            _log.info("%s", problem)
    others = tuple(dict.fromkeys(mirror for mirror in mirrors if mirror != url))
    return MetalinkFound(manifest, others[:MAX_MIRRORS], problem)


def _file_of(
    data: bytes, source: str, name: str, length_bytes: int | None
) -> tuple[Manifest, tuple[str, ...]]:
    """The one file that is meant, and its URLs.

    Raises:
        ManifestError: It is not in the document.
    """
    manifest, urls = documents.decode_metalink(data, source=source, package_id=LOCAL_ID)
    meant = [file for file in manifest.files if len(manifest.files) == 1 or file.path == name]
    is_other = length_bytes is not None and [f.length_bytes for f in meant] != [length_bytes]
    if len(meant) != 1 or meant[0].is_empty or is_other:
        of_length = "" if length_bytes is None else f" of {length_bytes} bytes"
        raise ManifestError(f"{source} describes no file {name}{of_length}")
    file, item = meant[0], manifest.objects[meant[0].object]
    one = Manifest(
        schema=1,
        package_id=LOCAL_ID,
        version=1,
        block_bytes=manifest.block_bytes,
        objects=(item,),
        files=(type(file)(name, file.length_bytes, 0),),
    )
    return one, urls[file.object]
