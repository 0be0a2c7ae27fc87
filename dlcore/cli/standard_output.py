"""``fetch -o -``: one file on standard output, after it was verified as a whole.

Guarantees: nothing of a file that does not match its digest is written. Until it is verified it is
in a temporary folder that only this user can read, and that is gone afterwards.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from dlcore.cli.output import writing
from dlcore.disk.faults import guarded
from dlcore.engine.fetching.wanted import Wanted
from dlcore.errors import StorageError

_NAME = "-"
_PIECE_BYTES = 1 << 20


def is_standard_output(folder: Path) -> bool:
    """Whether ``-o`` means standard output."""
    return str(folder) == _NAME


def check_one_file(what: tuple[str, ...], *, is_taken: bool) -> None:
    """Refuse what cannot be written to standard output.

    Args:
        what: What is to be fetched.
        is_taken: Whether something else is to be printed there.

    Raises:
        UsageError: It is not one file at a URL, or the output would be mixed.
    """
    if len(what) != 1 or not Wanted(what[0]).is_url:
        raise click.UsageError("-o - is for one file at a URL: name a folder with -o")
    if is_taken:
        raise click.UsageError("-o - excludes --json, --dry-run and --events (without a file)")


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder in ``TMPDIR`` that only this user can read; it is removed at the end.

    Raises:
        StorageError: It cannot be made.
    """
    try:
        with guarded("make a temporary folder", Path()):
            made = tempfile.TemporaryDirectory(prefix="dlcore-")
    except StorageError as error:
        error.advise("TMPDIR (on Windows TEMP) in the environment says where temporary files lie.")
        raise
    with made as folder:
        yield Path(folder)


def write_content(path: Path) -> None:
    """Write a file to standard output, byte by byte as it is.

    Raises:
        OutputClosed: The reader of standard output has closed it.
        StorageError: Standard output is a file that cannot be written, or there is none.
    """
    if sys.stdout is None:
        raise StorageError(
            "there is no standard output to write to", remedy="Name a folder with -o."
        )
    with path.open("rb") as file, writing():
        shutil.copyfileobj(file, sys.stdout.buffer, _PIECE_BYTES)
        sys.stdout.buffer.flush()
