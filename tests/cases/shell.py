"""A small shell for Windows, which has none that knows the commands of these sequences.

``shell_line`` gives the command line that runs a line in it. As a program it knows ``echo``,
``ls``, ``printf`` (octal escapes only), ``true`` and ``exit``; several commands with ``;`` between
them; ``>`` and ``>>``; quotes; and ``$NAME`` of the environment.
"""

from __future__ import annotations

import os
import re
import shlex
import sys

COMMANDS = frozenset({"echo", "ls", "printf", "true", "exit"})


def shell_line(line: str) -> str:
    """The line as it is for Linux; on Windows, the one that runs it in this shell."""
    if sys.platform != "win32" or line.partition(" ")[0] not in COMMANDS:
        return line
    quoted = line.replace('"', "'")
    return f'"{sys.executable}" -S -E "{os.path.realpath(__file__)}" "{quoted}"'


def run(line: str) -> int:
    """Run the commands of a line; returns the exit code of the last one."""
    words = shlex.shlex(line, posix=True, punctuation_chars=";>")
    words.escape = ""  # paths have backslashes
    words.whitespace_split = True
    command: list[str] = []
    code = 0
    for word in (*words, ";"):
        if word != ";":
            command.append(word)
        elif command:
            if command[0] == "exit":
                return int(command[1])
            code = _run_one([_expanded(each) for each in command])
            command = []
    return code


def _expanded(word: str) -> str:
    return re.sub(r"\$(\w+)", lambda found: os.environ.get(found[1], ""), word)


def _run_one(command: list[str]) -> int:
    arguments, to, mode = command, None, "a"
    for at, word in enumerate(command):
        if word in {">", ">>"}:
            arguments, to, mode = command[:at], command[at + 1], "w" if word == ">" else "a"
    data, code = _output(arguments)
    if to is None:
        sys.stdout.buffer.write(data)
    else:
        with open(to, mode + "b") as file:  # noqa: PTH123  # pathlib takes long to import
            file.write(data)
    return code


def _output(arguments: list[str]) -> tuple[bytes, int]:
    name, *rest = arguments
    if name == "ls":
        return _listed(rest[0] if rest else ".")
    if name == "printf":
        octal = re.compile(rb"\\([0-7]{3})")
        return octal.sub(lambda found: bytes([int(found[1], 8)]), rest[0].encode()), 0
    return ((" ".join(rest) + "\n").encode() if name == "echo" else b""), 0


def _listed(folder: str) -> tuple[bytes, int]:
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208  # pathlib takes long to import
    except OSError:
        return b"", 2
    return "".join(f"{name}\n" for name in names).encode(), 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1]))
