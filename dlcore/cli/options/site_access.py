"""The options that open a site for the commands that read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def site_access_options(command: Command) -> Command:
    """Give a command that reads a site at a URL the options that open it."""
    return click.option(
        "--ca-file",
        default="",
        metavar="FILE",
        help="Certificate authorities (PEM) to trust besides the system's, if SITE is a URL.",
    )(command)
