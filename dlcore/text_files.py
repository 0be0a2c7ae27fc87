"""The text that people and programs write, whichever program of Windows saved or printed it.

Windows PowerShell's ``>`` and ``Out-File`` write UTF-16, its ``-Encoding UTF8`` writes a byte order
mark, and editors of Windows write either. A reader that knows only plain UTF-8 refuses such a
file, or takes the mark for a part of a name. Reading, and how much is read, is up to the caller.

Source: Microsoft Learn, "about_Character_Encoding"; Unicode Standard, section 23.8, about the byte
order mark.
"""

from __future__ import annotations

import codecs
import sys
from typing import Final, Literal

_ENCODINGS: Final = (
    (codecs.BOM_UTF8, "UTF-8"),
    (codecs.BOM_UTF16_LE, "UTF-16LE"),
    (codecs.BOM_UTF16_BE, "UTF-16BE"),
)


def text_of(data: bytes, *, errors: Literal["strict", "replace"] = "strict") -> str:
    r"""Decode a text file: UTF-16 or UTF-8 as its byte order mark says, else UTF-8.

    Args:
        data: The file, from its beginning.
        errors: What becomes of bytes that are not in that encoding: ``replace`` puts U+FFFD in
            their place.

    Returns:
        The text without the mark. Each line ends with ``\n``, also where the file has ``\r\n``.

    Raises:
        ValueError: A byte is not in that encoding, and ``errors`` is ``strict``. The message names
            its place and the encoding, and repeats nothing of the file.
    """
    for mark, encoding in _ENCODINGS:
        if data.startswith(mark):
            return _decoded(data, len(mark), encoding, errors)
    return _decoded(data, 0, "UTF-8", errors)


def printed_text(data: bytes | bytearray) -> str:
    """Decode what a program printed: UTF-8, else the code page of Windows' console.

    Args:
        data: All of it. Bytes that are in neither encoding become U+FFFD.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("oem" if sys.platform == "win32" else "utf-8", errors="replace")


def _decoded(data: bytes, start: int, encoding: str, errors: str) -> str:
    try:
        text = data[start:].decode(encoding, errors)
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {start + error.start} is not {encoding}") from None
    return text.replace("\r\n", "\n")
