"""Values in the parameters of a PowerShell script.

Guarantees: the text contains a value only if it is plain: letters, digits and a few characters
that mean nothing to PowerShell, not beginning with a dash. Every other value is in an environment
variable, and the text refers to it as ``${env:DLCORE_VALUE_1}``. Such a reference is one argument,
or a piece of a string in double quotes, and PowerShell does not parse what it gives. Where no such
reference can stand (in single quotes, or against other text), the line is refused.

Source: Microsoft Learn, "about_Quoting_Rules", "about_Parsing", "about_Environment_Variables".
PowerShell takes typographic quotation marks for quotation marks, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from dlcore.steps.commands.quoting.quoted import VALUE_PREFIX, QuotedLine, refuse_nul
from dlcore.tasksequence import Part

SINGLE_QUOTES: Final = "'\u2018\u2019\u201a\u201b"
_DOUBLE_QUOTES: Final = '"\u201c\u201d\u201e'
_PLAIN: Final = re.compile(r"[\w.:\\/+][\w.:\\/+-]*|")
_BEFORE: Final = re.compile(r"(^|[\s:,])\Z")
_AFTER: Final = re.compile(r"[\s,]|\Z")


def quote(parts: Sequence[Part]) -> QuotedLine:
    """Put the values, or references to them, into the parameters.

    Args:
        parts: Those of the parameters.

    Raises:
        ValueError: A value cannot be passed as data where it stands.
    """
    refuse_nul(parts)
    line, own = "", ""
    environment: dict[str, str] = {}
    for index, part in enumerate(parts):
        if not part.name:
            own += part.text
            line += part.text
            continue
        if _PLAIN.fullmatch(part.text):
            line += part.text
            continue
        following = parts[index + 1].text if index + 1 < len(parts) else ""
        if not _may_refer(own, line, following):
            raise ValueError(
                f'%{part.name}% cannot be put there as data; write it as "%{part.name}%"'
            )
        name = f"{VALUE_PREFIX}{len(environment) + 1}"
        environment[name] = part.text
        line += f"${{env:{name}}}"
    return QuotedLine(line, environment)


def literal(text: str) -> str:
    """A text as PowerShell writes it in single quotes."""
    return "'" + re.sub(f"([{SINGLE_QUOTES}])", r"\1\1", text) + "'"


def _may_refer(own: str, line: str, following: str) -> bool:
    """Whether a reference may stand at the end of a line; ``own`` is the line without values."""
    mark = _open_mark(own)
    if not mark:
        return bool(_BEFORE.search(line) and _AFTER.match(following))
    return mark in _DOUBLE_QUOTES and not line.endswith(("`", "$"))


def _open_mark(text: str) -> str:
    """The quotation mark that is open at the end; empty if there is none."""
    mark, is_escaped = "", False
    for character in text:
        if is_escaped:
            is_escaped = False
        elif character == "`" and mark not in tuple(SINGLE_QUOTES):
            is_escaped = True
        elif not mark and character in SINGLE_QUOTES + _DOUBLE_QUOTES:
            mark = character
        elif mark and character in (SINGLE_QUOTES if mark in SINGLE_QUOTES else _DOUBLE_QUOTES):
            mark = ""
    return mark
