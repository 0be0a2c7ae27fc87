"""Foreign text made safe to show, on a terminal, in a message and in a log.

Text from documents and servers may contain characters that a terminal obeys (escape sequences, a
carriage return), that turn the order of what is shown (bidirectional marks), or that cannot be seen
(zero-width characters). It may also contain lone surrogates, which cannot be encoded.
"""

from __future__ import annotations

import unicodedata


def printable(text: str, *, max_characters: int | None = None, keep: str = "") -> str:
    """The text with every character that is not plainly visible as an escape of Python's.

    Visible is what `str.isprintable` says, and spaces of all widths. A backslash stays as it is.

    Args:
        text: Any text.
        max_characters: A longer text is cut there and ends in ``...``; None for no limit.
        keep: Characters to leave alone, such as a line break of our own.

    Source: Unicode Standard Annex 44, general categories Cc, Cf, Cs, Co, Cn, Zl and Zp; Unicode
    Technical Report 36, section 3.5, about bidirectional text.
    """
    cut = text if max_characters is None else text[:max_characters]
    shown = cut if cut.isprintable() else "".join(_shown(c, keep) for c in cut)
    return shown if len(cut) == len(text) else f"{shown}..."


def quoted(text: str) -> str:
    """Any text between quotation marks, safe to show.

    Python's ``!r`` is for programmers: it doubles the backslashes of a path of Windows.
    """
    return f"'{printable(text)}'"


def _shown(character: str, keep: str) -> str:
    is_plain = character.isprintable() or unicodedata.category(character) == "Zs"
    return character if is_plain or character in keep else ascii(character)[1:-1]
