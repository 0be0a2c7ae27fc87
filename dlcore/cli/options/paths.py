"""Paths on the command line: how they are read, and how they are shown."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import click

from dlcore.errors import ConfigError, NotFoundError
from dlcore.long_path import long_path, shown, why_no_folder
from dlcore.plain_files import is_folder_there
from dlcore.printable import quoted

_URL = re.compile(r"https?://", re.IGNORECASE)


def as_argument(path: Path | str) -> str:
    """A path or URL as people type it: cmd.exe knows double quotes only; neither contains any."""
    import shlex

    return f'"{path}"' if sys.platform == "win32" else shlex.quote(str(path))


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
        self._check_kind(place, quoted(given), param, ctx)
        try:
            super().convert(place, param, ctx)
        except click.BadParameter as refused:
            message = refused.message.replace(repr(click.format_filename(place)), quoted(given))
            raise click.BadParameter(message, ctx, param) from None
        return self.coerce_path_result(given)

    def _check_kind(
        self, place: str, named: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> None:
        if not self.dir_okay and os.path.isdir(place):  # noqa: PTH112  # as click looks
            self.fail(f"{named} is a folder, not a file", param, ctx)
        if not self.file_okay and os.path.exists(place) and not os.path.isdir(place):  # noqa: PTH110, PTH112
            self.fail(f"{named} is a file, not a folder", param, ctx)


class _Existing(_Path):
    """A missing path ends with the status of missing things."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        try:
            os.lstat(long_path(Path(value)))
        except (FileNotFoundError, NotADirectoryError):
            from dlcore.transfer import redact_named

            named = redact_named(os.fsdecode(value))
            if _URL.match(named):
                raise ConfigError(
                    f"{named} is a URL, and not a path on this machine",
                    remedy="Download it first, and name its path.",
                ) from None
            raise NotFoundError(f"{named} does not exist", remedy="Check the path.") from None
        except OSError as error:
            from dlcore.disk.faults import storage_error

            raise storage_error(error, "read", Path(value)) from error
        return super().convert(value, param, ctx)


def check_no_folder(path: Path) -> None:
    """Refuse a folder where a file is to be read.

    Raises:
        ConfigError: It is one; the user's fault.
    """
    if is_folder_there(long_path(path)):
        raise ConfigError(f"{shown(path)} is a folder, not a file", remedy="Name a file.")


EXISTING = _Existing(exists=True, path_type=Path)
EXISTING_FILE = _Existing(exists=True, dir_okay=False, path_type=Path)
EXISTING_FOLDER = _Existing(exists=True, file_okay=False, path_type=Path)
FILE = _Path(dir_okay=False, path_type=Path)
FOLDER = _Path(file_okay=False, path_type=Path)
