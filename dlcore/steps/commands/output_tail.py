"""The end of what a command printed, as people are shown it and as a variable holds it.

Guarantees: bounded memory, whatever a command prints. What is shown has no control characters, so
it cannot act on a terminal or in a log.
"""

from __future__ import annotations

import re
from typing import Final

from dlcore.printable import printable
from dlcore.text_files import printed_text

MAX_SHOWN_LINES: Final = 20
"""Enough for the error of a typical tool, and little enough for a ticket."""

MAX_LINE_CHARACTERS: Final = 300
"""A longer line is cut: the last lines are to be read, not parsed."""

MAX_VARIABLE_CHARACTERS: Final = 1_000
"""Source: Microsoft Learn, "Task sequence steps", Run Command Line: the output in a variable is
limited to the last 1,000 characters. Conditions in exports show that it has no final line break."""

_MAX_KEPT_BYTES: Final = 32 << 10
"""Room for all lines that are shown, with characters of up to four bytes."""


class OutputTail:
    """The last bytes of an output."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        self._kept += data
        if len(self._kept) > 2 * _MAX_KEPT_BYTES:
            del self._kept[:-_MAX_KEPT_BYTES]

    def lines(self) -> str:
        """The last lines, to be shown; of a line that was overwritten, the last text."""
        text = _decoded(self._kept)
        lines = [line.rpartition("\r")[2] for line in re.split("\r*\n", text)]
        shown = [printable(line.rstrip(), max_characters=MAX_LINE_CHARACTERS) for line in lines]
        return "\n".join([line for line in shown if line][-MAX_SHOWN_LINES:])

    def value(self) -> str:
        """The last characters, for a variable, without the line breaks at the end."""
        return _decoded(self._kept).rstrip("\r\n")[-MAX_VARIABLE_CHARACTERS:].replace("\0", "")


def _decoded(data: bytes | bytearray) -> str:
    """The text of an output whose encoding nothing tells, and whose beginning may be missing."""
    start = next((at for at, byte in enumerate(data[:4]) if byte & 0xC0 != 0x80), 0)
    return printed_text(data[start:])
