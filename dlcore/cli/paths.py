"""Paths that a command reads, and how it shows them; a missing one has a status of its own."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from dlcore.disk.faults import storage_error
from dlcore.errors import NotFoundError
from dlcore.long_path import long_path, plain_text


def as_argument(path: Path) -> str:
    """A path as people type it: cmd.exe knows double quotes only, and no name contains any."""
    return f'"{path}"' if sys.platform == "win32" else shlex.quote(str(path))


class _Existing(click.Path):
    """As `click.Path`, but a missing path ends with the status of missing things."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        place = long_path(Path(value))
        try:
            os.lstat(place)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFoundError(f"{value} does not exist", remedy="Check the path.") from None
        except OSError as error:
            raise storage_error(error, "read", Path(value)) from error
        try:
            super().convert(os.fspath(place), param, ctx)
        except click.BadParameter as refused:
            raise click.BadParameter(plain_text(refused.message), ctx, param) from None
        return self.coerce_path_result(value)


EXISTING = _Existing(exists=True, path_type=Path)
EXISTING_FILE = _Existing(exists=True, dir_okay=False, path_type=Path)
EXISTING_FOLDER = _Existing(exists=True, file_okay=False, path_type=Path)
