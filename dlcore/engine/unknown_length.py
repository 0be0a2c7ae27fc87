"""A file at a URL whose server does not say how long it is: chunked, and without byte ranges.

The file is received as one stream into a file without a name, on the disk that it is for, and
compared with its digest; then its length is known, and it is delivered as every other. If it is
where it belongs already, nothing is received.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from dlcore.disk.faults import guarded
from dlcore.engine.download.asking import Asking
from dlcore.engine.download.retry_gate import Named
from dlcore.engine.policy import EnginePolicy
from dlcore.errors import ConfigError, DiskFullError, IntegrityError
from dlcore.long_path import rooted
from dlcore.store.room import space_at
from dlcore.transfer import Keyring, SpooledFile, redact, spool_url
from dlcore.waiting import in_thread


class Stream(NamedTuple):
    """A file that is to be received.

    Attributes:
        url: Where it is.
        sha256: Its digest, hex.
        target: Where it belongs.
        max_bytes: The longest one to accept; 0 for any.
    """

    url: str
    sha256: str
    target: Path
    max_bytes: int

    def check_length(self, length_bytes: int) -> None:
        """Refuse what is too long.

        Raises:
            ConfigError: It is longer than is allowed.
        """
        if self.max_bytes and length_bytes > self.max_bytes:
            raise ConfigError(
                f"{self.target.name} has {length_bytes} bytes or more, and {self.max_bytes} are"
                " allowed",
                remedy="Allow more, with --max-size, or check the URL.",
            )


class Measured(NamedTuple):
    """A file whose length was not known before.

    Attributes:
        length_bytes: Its length.
        spooled: Has it; None if it is where it belongs already.
    """

    length_bytes: int
    spooled: SpooledFile | None = None


async def measure(stream: Stream, server: Named, asking: Asking, keyring: Keyring) -> Measured:
    """Find out the length of a file by receiving it.

    Args:
        stream: What it is.
        server: Whom to ask.
        asking: Puts the question; it is received again if its server breaks off.
        keyring: Which server is shown what.

    Raises:
        ConfigError: It is longer than is allowed.
        IntegrityError: It has another digest.
        TransferError: It cannot be received.
        DiskFullError: There is no room for it.
        StorageError: The disk failed.
    """
    url, sha256, target, _ = stream
    length_bytes = await in_thread(_length_if_right, target, sha256)
    if length_bytes is not None:
        return Measured(length_bytes)
    parent = rooted(target.parent)
    place = next(p for p in (parent, *parent.parents) if p.is_dir())

    def check(length_bytes: int) -> None:
        stream.check_length(length_bytes)
        space = space_at(place)
        if space.free_bytes <= EnginePolicy().reserve.of(space.disk_bytes):
            raise DiskFullError(
                f"{redact(url)} is longer than {length_bytes} bytes, as far as it has arrived, and"
                f" there is no more room at {place}",
                path=place,
                remedy="Make room there, or name a folder on another disk.",
            )

    spooled = await asking.ask(server, lambda: spool_url(url, place, check, keyring=keyring))
    if spooled.sha256 != sha256:
        await spooled.aclose()
        raise IntegrityError(
            f"{target.name}: its SHA-256 is {spooled.sha256}, not {sha256}; {spooled.length_bytes}"
            " bytes arrived, and its server does not say how many there are",
            path=target.name,
            remedy="Check the URL and the digest. If the file was cut short, fetch it again.",
        )
    return Measured(spooled.length_bytes, spooled)


def _length_if_right(target: Path, sha256: str) -> int | None:
    """The length of what is there, if it has the digest; the delivery looks at it again."""
    path = rooted(target)
    if not path.is_file():
        return None
    with guarded(f"read {target}", target.parent), path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            return None
        return file.tell()
