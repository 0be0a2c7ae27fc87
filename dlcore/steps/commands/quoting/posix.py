"""Values in a command line for a POSIX shell.

Guarantees: the shell's text does not contain a value. Each value is in an environment variable of
its own, and the text refers to it as ``"${DLCORE_VALUE_1}"``, whatever quotes the author put around
``%NAME%``. The shell does not parse what such a reference gives, so a value becomes exactly one
argument or a piece of one. An empty value outside of quotes adds nothing.

The quotes of a line are followed through command substitutions. Where a line has what is not
followed (comments, here-documents), a value may be split into words, but never be run. What a line
itself does with its arguments (``eval``, ``sh -c "... %NAME%"``, arithmetic) is the line's own.

Source: POSIX.1-2024, Shell Command Language, sections 2.2 (quoting) and 2.6 (word expansions).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

from dlcore.steps.commands.quoting.quoted import VALUE_PREFIX, QuotedLine, refuse_nul
from dlcore.tasksequence import Part


def quote(parts: Sequence[Part]) -> QuotedLine:
    """Put references to the values into a line.

    Args:
        parts: Those of the line.

    Raises:
        ValueError: A value contains the character NUL.
    """
    refuse_nul(parts)
    line: list[str] = []
    environment: dict[str, str] = {}
    quotes = _Quotes()
    for part in parts:
        if not part.name:
            quotes.follow(part.text)
            line.append(part.text)
            continue
        if quotes.end_escape():
            line.append("\\")  # the author's backslash stays one, and escapes no reference
        if part.text:
            name = f"{VALUE_PREFIX}{len(environment) + 1}"
            environment[name] = part.text
            line.append(_REFERENCES[quotes.within].format(name))
    return QuotedLine("".join(line), environment)


class _Within(enum.Enum):
    NOTHING = "nothing"
    SINGLE = "single quotes"
    DOUBLE = "double quotes"


# Ends the author's quotes, refers to the value in quotes of its own, and begins the author's again.
_REFERENCES = {
    _Within.NOTHING: '"${{{}}}"',
    _Within.SINGLE: "'\"${{{}}}\"'",
    _Within.DOUBLE: '""${{{}}}""',
}


class _Quotes:
    """Which quotes are open at the end of what was followed."""

    def __init__(self) -> None:
        self._open = [_Within.NOTHING]
        self._is_escaped = False

    @property
    def within(self) -> _Within:
        return self._open[-1]

    def end_escape(self) -> bool:
        """Whether a backslash was the last character; it is taken as done with."""
        was_escaped, self._is_escaped = self._is_escaped, False
        return was_escaped

    def follow(self, text: str) -> None:
        previous = ""
        for character in text:
            if self.end_escape():
                previous = ""
                continue
            if character == "\\" and self.within is not _Within.SINGLE:
                self._is_escaped = True
            self._step(character, previous)
            previous = character

    def _step(self, character: str, previous: str) -> None:
        if self.within is _Within.SINGLE:
            if character == "'":
                self._open.pop()
        elif self.within is _Within.DOUBLE:
            if character == '"':
                self._open.pop()
            elif character == "(" and previous == "$":
                self._open.append(_Within.NOTHING)
        elif character == "'":
            self._open.append(_Within.SINGLE)
        elif character == '"':
            self._open.append(_Within.DOUBLE)
        elif character == "(":
            self._open.append(_Within.NOTHING)
        elif character == ")" and len(self._open) > 1:
            self._open.pop()
