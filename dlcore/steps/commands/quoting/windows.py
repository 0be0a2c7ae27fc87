"""Values in a command line for Windows, which programs take apart themselves.

Guarantees: with the rules that Microsoft's C runtime documents, each value arrives as exactly one
argument or a piece of one. A value with white space outside of quotes is put into quotes; an empty
one there adds nothing. The line is for ``CreateProcess``, without ``cmd.exe`` in between, as in
ConfigMgr.

A line that is itself for an interpreter (``cmd.exe``, a batch file, PowerShell without ``-File``)
is parsed again by that interpreter. No quoting is safe in all of its contexts, so a value with a
character that could mean something there is refused. A script that needs such a value reads it from
the environment.

Source: Microsoft Learn, "Parsing C command-line arguments", for the arguments; "CreateProcessW
function", for the program at the beginning of the line; "Inside the Run Command Line action", for
``cmd.exe /c``, which the line itself must say where it needs it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from dlcore.steps.commands.quoting.quoted import refuse_nul
from dlcore.tasksequence import FrozenVariables, Part

_COMMAND_PROCESSORS: Final = frozenset({"cmd", "command"})
_POWERSHELLS: Final = frozenset({"powershell", "pwsh"})
_BATCH_FILES: Final = (".bat", ".cmd")
_FILE_SWITCH: Final = re.compile(r"\s[-/]f(i(le?)?)?\s", re.IGNORECASE)
_COMMAND_IN_MARKS: Final = re.compile(r'[^"]*\s/[ck]\s*"', re.IGNORECASE)
_KEPT_MARKS: Final = 2
_PLAIN_FOR_CMD: Final = re.compile(r"[\w \-.:\\/,=+@~#()\[\]{}]*")
_PLAIN_FOR_POWERSHELL: Final = re.compile(r"[\w \-.:\\/+]*")


class WindowsLine(NamedTuple):
    """A command line for ``CreateProcess``.

    Attributes:
        text: The whole line.
        program: The file that it starts.
    """

    text: str
    program: str


def quote(
    line: str,
    variables: FrozenVariables,
    environment: Mapping[str, str],
    find_program: Callable[[str], str],
) -> WindowsLine:
    """Put the values into a line.

    Args:
        line: As its author wrote it.
        variables: Task sequence variables.
        environment: Answers the names that no task sequence variable has. ``cmd.exe`` and batch
            files replace them themselves.
        find_program: Gives the file that a program's name or path stands for; the name itself if
            there is none. What that file is decides which values may be passed to it.

    Raises:
        ValueError: A value cannot be passed as data; the text says which and why.
    """
    known = FrozenVariables({**environment, **variables})
    program_parts, arguments = _divided(known.parts(line))
    program = find_program("".join(part.text for part in program_parts).strip('"'))
    if _is_command_processor(program):
        _, arguments = _divided(variables.parts(line))
    refuse_nul([*program_parts, *arguments])
    _check_for_interpreter(program, [part for part in arguments if _is_checked(part, variables)])
    has_outer_mark = _is_command_processor(program) and _has_outer_mark(arguments)
    made = _Arguments(has_outer_mark=has_outer_mark)
    made.add(_merged(arguments))
    return WindowsLine(_program(program_parts) + made.text, program)


def _is_checked(part: Part, variables: FrozenVariables) -> bool:
    """What the environment of this process says is trusted."""
    return not part.name or part.name in variables


def _merged(parts: Sequence[Part]) -> list[Part]:
    """Values that stand next to each other are one value."""
    merged: list[Part] = []
    for part in parts:
        if part.name and merged and merged[-1].name:
            part = Part(merged.pop().text + part.text, part.name)
        merged.append(part)
    return merged


def _divided(parts: Sequence[Part]) -> tuple[list[Part], list[Part]]:
    """The parts of the program's path, with its quotes, and those of what follows."""
    program: list[Part] = []
    is_quoted = False
    for index, part in enumerate(parts):
        if part.name:
            program.append(part)
            continue
        text = part.text if program else part.text.lstrip()
        if not program:
            is_quoted = text.startswith('"')
        end = _end_of_program(text, is_quoted=is_quoted, at=int(bool(is_quoted and not program)))
        if end is not None:
            rest = [Part(text[end:])] if text[end:] else []
            return [*program, Part(text[:end])], [*rest, *parts[index + 1 :]]
        program.append(Part(text))
    return program, []


