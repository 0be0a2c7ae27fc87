"""All commands of the command line, imported; groups are replaced by their commands."""

from __future__ import annotations

from typing import NamedTuple

import click

from dlcore.cli.configuration.option_names import Words


class FoundCommand(NamedTuple):
    """A command that is not a group.

    Attributes:
        words: What is written behind ``dlcore``.
        command: The command.
        context: Its context, without arguments.
    """

    words: Words
    command: click.Command
    context: click.Context


def found_commands(root: click.Context) -> tuple[FoundCommand, ...]:
    """Every command, in the order of the help.

    Args:
        root: The context of ``dlcore`` itself.
    """
    assert isinstance(root.command, click.Group)
    return tuple(_below(root.command, root, ()))


def _below(group: click.Group, context: click.Context, words: Words) -> list[FoundCommand]:
    found: list[FoundCommand] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        own = click.Context(command, parent=context, info_name=name)
        if isinstance(command, click.Group):
            found += _below(command, own, (*words, name))
        else:
            found.append(FoundCommand((*words, name), command, own))
    return found
