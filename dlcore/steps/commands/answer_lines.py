r"""The lines of a text file that several programs of Windows have appended to.

A script of a step may write one line with Windows PowerShell's ``>>`` or ``Out-File`` (UTF-16LE)
and the next one with ``echo`` of ``cmd.exe`` (the code page of the console), and a byte order mark
stands wherever a program took the file for new. So the encoding is found line by line: a line that
counts has a ``=``, which has a zero byte in UTF-16 only. Pure.

Source: Microsoft Learn, "about_Character_Encoding": ``>>`` and ``Out-File -Append`` do not look at
the encoding that the file has.
"""

from __future__ import annotations

import codecs
from typing import Final

from dlcore.text_files import printed_text, text_of

_WIDE_BREAK: Final = "\n".encode("utf-16-le")


def lines_of(data: bytes) -> list[str]:
    r"""Split a file into its lines, without line breaks and byte order marks.

    Args:
        data: The file. Bytes that are not in the encoding of their line become U+FFFD.

    Returns:
        The lines; the last one is empty if the file ends with a line break.
    """
    if data.startswith(codecs.BOM_UTF16_BE):
        return text_of(data, errors="replace").split("\n")
    lines = []
    start = 0
    while start <= len(data):
        start = _behind_mark(data, start)
        end = _found(data, b"\n", start)
        if b"\0" in data[start : end + len(_WIDE_BREAK)]:
            end = _end_of_wide_line(data, start)
            line, start = data[start:end].decode("utf-16-le", "replace"), end + len(_WIDE_BREAK)
        else:
            line, start = printed_text(data[start:end]), end + 1
        lines.append(line.removesuffix("\r"))
    return lines


def _behind_mark(data: bytes, start: int) -> int:
    for mark in (codecs.BOM_UTF8, codecs.BOM_UTF16_LE):
        if data.startswith(mark, start):
            return start + len(mark)
    return start


def _end_of_wide_line(data: bytes, start: int) -> int:
    end = _found(data, _WIDE_BREAK, start)
    while (end - start) % 2 and end < len(data):  # the halves of two characters
        end = _found(data, _WIDE_BREAK, end + 1)
    return end


def _found(data: bytes, mark: bytes, start: int) -> int:
    """Where a mark begins; the end of the data if it is not there."""
    at = data.find(mark, start)
    return len(data) if at < 0 else at
