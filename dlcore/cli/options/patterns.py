"""The options that select files of a package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

_include = click.option(
    "--include",
    multiple=True,
    metavar="PATTERN",
    help="Fetch only the files of a package that match; may be repeated. '*.inf' means files in "
    "every folder, 'drivers/**' all below one; case does not count. The folder is then not the "
    "package.",
)
_exclude = click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Fetch no files of a package that match, although they are included; may be repeated.",
)


def pattern_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--include`` and ``--exclude``."""
    return _include(_exclude(command))
