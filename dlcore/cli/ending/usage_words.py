"""What click says about a wrong command line, in dlcore's own words.

Messages of dlcore do not end with a full stop: ``--connections: 0 is not from 1 to 256``.
"""

from __future__ import annotations

import re
from typing import Final

import click

from dlcore.cli.configuration.option_names import name_of
from dlcore.printable import quoted
from dlcore.spelling import hint

_TOO_MANY: Final = re.compile(r"Got unexpected extra arguments? \((.*)\)", re.DOTALL)
_NO_COMMAND: Final = re.compile(r"No such command '?(.*?)'?\.?", re.DOTALL)
_NO_RANGE: Final = re.compile(r"(.*) is not in the range \S+?\.((?: \(.*\))?)", re.DOTALL)
_NO_NUMBER: Final = re.compile(r"(.*) is not a valid (?:integer|float)(?: range)?\.(.*)", re.DOTALL)


def usage_in_words(error: click.ClickException) -> str:
    """What is wrong, in one sentence without a full stop."""
    match error:
        case click.NoSuchOption():
            return f"there is no option {error.option_name}{_near(error)}"
        case click.MissingParameter():
            return _missing(error)
        case click.BadOptionUsage():
            return _of_value(error)
        case click.BadParameter():
            where = _where(error)
            refusal = _refusal(error)
            return f"{where}: {refusal}" if where else refusal
        case _:
            return _of_words(error.message, getattr(error, "ctx", None))


def _near(error: click.NoSuchOption) -> str:
    if not error.ctx:
        return ""
    options = [p for p in error.ctx.command.get_params(error.ctx) if isinstance(p, click.Option)]
    return hint(error.option_name, [f"--{name_of(option)}" for option in options])


def _missing(error: click.MissingParameter) -> str:
    choices = ""
    if error.param and isinstance(error.param.type, click.Choice):
        choices = f": one of {', '.join(map(str, error.param.type.choices))}"
    kind = "option" if isinstance(error.param, click.Option) else "argument"
    return f"the {kind} {_where(error) or error.message} is missing{choices}"


def _of_value(error: click.BadOptionUsage) -> str:
    if "does not take a value" in error.message:
        return f"{error.option_name} takes no value"
    if "requires" in error.message:
        return f"{error.option_name} needs a value"
    return _of_words(error.message)


def _where(error: click.BadParameter) -> str:
    """The option or argument: ``-o / --output``."""
    named = error.param_hint
    if named is None and error.param and error.ctx:
        named = error.param.get_error_hint(error.ctx)
    return " / ".join([named] if isinstance(named, str) else named or ()).replace("'", "")


def _refusal(error: click.BadParameter) -> str:
    message, kind = error.message, error.param.type if error.param else None
    if (found := _NO_RANGE.fullmatch(message)) and isinstance(kind, click.IntRange):
        bound = f"from {kind.min} to {kind.max}" if kind.max is not None else f"{kind.min} or more"
        return f"{_begin(found[1])} is not {bound}{found[2]}"
    if found := _NO_NUMBER.fullmatch(message):
        return f"{_begin(found[1])} is not a number{_end(found[2])}"
    return _begin(_of_words(message))


def _of_words(message: str, context: click.Context | None = None) -> str:
    message = message.replace("\n\t", " ")  # how click lists choices
    if found := _TOO_MANY.fullmatch(message):
        return f"more arguments are given than the command takes: {found[1]}"
    if found := _NO_COMMAND.fullmatch(message):
        group = context.command if context else None
        known = group.list_commands(context) if context and isinstance(group, click.Group) else []
        return f"there is no command {quoted(found[1])}{hint(found[1], known)}"
    return _end(message)


def _begin(value: str) -> str:
    """A value as a message begins with it: its stand-in (`configured`) in lower case."""
    is_stand_in = value.startswith(("The value:", "The value ")) or value == "The value"
    return f"the value{value.removeprefix('The value')}" if is_stand_in else value


def _end(message: str) -> str:
    return message.removesuffix(".") if not message.endswith("..") else message
