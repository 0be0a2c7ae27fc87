"""``dlcore config``: which options are set, and where."""

from __future__ import annotations

import enum
import os
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import click

from dlcore.cli.configuration import option_file
from dlcore.cli.configuration.command_tree import FoundCommand, found_commands
from dlcore.cli.configuration.option_file import OptionFile
from dlcore.cli.configuration.option_names import (
    OTHER_VARIABLES,
    PREFIX,
    SECRETS,
    configurable,
    name_of,
    variables,
)
from dlcore.cli.configuration.option_values import given_values
from dlcore.cli.configured import without_value
from dlcore.cli.ending.usage_words import usage_in_words
from dlcore.cli.help_option import HelpfulGroup
from dlcore.cli.logs import LoggedCommand
from dlcore.cli.output import json_option, say, show_json, show_table, tell
from dlcore.errors import ConfigError, DlcoreError
from dlcore.printable import quoted
from dlcore.spelling import hint

DEFAULT = "default"
_HIDDEN = "***"
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")
_SECRET_ENDINGS = tuple(f"-{word}" for word in SECRETS)


class Setting(NamedTuple):
    """An option of a command.

    Attributes:
        command: Its words, such as ``trust init``.
        option: Its name.
        value: What it is; None if it has none.
        origin: ``default``, a variable, or a file and its line.
    """

    command: str
    option: str
    value: Any
    origin: str


class Wrong(NamedTuple):
    """A value that its command would refuse.

    Attributes:
        command: Its words.
        option: The option's name.
        origin: Where the value was set.
        message: Why it is refused.
    """

    command: str
    option: str
    origin: str
    message: str


@click.group(cls=HelpfulGroup)
def command() -> None:
    """Show the options that are set, and where.

    Options are set by variables such as DLCORE_FETCH_CONNECTIONS and by the configuration file:
    `dlcore help command-line` tells how.
    """


@command.command(cls=LoggedCommand)
@click.argument("words", nargs=-1, metavar="[COMMAND]")
@click.option("--origin", "with_origin", is_flag=True, help="Show where each value comes from.")
@json_option
@click.pass_context
def show(ctx: click.Context, words: tuple[str, ...], with_origin: bool, as_json: bool) -> int:
    """Show which value each option of COMMAND has if the command line does not set it.

    Without COMMAND, show those of all commands that are set by a variable or by the file.
    Credentials are shown as ***, and so are the values of headers, the arguments of
    credential-command, and a value that its command would refuse, unless it is a path. Such a value
    is also listed with the place where it was set; then the exit status is 2.
    """
    commands = found_commands(ctx.find_root())
    chosen = [each for each in commands if not words or each.words[: len(words)] == words]
    if not chosen:
        known = [" ".join(each.words) for each in commands]
        asked = " ".join(words)
        raise ConfigError(
            f"{quoted(asked)} is not a command{hint(asked, known)}",
            remedy="'dlcore --help' lists the commands.",
        )
    file = _checked_file(commands)
    wrong = [each for one in chosen for each in _wrong(one, os.environ, file)]
    refused = {(each.command, each.option) for each in wrong}
    settings = [each for one in chosen for each in _settings(one, os.environ, file, refused)]
    if not words:
        settings = [setting for setting in settings if setting.origin != DEFAULT]
    path = option_file.config_path(os.environ)
    idle = _idle(commands, os.environ)
    status = ConfigError.exit_status if wrong else 0
    if as_json:
        told = {"file": str(path), "is_there": file is not None}
        options = [setting._asdict() for setting in settings]
        show_json(
            {
                **told,
                "options": options,
                "wrong": [each._asdict() for each in wrong],
                "variables_that_set_nothing": idle,
            }
        )
        return status
    say(f"configuration file: {path}{'' if file else ' (there is none)'}")
    rows = [(s.command, s.option, _shown(s.value), s.origin) for s in settings]
    columns = ("command", "option", "value", "set by")
    count = len(columns) if with_origin else len(columns) - 1
    if rows:
        show_table(columns[:count], [row[:count] for row in rows])
    else:
        say("Neither a variable nor the file sets an option.")
    if idle:
        say(f"variables that set nothing: {', '.join(idle)}")
    for each in wrong:
        tell(f" (config): {each.origin}: {each.command}: {each.message}", label="error")
    return status


