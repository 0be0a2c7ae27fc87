"""The page about the command line: every command, its arguments and its options."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from dlcore.cli.app import group
from dlcore.cli.logs import LoggedCommand
from tests.docs.reference import markdown

_INTRODUCTION = """\
`dlcore COMMAND --help` prints the same. Results go to standard output, progress and errors to
standard error; [exit statuses](../exit-codes.md) are stable. `dlcore --version` prints the
version, with `-v` those of all parts."""


def page() -> str:
    """The whole page."""
    top = click.Context(group, info_name="dlcore")
    return markdown.page(
        "# Commands",
        f"{_INTRODUCTION} {markdown.GENERATED}",
        *(_section(command, context) for command, context in _commands(group, top)),
        "## Options of every command",
        _options(_common(), click.Context(group)),
    )


def _commands(
    parent: click.Group, context: click.Context
) -> Iterator[tuple[click.Command, click.Context]]:
    for name in parent.list_commands(context):
        command = parent.get_command(context, name)
        assert command is not None
        own = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from _commands(command, own)
        else:
            yield command, own


def _section(command: click.Command, context: click.Context) -> str:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    common = {option.name for option in _common()}
    own = [o for o in command.params if isinstance(o, click.Option) and o.name not in common]
    return markdown.page(
        f"## {context.command_path}",
        f"`{usage}`",
        markdown.prose(inspect.cleandoc(command.help or "").replace("\b\n", "")),
        _options(own, context),
    ).rstrip()


def _options(options: list[click.Option], context: click.Context) -> str:
    rows = [record for option in options if (record := option.get_help_record(context))]
    return markdown.table(
        ["Option", "Meaning"],
        (
            [f"`{_unwrapped(names)}`".replace("|", "\\|"), markdown.cell(text)]
            for names, text in rows
        ),
    )


def _common() -> list[click.Option]:
    """What every command takes."""
    command = LoggedCommand("any")
    return [option for option in command.params if isinstance(option, click.Option)]


def _unwrapped(names: str) -> str:
    return re.sub(r"\s+", " ", names)
