"""A file at a URL whose server does not say how long it is: chunked, and without byte ranges.

The file is received as one stream into a file without a name, on the disk that it is for, and
compared with its digest; then its length is known, and it is delivered as every other. If it is
where it belongs already, nothing is received.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from dlcore.digests import Digest
from dlcore.disk.faults import guarded
from dlcore.engine.fetching.plain_urls import PlainUrls
from dlcore.engine.policy import EnginePolicy
from dlcore.errors import DiskFullError, IntegrityError
from dlcore.long_path import rooted
from dlcore.plain_files import buffered, is_file_there, is_folder_there
from dlcore.store.free_space import space_at
from dlcore.transfer import SpooledFile, redact
from dlcore.waiting import in_thread


class Stream(NamedTuple):
    """A file that is to be received.

    Attributes:
        url: Where it is.
        digest: What it must have.
        target: Where it belongs.
    """

    url: str
    digest: Digest
    target: Path


class Measured(NamedTuple):
    """A file whose length was not known before.

    Attributes:
        length_bytes: Its length.
        spooled: Has it; None if it is where it belongs already.
    """

    length_bytes: int
    spooled: SpooledFile | None = None


async def measure(stream: Stream, urls: PlainUrls) -> Measured:
    """Find out the length of a file by receiving it; again, if its server breaks off.

    Args:
        stream: What it is.
        urls: Receives it.

    Raises:
        ConfigError: It is longer than is allowed.
        IntegrityError: It has another digest.
        TransferError: It cannot be received.
        DiskFullError: There is no room for it.
        StorageError: The disk failed.
    """
    url, digest, target = stream
    length_bytes = await in_thread(_length_if_right, target, digest)
    if length_bytes is not None:
        return Measured(length_bytes)
    parent = rooted(target.parent)
    place = next(p for p in (parent, *parent.parents) if is_folder_there(p))

    def check(length_bytes: int) -> None:
        urls.check_length(target.name, length_bytes)
        space = space_at(place)
        if space.free_bytes <= EnginePolicy().reserve.of(space.disk_bytes):
            raise DiskFullError(
                f"{redact(url)} is longer than {length_bytes} bytes, as far as it has arrived, and"
                f" there is no more room at {place}",
                path=place,
                remedy="Make room there, or name a folder on another disk.",
            )

    spooled = await urls.spool(url, place, check, digest.algorithm)
    if spooled.digest != digest:
        await spooled.aclose()
        raise IntegrityError(
            f"{target.name}: its {digest.title} is {spooled.digest.hex}, not {digest.hex};"
            f" {spooled.length_bytes} bytes arrived, and its server does not say how many there"
            " are",
            path=target.name,
            remedy="Check the URL and the digest. If the file was cut short, fetch it again.",
        )
    return Measured(spooled.length_bytes, spooled)


def _length_if_right(target: Path, digest: Digest) -> int | None:
    """The length of what is there, if it has the digest; the delivery looks at it again."""
    path = rooted(target)
    if not is_file_there(path):
        return None
    with guarded(f"read {target}", target.parent), buffered(path) as file:
        if hashlib.file_digest(file, digest.hash).digest() != digest.value:
            return None
        return file.tell()
