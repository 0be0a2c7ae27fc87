"""Archives are read in memory, and bombs are found while they are decompressed."""

from __future__ import annotations

import io
import os
import re
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from dlcore.errors import TaskSequenceError
from dlcore.tasksequence import archive, load, read
from tests.tasksequence.documents import cim, export_zip, sequence, step, zipped

ENTRY = "SMS_TaskSequencePackage/ABC00001/object.xml"
EITHER = re.compile("expands to far more|cannot be read")
GOOD = cim(sequence(step()))


def written(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytearray:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return bytearray(buffer.getvalue())


def test_entry_names_lead_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = tmp_path / "inside"
    work.mkdir()
    monkeypatch.chdir(work)
    path = tmp_path / "export.zip"
    path.write_bytes(
        zipped(
            {
                "../../escaped.txt": "x",
                "/escaped.txt": "x",
                "C:\\escaped.txt": "x",
                "../SMS_TaskSequencePackage/ABC00001/object.xml": GOOD,
            }
        )
    )
    assert len(load(path).steps) == 1
    assert [p.name for p in tmp_path.iterdir()] in (
        ["inside", "export.zip"],
        ["export.zip", "inside"],
    )
    assert os.listdir(work) == []  # noqa: PTH208  # the plainest question there is


@pytest.mark.parametrize(
    "content",
    [b" " * (64 << 20), GOOD.encode() + b" " * (8 << 20)],
    ids=["64 MiB of blanks", "a good document and 8 MiB of blanks"],
)
def test_an_entry_that_expands_too_far_is_refused_before_it_has(content: bytes) -> None:
    """Fault X8: an archive expands without end. dlcore stops at the limit."""
    data = bytes(written({ENTRY: content}))
    del content
    tracemalloc.start()
    with pytest.raises(TaskSequenceError, match=f"bomb.zip!{ENTRY}: expands to far more"):
        read(data, source="bomb.zip")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 32 << 20


def test_a_stored_entry_over_the_limit_is_refused() -> None:
    data = written({ENTRY: b"<" + b"x" * (17 << 20)}, zipfile.ZIP_STORED)
    with pytest.raises(TaskSequenceError, match="expands to far more"):
        read(bytes(data), source="bomb.zip")


def test_all_entries_together_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_TOTAL_BYTES", 3 * len(GOOD))
    texts = {f"SMS_TaskSequencePackage/ABC0000{n}/object.xml": GOOD.encode() for n in range(4)}
    with pytest.raises(TaskSequenceError, match=r"ABC00003/object\.xml: expands to far more"):
        read(bytes(written(texts)), source="bomb.zip")


def test_entries_that_share_their_bytes_count_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_TOTAL_BYTES", 3 * len(GOOD))
    data = bytes(written({ENTRY: GOOD.encode()}))
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    central = data[start:end] * 50  # fifty entries, one and the same compressed stream
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 50, 50, len(central), start, 0)
    with pytest.raises(TaskSequenceError, match=EITHER):
        read(data[:start] + central + tail, source="overlap.zip")


@pytest.mark.parametrize("claimed", [1, 100, 0xFFFFFFF0])
def test_a_header_that_lies_about_the_size_is_not_believed(claimed: int) -> None:
    data = written({ENTRY: b" " * (64 << 20)})
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(mark) + offset
        data[at : at + 4] = struct.pack("<L", claimed)
    with pytest.raises(TaskSequenceError, match=EITHER):
        read(bytes(data), source="lie.zip")


def test_an_archive_in_an_archive_is_not_opened() -> None:
    inner = export_zip({"ABC00001": sequence(step())})
    with pytest.raises(TaskSequenceError, match="0 task sequences"):
        read(zipped({"inner.zip": inner, "SMS_TaskSequencePackage/A/inner.zip": inner}), source="x")


def test_an_archive_where_a_document_belongs_is_no_document() -> None:
    inner = export_zip({"ABC00001": sequence(step())})
    with pytest.raises(TaskSequenceError, match=f"x!{ENTRY}"):
        read(zipped({ENTRY: inner}), source="x")


def test_too_many_entries_are_refused_before_they_are_listed() -> None:
    with pytest.raises(TaskSequenceError, match="over 20000 entries"):
        read(b"PK\x03\x04" + b"PK\x01\x02" * 20_001, source="many.zip")


def test_too_many_sequences_are_refused() -> None:
    texts = {f"ABC{n:05X}": sequence() for n in range(257)}
    with pytest.raises(TaskSequenceError, match="257 task sequences"):
        read(export_zip(texts), source="many.zip")


def test_an_encrypted_archive_is_refused_with_the_reason() -> None:
    data = written({ENTRY: GOOD.encode()})
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    with pytest.raises(TaskSequenceError, match="password"):
        read(bytes(data), source="secret.zip")


def test_an_unknown_compression_is_refused() -> None:
    data = written({ENTRY: GOOD.encode()})
    for mark, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = data.index(mark) + offset
        data[at : at + 2] = struct.pack("<H", 99)
    with pytest.raises(TaskSequenceError, match=r"odd\.zip: cannot be read"):
        read(bytes(data), source="odd.zip")


def test_damaged_content_is_refused() -> None:
    data = written({ENTRY: GOOD.encode()}, zipfile.ZIP_STORED)
    data[data.index(b"<INSTANCE") + 1] ^= 1
    with pytest.raises(TaskSequenceError, match="CRC"):
        read(bytes(data), source="damaged.zip")
