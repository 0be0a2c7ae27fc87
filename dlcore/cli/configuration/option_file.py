"""The configuration file: values of options, for all commands or for one.

Guarantees: a file that another ordinary user could alter is refused before anything of it is used.
An unknown table or key is refused by name, with its line. No message repeats a value, but for the
path of a file or a program.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from dlcore.cli.configuration.option_names import COMMON, SECRETS, Words
from dlcore.disk.faults import storage_error
from dlcore.disk.ownership import check_unalterable
from dlcore.errors import ConfigError, NotFoundError, OwnershipError
from dlcore.long_path import long_path
from dlcore.plain_files import is_folder_there, read_plain
from dlcore.spelling import hint
from dlcore.text_files import text_of

MAX_FILE_BYTES: Final = 1 << 20  # a longer one is refused when it is parsed
NAME: Final = "config.toml"
VARIABLE: Final = "DLCORE_CONFIG"
_HEADER = re.compile(r"\s*\[\s*([\w.\" -]+?)\s*\]\s*(?:#.*)?$")
_KEY = re.compile(r"\s*[\"']?([\w-]+)[\"']?\s*[=.]")


class OptionEntry(NamedTuple):
    """A value of the file.

    Attributes:
        value: As TOML has it.
        place: The file and the line.
    """

    value: Any
    place: str


class OptionFile:
    """A configuration file that was read.

    Args:
        path: Where it is, for messages.
        text: What it holds.
        commands: The known commands; a group of commands has its own commands as values.

    Raises:
        ConfigError: It is not TOML, a table is not named for a command, or a key before all tables
            is not a common option.
    """

    def __init__(self, path: Path, text: bytes, commands: Iterable[str]) -> None:
        from dlcore.deployment.toml_tables import parse  # with much else, where there is a file

        self.path = path
        self._table = parse(text, str(path))
        self._lines = lines_of(text_of(text)) if text else {}
        known = frozenset(commands)
        for name, value in self._table.items():
            if isinstance(value, dict):
                self._check((), name, known, f"no command has the name {name}")
            else:
                self._check((), name, COMMON, f"{name} is not an option of all commands")

    def entries(self, command: Words, options: Iterable[str]) -> dict[str, OptionEntry]:
        """What the file says of the options of a command; its own table counts more.

        Args:
            command: The command.
            options: Names of its options.

        Raises:
            ConfigError: The command's table has a key that is not one of them.
        """
        known = frozenset(options)
        own = self._own_table(command)
        for name in own:
            self._check(command, name, known, f"{' '.join(command)} has no option {name}")
        common = {name: value for name, value in self._table.items() if name in known & COMMON}
        return {
            **{name: OptionEntry(value, self._place((), name)) for name, value in common.items()},
            **{name: OptionEntry(value, self._place(command, name)) for name, value in own.items()},
        }

    def check_commands(self, group: Words, commands: Iterable[str]) -> None:
        """Refuse a table of a group that is not named for one of the group's commands."""
        known = frozenset(commands)
        for name in self._own_table(group):
            self._check(group, name, known, f"{' '.join(group)} has no command {name}")

    def _own_table(self, command: Words) -> dict[str, Any]:
        table: Any = self._table
        for depth, word in enumerate(command):
            table = table.get(word, {})
            if not isinstance(table, dict):
                place = self._place(command[:depth], word)
                raise ConfigError(
                    f"{place}: {word} is a command, not an option",
                    remedy=f"Begin a table for its options: [{'.'.join(command)}].",
                )
        return dict(table)

    def _check(self, table: Words, name: str, known: frozenset[str], refusal: str) -> None:
        if name in known:
            return
        place = self._place(table, name)
        if name in SECRETS:
            raise ConfigError(
                f"{place}: {name}: a secret does not belong in this file",
                remedy="Write it into a file of its own, and name that file, as with token-file.",
            )
        of_all = f"Keys before the first table are {', '.join(sorted(COMMON))}."
        of_one = f"'dlcore {' '.join(table)} --help' lists them."
        raise ConfigError(
            f"{place}: {refusal}{hint(name, known)}",
            remedy="A table has the name of a command, a key the long name of an option without its"
            f" dashes. {of_one if table else of_all}",
        )

    def _place(self, table: Words, name: str) -> str:
        line = self._lines.get((*table, name)) or self._lines.get(table)
        return f"{self.path}:{line}" if line else str(self.path)


def lines_of(text: str) -> dict[Words, int]:
    """The lines in which tables begin and keys stand, by the words of both, counted from 1.

    TOML's parser does not tell them. A key in a form that few people write is not found.
    """
    lines: dict[Words, int] = {}
    table: Words = ()
    for number, line in enumerate(text.splitlines(), 1):
        if found := _HEADER.match(line):
            table = tuple(word.strip(' "') for word in found[1].split("."))
            lines.setdefault(table, number)
        elif found := _KEY.match(line):
            lines.setdefault((*table, found[1]), number)
    return lines


def config_path(environment: Mapping[str, str]) -> Path:
    """Where the configuration file is: where DLCORE_CONFIG says, or the user's own."""
    named = environment.get(VARIABLE)
    if named:
        return Path(named)
    if sys.platform == "win32" and (roaming := environment.get("APPDATA")):
        return Path(roaming) / "dlcore" / NAME
    import platformdirs

    return platformdirs.user_config_path("dlcore", appauthor=False) / NAME


def read(environment: Mapping[str, str], commands: Iterable[str]) -> OptionFile | None:
    """The configuration file; None if there is none.

    Args:
        environment: May name the file; an empty DLCORE_CONFIG counts as unset, and the null device
            is an empty file.
        commands: As of `OptionFile`.

    Raises:
        ConfigError: It cannot be used.
        NotFoundError: DLCORE_CONFIG names a file that does not exist.
        OwnershipError: Another user could alter it.
        StorageError: It cannot be read.
    """
    path = config_path(environment)
    if str(path) == os.devnull:
        return None
    try:
        if is_folder_there(long_path(path)):
            raise ConfigError(
                f"the configuration file {path} is a folder", remedy=f"Let {VARIABLE} name a file."
            )
        check_unalterable(long_path(path.absolute()))
        text = read_plain(long_path(path), MAX_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        if environment.get(VARIABLE):
            raise NotFoundError(
                f"{path} does not exist, and {VARIABLE} names it",
                remedy=f"Correct {VARIABLE}, or unset it.",
            ) from None
        return None
    except OwnershipError as error:
        raise OwnershipError(
            f"the configuration file {path} is not used: {error.message}",
            path=error.path,
            remedy=f"{error.remedy} Or let {VARIABLE} name a file in a safe place.",
        ) from None
    except OSError as error:
        raise storage_error(error, "read the configuration file", path) from error
    return OptionFile(path, text, commands)


def home_expanded(text: str) -> str:
    """A value with the home folder in the place of ``~/``, as a shell would have put it."""
    is_home = text.startswith(("~/", f"~{os.sep}"))
    return os.path.expanduser(text) if is_home else text  # noqa: PTH111  # keep the rest as it is
