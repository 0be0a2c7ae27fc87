"""Reads the task sequences out of an exported zip file, in memory.

Guarantees: nothing is written to disk, so an entry's name cannot lead anywhere; what an entry
claims about its size is not believed: bytes are counted while they are decompressed, and reading
stops at the first limit. Archives inside archives are not opened. Every refusal is a
`TaskSequenceError` that names the file and the entry. Not for content: exports keep that beside
the zip file, in folders of its own.
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, NamedTuple

from dlcore.errors import TaskSequenceError
from dlcore.tasksequence.markup import MAX_DOCUMENT_BYTES

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

MAX_ENTRIES = 20_000
MAX_SEQUENCES = 256
MAX_TOTAL_BYTES = 64 << 20
MAX_RATIO = 200  # XML of real exports shrinks to a twentieth
MIN_BYTES_FOR_RATIO = 1 << 20
_READ_BYTES = 1 << 16
_ENTRY_MARK = b"PK\x01\x02"
_SEQUENCE = re.compile(r"(?:^|/)SMS_TaskSequencePackage/([^/]{1,64})/object\.xml$", re.IGNORECASE)
_XML = re.compile(r"(?:^|/)[^/\[\]]+\.xml$", re.IGNORECASE)


class Document(NamedTuple):
    """One entry that may hold a task sequence; ``package_id`` is empty if its name tells none."""

    name: str
    package_id: str
    data: bytes


def is_archive(data: bytes) -> bool:
    """Whether this looks like a zip file."""
    return data[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def read_documents(data: bytes, where: str) -> list[Document]:
    """The documents of every task sequence in the archive, in its order.

    Those are the ``SMS_TaskSequencePackage/<id>/object.xml`` of an export; where there are none,
    all XML files.

    Raises:
        TaskSequenceError: The archive is damaged, hostile, or holds no task sequence.
    """
    import io
    import struct
    import zipfile

    if data.count(_ENTRY_MARK) > MAX_ENTRIES:  # before zipfile makes an object of each
        raise TaskSequenceError(
            f"{where}: over {MAX_ENTRIES} entries", remedy="Do not trust the file."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _read_chosen(archive, where)
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        OSError,
        ValueError,
        NotImplementedError,
        RuntimeError,
        LookupError,
        ArithmeticError,
    ) as error:  # all that zipfile is known to raise on damaged or encrypted archives
        raise TaskSequenceError(
            f"{where}: cannot be read as a zip file: {error}",
            remedy="Export the task sequence again, without a password.",
        ) from None


def _read_chosen(archive: ZipFile, where: str) -> list[Document]:
    entries = archive.infolist()
    named = [(entry, _SEQUENCE.search(entry.filename)) for entry in entries]
    chosen = [(entry, found[1].upper()) for entry, found in named if found]
    if not chosen:
        chosen = [(entry, "") for entry in entries if _XML.search(entry.filename)]
    if not chosen or len(chosen) > MAX_SEQUENCES:
        raise TaskSequenceError(
            f"{where}: {len(chosen)} task sequences in the archive",
            remedy=f"Give an export of 1 to {MAX_SEQUENCES} task sequences.",
        )
    documents: list[Document] = []
    left = MAX_TOTAL_BYTES
    for entry, package_id in chosen:
        content = _read_entry(archive, entry, min(left, MAX_DOCUMENT_BYTES), where)
        left -= len(content)
        documents.append(Document(entry.filename, package_id, content))
    return documents


def _read_entry(archive: ZipFile, entry: ZipInfo, limit_bytes: int, where: str) -> bytes:
    content = bytearray()
    with archive.open(entry) as stream:
        while data := stream.read(_READ_BYTES):
            content += data
            over_ratio = len(content) > max(MIN_BYTES_FOR_RATIO, MAX_RATIO * entry.compress_size)
            if len(content) > limit_bytes or over_ratio:
                raise TaskSequenceError(
                    f"{where}!{entry.filename[:200]}: expands to far more than a task sequence",
                    remedy="Do not trust the file: it is a decompression bomb.",
                )
    return bytes(content)
