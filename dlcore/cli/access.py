"""The options that open the endpoints of a command line: secrets only by where they lie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--token-file",
        default="",
        metavar="FILE",
        help="File with the registration token of a CMG or cloud DP; by default the environment "
        "variable DLCORE_TOKEN has the token.",
    ),
    click.option(
        "--sas-file",
        default="",
        metavar="FILE",
        help="File with the shared access signature of a blob endpoint; by default the environment "
        "variable DLCORE_SAS has it, or the container is public.",
    ),
    click.option(
        "--ca-file",
        default="",
        metavar="FILE",
        help="Certificate authorities (PEM) to trust in place of the system's.",
    ),
)


def site_access_options(command: Command) -> Command:
    """Give a command that reads a site at a URL the options that open it."""
    return click.option(
        "--ca-file",
        default="",
        metavar="FILE",
        help="Certificate authorities (PEM) to trust besides the system's, if SITE is a URL.",
    )(command)


def access_options(command: Command) -> Command:
    """Give a command what `dlcore.engine.sources.Access` needs."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