def _checked_file(commands: tuple[FoundCommand, ...]) -> OptionFile | None:
    """The configuration file, with every table of it checked.

    Raises:
        ConfigError: It cannot be used.
    """
    file = option_file.read(os.environ, {each.words[0] for each in commands})
    if file:
        for group in {each.words[:-1] for each in commands} - {()}:
            names = [each.words[-1] for each in commands if each.words[:-1] == group]
            file.check_commands(group, names)
    return file


def _settings(
    found: FoundCommand,
    environment: Mapping[str, str],
    file: OptionFile | None,
    refused: Collection[tuple[str, str]],
) -> Iterator[Setting]:
    """The options of a command.

    Args:
        found: The command.
        environment: The variables.
        file: The configuration file.
        refused: Commands and options whose values are refused. They are not shown: such a value
            may be a secret in the wrong place.
    """
    given = given_values(found.words, found.command.params, environment, file)
    name = " ".join(found.words)
    for option in configurable(found.command.params):
        each = given.get(option.name or "")
        value = each.value if each else option.get_default(found.context)
        is_unset = value is None or (each is None and isinstance(value, enum.Enum))  # click's mark
        is_hidden = (name, name_of(option)) in refused and not isinstance(option.type, click.Path)
        shown = _HIDDEN if is_hidden else _for_programs(name_of(option), value)
        origin = each.origin if each else DEFAULT
        yield Setting(name, name_of(option), None if is_unset else shown, origin)


def _wrong(
    found: FoundCommand, environment: Mapping[str, str], file: OptionFile | None
) -> Iterator[Wrong]:
    """The values that the command would refuse."""
    given = given_values(found.words, found.command.params, environment, file)
    for option in configurable(found.command.params):
        each = given.get(option.name or "")
        if each is None:
            continue
        try:
            with found.context.scope(cleanup=False):
                option.process_value(found.context, each.value)
        except click.BadParameter as refused:
            refused.ctx, refused.param = found.context, option
            message = usage_in_words(without_value(refused, each))
        except DlcoreError as refused:
            message = refused.message
        else:
            continue
        yield Wrong(" ".join(found.words), name_of(option), each.origin, message)


def _for_programs(option: str, value: Any) -> Any:
    """A value without what is, or may be, a credential."""
    if isinstance(value, list | tuple):
        return [_for_programs(option, each) for each in value]
    if isinstance(value, bool | int | float):
        return value
    text = str(value)
    if option in SECRETS or option.endswith(_SECRET_ENDINGS):
        return _HIDDEN
    if option == "header" and not text.startswith("@"):  # that names a file
        name, colon, _ = text.partition(":")
        return f"{name}: {_HIDDEN}" if colon else _HIDDEN
    if option.endswith("sha256") and text and not _SHA256.fullmatch(text):  # its command refuses it
        return _HIDDEN
    if option == "credential-command":
        return _without_arguments(text)
    if option != "proxy" and "://" not in text:
        return text
    from dlcore.transfer import redact

    return redact(text)


def _without_arguments(command: str) -> str:
    from dlcore.cli.options.access import command_words

    try:
        program, *arguments = command_words(command) or ("",)
    except click.UsageError:
        return _HIDDEN
    return f"{program} {_HIDDEN}" if arguments else program


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _idle(commands: tuple[FoundCommand, ...], environment: Mapping[str, str]) -> list[str]:
    """Variables with dlcore's prefix that set no option and nothing else.

    A deployment file may name some of them, so they are not an error.
    """
    known = set(OTHER_VARIABLES)
    for each in commands:
        for option in configurable(each.command.params):
            known.update(variables(each.words, name_of(option)))
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
