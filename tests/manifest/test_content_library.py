"""The INI files of a content library: what they say, and what is refused."""

from __future__ import annotations

import configparser
import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.errors import ManifestError
from dlcore.manifest import decode_content_file, decode_latest_version
from dlcore.manifest.content_library import MAX_INI_BYTES, ContentFile, decode_content_ids

DIGEST = hashlib.sha256(b"abc").digest()
HEX = DIGEST.hex().upper()
EMPTY = hashlib.sha256().hexdigest()


def package(data: str | bytes) -> int:
    data = data.encode() if isinstance(data, str) else data
    return decode_latest_version(data, source="ABC00012.INI", package_id="ABC00012")


def file(data: str) -> ContentFile:
    return decode_content_file(data.encode(), source="x.INI")


@pytest.mark.parametrize(
    "text",
    [
        "[Packages]\r\nABC00012.3=\r\n[Info]\r\nVersion=1\r\n",
        "[packages]\nabc00012.3\n",
        "; written by hand\n[Packages]\nABC00012.1=1\nABC00012.3=\nABC00012.2=\nABC00099.8=\n",
        "[Packages]\nABC00012.3 = x\nContent_4a1b.1=\n",
        "[Packages]\nABC00012.1\n  ABC00012.3\n",
    ],
)
def test_the_latest_content_is_found(text: str) -> None:
    assert package(text) == 3
    assert package(b"\xff\xfe" + text.encode("utf-16-le")) == 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ABC00012.3=",
        "[Info]\nABC00012.3=\n",
        "[Packages]\nABC00099.3=\n",
        "[Packages]\nABC00012.0=\nABC00012.-1=\nABC00012.x=\nABC000121=\nABC00012.1.2=\n",
        "[Packages]\nABC00012.3=\nABC00012.3=\n",
        "[Packages]\nABC00012.3=\n[Packages]\n",
        "\0",
    ],
)
def test_a_list_without_content_is_refused_by_name(text: str) -> None:
    with pytest.raises(ManifestError, match=r"^ABC00012\.INI: ") as caught:
        package(text)
    assert caught.value.remedy


@pytest.mark.parametrize("digest", [HEX, HEX.lower()])
def test_a_file_has_a_length_and_a_digest(digest: str) -> None:
    text = f"[File]\r\nTimeModified=1\r\nSize=3\r\nAttributes=20\r\nHash={digest}\r\n"
    assert file(text) == ContentFile(3, DIGEST)


def test_an_empty_file_has_the_digest_of_one() -> None:
    assert file(f"[File]\nSize=0\nHash={EMPTY}\n").length_bytes == 0


@pytest.mark.parametrize(
    "text",
    [
        f"[File]\nHash={HEX}\n",
        "[File]\nSize=3\n",
        f"[File]\nSize\nHash={HEX}\n",
        f"[File]\nSize=-3\nHash={HEX}\n",
        f"[File]\nSize=0x3\nHash={HEX}\n",
        f"[File]\nSize=٣\nHash={HEX}\n",
        f"[File]\nSize=99999999999999999999\nHash={HEX}\n",
        f"[File]\nSize=3\nHash={HEX[:-2]}\n",
        f"[File]\nSize=3\nHash=../{HEX[3:]}\n",
        f"[File]\nSize=0\nHash={HEX}\n",
        f"[Info]\nSize=3\nHash={HEX}\n",
    ],
)
def test_a_file_without_length_or_digest_is_refused_by_name(text: str) -> None:
    with pytest.raises(ManifestError, match=r"^x\.INI: "):
        file(text)


@pytest.mark.parametrize("stray", ["stray", "stray\n  more", "Size\n\tmore", "=", "]", "[", " = 1"])
def test_a_stray_line_is_no_internal_error(stray: str) -> None:
    """Fault: an INI file's section has a stray line. dlcore reads on or refuses the file."""
    data = f"[File]\n{stray}\nSize=3\nHash={HEX}\n".encode()
    complaint = complaint_about(data)
    assert complaint
    assert ".INI: " in complaint


def test_a_long_document_is_refused() -> None:
    with pytest.raises(ManifestError, match="longer than"):
        package(b"[Packages]\nABC00012.3=\n" + b";" * MAX_INI_BYTES)


def complaint_about(data: bytes) -> str | None:
    try:
        decode_content_file(data, source="x.INI")
        package(data)
    except ManifestError as error:
        return error.message
    return None


@given(st.one_of(st.binary(max_size=300), st.text(alphabet="[]=;%\n File0aHSize", max_size=80)))
def test_whatever_the_bytes_nothing_else_is_raised(data: bytes | str) -> None:
    data = data.encode() if isinstance(data, str) else data
    for bom in (b"", b"\xff\xfe", b"\xef\xbb\xbf"):
        complaint = complaint_about(bom + data)
        assert complaint is None or complaint.isprintable()


@pytest.mark.parametrize("blank", [b" ", b"\t", b"\r", b"\n", b"\n[", b"="])
def test_white_space_takes_no_time(blank: bytes) -> None:
    """Fault: an INI file that a server sends is full of white space. It is read in a moment;
    Python's own reader would have taken hours, and stopped the whole process.
    """
    room = MAX_INI_BYTES - 100
    data = b"[Packages]\nABC00012.3" + blank * (room // len(blank)) + b"ABC00012.4=\n"
    with contextlib.suppress(ManifestError):
        package(data)


@given(st.text("[]=; \t\rAab\n\u00a0", max_size=40))
def test_sections_and_keys_are_those_of_pythons_own_reader(text: str) -> None:
    data = f"[Packages]\n{text}".encode("latin-1")
    lines = (line.strip() for line in data.decode("latin-1").split("\n"))
    reference = configparser.RawConfigParser(
        allow_no_value=True, delimiters=("=",), comment_prefixes=(";",), default_section=""
    )
    try:
        reference.read_string("\n".join(lines))
    except configparser.Error:
        with pytest.raises(ManifestError):
            decode_content_ids(data, source="x.INI")
        return
    expected = tuple(reference["Packages"])
    if expected:
        assert decode_content_ids(data, source="x.INI") == expected
