"""Whether command lines that are not run could be: their commands, options and modules exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import click

from dlcore.cli.app import group
from tests.docs.blocks import ROOT

_SEPARATORS = {"|", "||", "&", "&&", ";", ">", ">>"}
_ELIDED = "..."


def refused(script: str) -> list[str]:
    """What of a script nobody could run: a message for each command line."""
    found = []
    for command in commands_of(script):
        name, *arguments = command
        try:
            match Path(name).name:
                case "dlcore":
                    _check_dlcore(arguments)
                case "make":
                    _check_target(arguments)
                case "python" | "py" if arguments[:2] == ["-m", "dlcore"]:
                    _check_dlcore(arguments[2:])
                case "python" | "py":
                    _check_module(arguments)
        except (click.ClickException, LookupError) as error:
            found.append(f"{' '.join(command)}: {getattr(error, 'message', error)}")
    return found


def commands_of(script: str) -> list[list[str]]:
    """The words of each command, without those that set its environment."""
    found: list[list[str]] = []
    for line in script.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        words.escape = ""  # paths of Windows
        command: list[str] = []
        for word in [*words, ";"]:
            if word in _SEPARATORS:
                found.extend([command] if command else [])
                command = []
            elif command or not re.match(r"[A-Z_]+=", word):
                command.append(word)
    return found


def _check_dlcore(arguments: list[str]) -> None:
    """Parse a command line as dlcore does; what its values mean is not looked at."""
    command: click.Command = group
    context = click.Context(group, info_name="dlcore")
    while isinstance(command, click.Group) and arguments:
        name, *arguments = arguments
        if name.startswith("-"):
            return
        inner = command.get_command(context, name)
        if inner is None:
            raise LookupError(f"there is no command {name}")
        command, context = inner, click.Context(inner, info_name=name, parent=context)
    written = [word for word in arguments if word != _ELIDED]
    command.make_parser(context).parse_args(written)


def _check_target(arguments: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in arguments:
        if "=" not in target and not re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE):
            raise LookupError(f"there is no target {target}")


def _check_module(arguments: list[str]) -> None:
    if "-m" not in arguments:
        return
    module = arguments[arguments.index("-m") + 1]
    if module.partition(".")[0] not in {"dlcore", "tests", "bench"}:
        return
    if importlib.util.find_spec(module) is None:
        raise LookupError(f"there is no module {module}")