def _end_of_program(text: str, *, is_quoted: bool, at: int) -> int | None:
    found = re.compile('"' if is_quoted else r"\s").search(text, at)
    if found is None:
        return None
    return found.end() if is_quoted else found.start()


def _is_command_processor(program: str) -> bool:
    name = _program_name(program)
    return name in _COMMAND_PROCESSORS or name.endswith(_BATCH_FILES)


def _program_name(program: str) -> str:
    return re.split(r"[\\/:]", program.rstrip(" ."))[-1].lower().removesuffix(".exe")


def _has_outer_mark(arguments: Sequence[Part]) -> bool:
    """Whether ``cmd.exe`` takes the first and the last quotation mark of its command away.

    Source: Microsoft Learn, "cmd": of exactly two marks, it may keep both.
    """
    own = "".join("x" if part.name else part.text for part in arguments)
    return _COMMAND_IN_MARKS.match(own) is not None and own.count('"') > _KEPT_MARKS


def _check_for_interpreter(program: str, arguments: Sequence[Part]) -> None:
    own = " ".join(part.text for part in arguments if not part.name)
    if _is_command_processor(program):
        _check_plain(arguments, _PLAIN_FOR_CMD, "cmd.exe", without="()" if "(" in own else "")
    elif _program_name(program) in _POWERSHELLS and not _FILE_SWITCH.search(f"{own} "):
        _check_plain(arguments, _PLAIN_FOR_POWERSHELL, "PowerShell")


def _check_plain(
    arguments: Sequence[Part], plain: re.Pattern[str], reader: str, *, without: str = ""
) -> None:
    for part in arguments:
        if part.name and not (plain.fullmatch(part.text) and not set(without) & set(part.text)):
            raise ValueError(
                f"the value of %{part.name}% has a character that {reader} could take for code; "
                f"let the command read it from the environment"
            )


def _program(parts: Sequence[Part]) -> str:
    """The program's path. Backslashes escape nothing here, and only quotes keep spaces together."""
    for part in parts:
        if part.name and '"' in part.text:
            raise ValueError(f"the value of %{part.name}% is not a part of a program's path")
    path = "".join(part.text for part in parts)
    is_bare = not path.startswith('"')
    has_space = any(part.name and re.search(r"\s", part.text) for part in parts)
    return f'"{path}"' if is_bare and has_space else path


class _Arguments:
    """Arguments in the C runtime's form, as far as they have been put together.

    Backslashes are literal, except before a quotation mark: there two stand for one, and an odd one
    makes the mark literal.

    Args:
        has_outer_mark: Whether ``cmd.exe`` takes the first quotation mark away.
    """

    def __init__(self, *, has_outer_mark: bool) -> None:
        self.text = ""
        self._has_outer_mark = has_outer_mark
        self._is_quoted = False

    def add(self, parts: Sequence[Part]) -> None:
        """Put parts behind what there is.

        Raises:
            ValueError: A value cannot stand where it stands.
        """
        for index, part in enumerate(parts):
            if part.name:
                following = parts[index + 1].text if index + 1 < len(parts) else ""
                self._add_value(part, following)
            else:
                self._add_own(part.text)

    def _add_own(self, text: str) -> None:
        backslashes = 0
        for character in text:
            if character == '"' and self._has_outer_mark:
                self._has_outer_mark = False
            elif character == '"' and backslashes % 2 == 0:
                self._is_quoted = not self._is_quoted
            backslashes = backslashes + 1 if character == "\\" else 0
        self.text += text

    def _add_value(self, value: Part, following: str) -> None:
        needs_quotes = not self._is_quoted and re.search(r'[\s"]', value.text) is not None
        if needs_quotes and (self.text.endswith('"') or following.startswith('"')):
            raise ValueError(
                f"%{value.name}% stands next to a quotation mark; put it between the marks"
            )
        text = re.sub(r'(\\*)"', r'\1\1\\"', value.text)
        ends_before_mark = needs_quotes or re.match(r'\\*"', following) is not None
        if ends_before_mark:
            text += _backslashes_at_end(text)
        if needs_quotes:
            text = f'"{text}"'
        if re.match(r'\\*"', text) or (ends_before_mark and not value.text.strip("\\")):
            self.text += _backslashes_at_end(self.text)
        self.text += text


def _backslashes_at_end(text: str) -> str:
    return text[len(text.rstrip("\\")) :]
