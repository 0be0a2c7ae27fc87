"""The text of files as programs of Windows save them."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.text_files import text_of

MARKED = [
    pytest.param(codecs.BOM_UTF8, "utf-8", id="utf-8 with mark"),
    pytest.param(codecs.BOM_UTF16_LE, "utf-16-le", id="utf-16-le"),
    pytest.param(codecs.BOM_UTF16_BE, "utf-16-be", id="utf-16-be"),
    pytest.param(b"", "utf-8", id="plain utf-8"),
]


@pytest.mark.parametrize(("mark", "encoding"), MARKED)
def test_a_file_is_read_whichever_program_of_windows_saved_it(mark: bytes, encoding: str) -> None:
    """Fault: PowerShell saves a text file as UTF-16. dlcore reads it as the text that it is."""
    saved = mark + "Büro = 'München'\r\nlast\r\n".encode(encoding)
    assert text_of(saved) == "Büro = 'München'\nlast\n"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_all_encodings_give_the_same_text(text: str) -> None:
    texts = {text_of(codecs.BOM_UTF8 + text.encode())}
    texts.add(text_of(codecs.BOM_UTF16_LE + text.encode("utf-16-le")))
    texts.add(text_of(codecs.BOM_UTF16_BE + text.encode("utf-16-be")))
    assert texts == {text.replace("\r\n", "\n")}


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"ab\xff", "byte 2 is not UTF-8"),
        (codecs.BOM_UTF8 + b"ab\xff", "byte 5 is not UTF-8"),
        (codecs.BOM_UTF16_LE + b"a\0b", "byte 4 is not UTF-16LE"),
        (codecs.BOM_UTF16_BE + b"\xdc\0", "byte 2 is not UTF-16BE"),
    ],
)
def test_what_is_not_text_is_refused_by_its_place(data: bytes, place: str) -> None:
    with pytest.raises(ValueError, match=f"^{place}$"):
        text_of(data)


@given(st.binary())
def test_any_bytes_become_text_where_that_is_asked_for(data: bytes) -> None:
    text_of(data, errors="replace").encode()
