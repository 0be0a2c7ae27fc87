"""Which value an option has that the command line does not set, and where it comes from.

The command line counts most, then the variable of the command, the variable of all commands, the
command's table in the configuration file, the keys before all tables, and last the default. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import click

from dlcore.cli.configuration.option_file import OptionEntry, OptionFile, home_expanded
from dlcore.cli.configuration.option_names import (
    COMMON,
    OTHER_VARIABLES,
    PREFIX,
    SECRETS,
    Words,
    configurable,
    name_of,
    variable_of,
    variables,
)
from dlcore.errors import ConfigError
from dlcore.spelling import IDS, nearest

Value = str | bool | int | list[str]

_ON: Final = frozenset({"1", "true", "yes", "on"})
_OFF: Final = frozenset({"0", "false", "no", "off"})
_COUNT = re.compile(r"[0-9]{1,9}", re.ASCII)
_WORD = re.compile(r'"([^"]*)"|(\S+)')


class Given(NamedTuple):
    """A value that was given elsewhere than on the command line.

    Attributes:
        value: As click takes it.
        origin: The variable, or the file and its line.
        is_variable: Whether it is a variable.
    """

    value: Value
    origin: str
    is_variable: bool


def given_values(
    command: Words,
    parameters: Iterable[click.Parameter],
    environment: Mapping[str, str],
    file: OptionFile | None,
) -> dict[str, Given]:
    """The values of a command's options, by the names of click's parameters.

    Args:
        command: The command.
        parameters: All that it takes.
        environment: The variables. An empty one counts as not set.
        file: The configuration file.

    Raises:
        ConfigError: A value has the wrong type, or the file has an unknown key.
    """
    options = {name_of(option): option for option in configurable(parameters)}
    entries = file.entries(command, options) if file else {}
    given: dict[str, Given] = {}
    for name, option in options.items():
        found = [v for v in variables(command, name) if environment.get(v)]
        assert option.name
        if found:
            value = _of_variable(option, found[0], environment[found[0]])
            given[option.name] = Given(value, found[0], is_variable=True)
        elif name in entries:
            value = _of_file(option, name, entries[name])
            given[option.name] = Given(value, entries[name].place, is_variable=False)
    return given


def idle_variables(
    command: Words,
    parameters: Sequence[click.Parameter],
    environment: Mapping[str, str],
    commands: Iterable[str],
) -> dict[str, str]:
    """Variables that set nothing, each with a hint at the one that was meant.

    They are named for this command, or resemble the variable of an option. Others are left alone:
    programs around dlcore have variables of their own that begin with ``DLCORE_``.

    Args:
        command: The command.
        parameters: All that it takes.
        environment: The variables.
        commands: The names of all commands: variables of others may set something there.
    """
    names = [name_of(option) for option in configurable(parameters)]
    own = {variable for name in names for variable in variables(command, name)}
    known = own | OTHER_VARIABLES | {variable_of(name) for name in COMMON}
    others = tuple(f"{variable_of(name)}_" for name in commands if name != command[0])
    found = {
        variable: _meant(variable, command, parameters, known)
        for variable in sorted(environment)
        if variable.startswith(PREFIX)
        and variable not in known
        and variable.rpartition("_")[2].lower() not in SECRETS  # a deployment file may name it
        and not variable.startswith((*others, *_of_sister_commands(command, variable)))
    }
    of_command = f"{variable_of(*command)}_"
    return {
        variable: meant
        for variable, meant in found.items()
        if meant or variable.startswith(of_command)
    }


def _of_sister_commands(command: Words, variable: str) -> tuple[str, ...]:
    """The prefix of the variables of the other commands of the same group."""
    group, own = f"{variable_of(*command[:-1])}_", f"{variable_of(*command)}_"
    return (group,) if len(command) > 1 and not variable.startswith(own) else ()


def _meant(
    variable: str, command: Words, parameters: Iterable[click.Parameter], known: Iterable[str]
) -> str:
    rest = variable.removeprefix(f"{variable_of(*command)}_").removeprefix(PREFIX)
    for parameter in parameters:
        if isinstance(parameter, click.Option) and rest == _suffix(name_of(parameter)):
            return f" (did you mean {variables(command, name_of(parameter))[0]}?)"
        if isinstance(parameter, click.Argument) and rest == _suffix(parameter.name or ""):
            return f" ({parameter.human_readable_name} is given on the command line only)"
    names = [name.removeprefix(PREFIX) for name in known]
    near = nearest(variable.removeprefix(PREFIX), names, alike=IDS)
    return f" (did you mean {PREFIX}{near}?)" if near else ""


def _suffix(name: str) -> str:
    return variable_of(name).removeprefix(PREFIX)


def _of_variable(option: click.Option, variable: str, text: str) -> Value:
    if option.count:
        if _COUNT.fullmatch(text.strip()):
            return int(text)
        raise _value_error(variable, "is not a number", "Give a number, such as 1.")
    if option.is_flag:
        word = text.strip().lower()
        if word in _ON | _OFF:
            return word in _ON
        raise _value_error(variable, "is neither 1 nor 0", "Give 1 or 0; true and false also work.")
    if option.multiple:
        return [quoted or plain for quoted, plain in _WORD.findall(text)]
    return text


def _of_file(option: click.Option, name: str, entry: OptionEntry) -> Value:
    value, where = entry.value, f"{entry.place}: {name}"
    if option.count:
        if type(value) is int and value >= 0:
            return value
        raise _value_error(where, "is not a number", f"Write {name} = 1.")
    if option.is_flag:
        if isinstance(value, bool):
            return value
        raise _value_error(where, "is neither true nor false", f"Write {name} = true.")
    if option.multiple:
        values = value if isinstance(value, list) else [value]
        return [_text(each, where) for each in values]
    return _text(value, where)


def _text(value: object, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _value_error(
            where, ("is neither text nor a number"), "Write a text in quotes, or a number."
        )
    return home_expanded(value) if isinstance(value, str) else str(value)


def _value_error(where: str, fault: str, remedy: str) -> ConfigError:
    return ConfigError(f"{where} {fault}", remedy=remedy)
