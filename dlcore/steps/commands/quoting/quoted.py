"""A line whose values stand beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dlcore.tasksequence import Part

VALUE_PREFIX = "DLCORE_VALUE_"


class QuotedLine(NamedTuple):
    """A line, and the environment variables that it refers to.

    Attributes:
        text: The line; it contains no value that its reader could take for code.
        environment: The values that it refers to, by the names of environment variables.
    """

    text: str
    environment: dict[str, str]


def refuse_nul(parts: Sequence[Part]) -> None:
    """Refuse a value that no program can be given.

    Raises:
        ValueError: A value contains the character NUL.
    """
    for part in parts:
        if part.name and "\0" in part.text:
            raise ValueError(f"the value of %{part.name}% contains the character NUL")
