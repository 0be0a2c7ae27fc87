"""A command whose options are also set by the environment and by the configuration file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import click

from dlcore.cli.configuration import option_file
from dlcore.cli.configuration.option_file import OptionFile
from dlcore.cli.configuration.option_names import Words, words_of
from dlcore.cli.configuration.option_values import Given, given_values, idle_variables
from dlcore.cli.ending.leaving import Leaving
from dlcore.cli.help_option import Helpful
from dlcore.cli.output import tell
from dlcore.errors import DlcoreError
from dlcore.printable import quoted

MIN_SECRET_CHARACTERS = 4  # a shorter value may be a word of the message itself
_QUIET = {"-q", "--quiet"}


class ConfiguredCommand(Helpful):
    """A command that takes from elsewhere what the command line does not say.

    Attributes:
        is_configured: Whether it does; a command that explains what is wrong there does not.
    """

    is_configured = True

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Read the command line, over what the environment and the file say.

        Raises:
            ConfigError: A value that is set there cannot be used.
            OwnershipError: Another user could alter the file.
        """
        is_help = parent is not None and bool(set(args) & set(parent.help_option_names))
        is_bare = is_help or not self.is_configured or extra.get("resilient_parsing")
        if parent is None or is_bare:
            return super().make_context(info_name, args, parent, **extra)
        command = words_of(f"{parent.command_path} {info_name}")
        given = given_values(command, self.params, os.environ, None)
        _tell_programs(parent, given)  # also of what is wrong with the file
        file = self.read_file(command, parent)
        if file:
            given = given_values(command, self.params, os.environ, file)
            _tell_programs(parent, given)
        is_quiet = "quiet" in given and given["quiet"].value
        if not (is_quiet or set(args) & _QUIET):
            _warn(command, self.params, os.environ)
        defaults = {name: each.value for name, each in given.items()}
        try:
            return super().make_context(info_name, args, parent, default_map=defaults, **extra)
        except click.BadParameter as refused:
            raise _with_origin(refused, given) from None
        except DlcoreError as error:
            _advise(error, given)
            raise

    def read_file(self, command: Words, parent: click.Context) -> OptionFile | None:
        """The configuration file; raises as `file_for`."""
        return file_for(command, parent)


def file_for(command: Words, parent: click.Context) -> OptionFile | None:
    """The configuration file, checked as far as a command can tell.

    Raises:
        ConfigError: It cannot be used.
        OwnershipError: Another user could alter it.
    """
    from dlcore.cli.app import COMMANDS

    file = option_file.read(os.environ, COMMANDS)
    if file and len(command) > 1 and isinstance(parent.command, click.Group):
        file.check_commands(command[:-1], parent.command.list_commands(parent))
    return file


def _tell_programs(parent: click.Context, given: Mapping[str, Given]) -> None:
    leaving = parent.meta.get(Leaving.META)
    if leaving and "as_json" in given and given["as_json"].value:
        leaving.tell_programs()


def _with_origin(refused: click.BadParameter, given: Mapping[str, Given]) -> click.BadParameter:
    """The refusal of a value, which says where the value was set, if not on the command line."""
    name = (refused.param.name if refused.param else None) or ""
    source = refused.ctx.get_parameter_source(name) if refused.ctx else None
    if name not in given or source is not click.core.ParameterSource.DEFAULT_MAP:
        return refused
    message = without_value(refused, given[name]).message
    told = f"{message} ({given[name].origin})"
    return click.BadParameter(told, refused.ctx, refused.param, refused.param_hint)


def without_value(refused: click.BadParameter, given: Given) -> click.BadParameter:
    """The refusal of a value that does not repeat it, unless it is a path."""
    message = refused.message
    if refused.param and not isinstance(refused.param.type, click.Path):
        message = _without_value(message, given.value)
    return click.BadParameter(message, refused.ctx, refused.param, refused.param_hint)


def _without_value(message: str, value: object) -> str:
    """A refusal without the refused value: somebody may have put a secret in the wrong place."""
    for text in map(str, value if isinstance(value, list) else [value]):
        forms = (repr(text), quoted(text), text)
        start = next((form for form in forms if form and message.startswith(form)), "")
        rest = message.removeprefix(start)
        if len(text) >= MIN_SECRET_CHARACTERS and any(form in rest for form in forms):
            return "The value cannot be used."
        message = f"The value{rest}" if start else message
    return message


def _advise(error: DlcoreError, given: Mapping[str, Given]) -> None:
    """Say where a path was set that an error tells of."""
    for each in given.values():
        is_path = isinstance(each.value, str) and bool(set(each.value) & set("/\\"))
        if is_path and str(each.value) in error.message:
            error.advise(f"It was set by {each.origin}.")


def _warn(
    command: Words, parameters: list[click.Parameter], environment: Mapping[str, str]
) -> None:
    from dlcore.cli.app import COMMANDS

    for variable, meant in idle_variables(command, parameters, environment, COMMANDS).items():
        tell(f"warning: {variable} sets no option{meant}")
