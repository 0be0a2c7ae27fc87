"""Paths on the command line: how they are read, and how they are shown."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from dlcore.disk.faults import storage_error
from dlcore.errors import ConfigError, NotFoundError
from dlcore.long_path import long_path, why_no_folder
from dlcore.printable import quoted

_CUT_WRONGLY = re.compile(r'(?:[A-Za-z]:|\\\\)[^"]*"')


def as_argument(path: Path) -> str:
    """A path as people type it: cmd.exe knows double quotes only, and no name contains any."""
    return f'"{path}"' if sys.platform == "win32" else shlex.quote(str(path))


def check_quotation_marks(arguments: Iterable[str], *, platform: str = sys.platform) -> None:
    r"""Refuse a path that has swallowed the arguments behind it.

    A backslash makes the quotation mark behind it a part of the argument: ``"C:\a b\" -q`` is one
    argument. No path of Windows contains a quotation mark.

    Raises:
        ConfigError: There is such a path.

    Source: Microsoft Learn, "Parsing C command-line arguments".
    """
    for argument in arguments:
        if platform == "win32" and _CUT_WRONGLY.match(argument):
            raise ConfigError(
                f"a path contains a quotation mark: {argument}",
                remedy="Leave out the backslash before the closing quotation mark, or double it.",
            )


class _Path(click.Path):
    """As `click.Path`, for paths of any length; messages show a path as it was given."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        given = os.fspath(value)
        if not given:  # what a variable that is not set leaves; it would be the current folder
            self.fail("The path is empty.", param, ctx)
        if not self.file_okay and (reason := why_no_folder(Path(given))):
            self.fail(f"{quoted(given)}: {reason}.", param, ctx)
        place = os.fspath(long_path(Path(given)))
        try:
            super().convert(place, param, ctx)
        except click.BadParameter as refused:
            shown = refused.message.replace(repr(click.format_filename(place)), quoted(given))
            raise click.BadParameter(shown, ctx, param) from None
        return self.coerce_path_result(given)


class _Existing(_Path):
    """A missing path ends with the status of missing things."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        try:
            os.lstat(long_path(Path(value)))
        except (FileNotFoundError, NotADirectoryError):
            raise NotFoundError(f"{value} does not exist", remedy="Check the path.") from None
        except OSError as error:
            raise storage_error(error, "read", Path(value)) from error
        return super().convert(value, param, ctx)


EXISTING = _Existing(exists=True, path_type=Path)
EXISTING_FILE = _Existing(exists=True, dir_okay=False, path_type=Path)
EXISTING_FOLDER = _Existing(exists=True, file_okay=False, path_type=Path)
FILE = _Path(dir_okay=False, path_type=Path)
FOLDER = _Path(file_okay=False, path_type=Path)
