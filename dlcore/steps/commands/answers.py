"""The file into which a step's command writes the task sequence variables that it sets.

``DLCORE_VARIABLES`` names it; a line is ``NAME=value``, in UTF-8 or as programs of Windows write it
(`answer_lines`). What a command wrote is foreign: it is bounded, and only a plain file is read.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from dlcore.plain_files import NotPlainError, open_plain
from dlcore.printable import quoted
from dlcore.steps.commands.answer_lines import lines_of
from dlcore.tasksequence.set_variable import is_read_only

VARIABLE: Final = "DLCORE_VARIABLES"
MAX_ANSWER_BYTES: Final = 1 << 20  # the same as the longest expanded command line
MAX_ANSWER_LINES: Final = 10_000
MAX_NAME_CHARACTERS: Final = 100
"""Source: ConfigMgr SDK, SMS_TaskSequence_SetVariableAction, property VariableName."""

_NAME: Final = re.compile(r"[^\s%=\x00-\x1f\x7f](?:[^%=\x00-\x1f\x7f]*[^\s%=\x00-\x1f\x7f])?")


def read_answers(path: Path) -> dict[str, str]:
    """Read the variables that a command asked for.

    Args:
        path: The file. The command may have removed it, which sets nothing.

    Returns:
        Names and values, in the order of the lines. Lines without ``=`` or name are left out.

    Raises:
        ValueError: The file cannot be accepted; the text says why. No variable is to be set then.
    """
    lines = lines_of(_content(path))
    if len(lines) > MAX_ANSWER_LINES + 1:  # the last one has a line break, too
        raise ValueError(f"{VARIABLE} has over {MAX_ANSWER_LINES} lines")
    answers: dict[str, str] = {}
    for line in lines:
        name, found, value = line.partition("=")
        if found and name.strip():
            answers[checked_name(name.strip(), VARIABLE)] = value
    return answers


def _content(path: Path) -> bytes:
    try:
        with open_plain(path, getattr(os, "O_NOFOLLOW", 0)) as file:
            if path.is_symlink():  # Windows has no such flag
                raise ValueError(f"{VARIABLE} is not a plain file")
            content = file.read(MAX_ANSWER_BYTES + 1)
    except FileNotFoundError:
        return b""
    except NotPlainError as error:
        raise ValueError(f"{VARIABLE} is not a plain file") from error
    except OSError as error:
        raise ValueError(f"{VARIABLE} is not a plain file: {error.strerror}") from error
    if len(content) > MAX_ANSWER_BYTES:
        raise ValueError(f"{VARIABLE} is longer than {MAX_ANSWER_BYTES} bytes")
    return content


def checked_name(name: str, place: str) -> str:
    """The name of a variable that a command may set.

    Args:
        name: The name.
        place: What says that it is to be set, for the message.

    Raises:
        ValueError: It is read-only, or not the name of a variable.
    """
    if is_read_only(name):
        raise ValueError(f"{place} sets {quoted(name[:60])}, which is read-only")
    if len(name) > MAX_NAME_CHARACTERS or not _NAME.fullmatch(name):
        raise ValueError(f"{place} sets {quoted(name[:60])}, which is not the name of a variable")
    return name
