"""Lists of things to fetch: a file or standard input, one thing in each line."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from dlcore.disk.faults import storage_error
from dlcore.engine.call import FetchItem
from dlcore.errors import ConfigError, NotFoundError
from dlcore.long_path import long_path
from dlcore.text_files import text_of

STANDARD_INPUT = "-"
_WITH_DIGEST = re.compile(
    r"(?P<what>.*\S)\s+(?:(?P<sha256>[0-9A-Fa-f]{64})|(?P<checksum>[A-Za-z0-9-]+=[0-9A-Fa-f]{32,128}))"
)


def read_items(name: str) -> list[FetchItem]:
    """Read a list.

    Args:
        name: Of the file; ``-`` for standard input.

    Raises:
        ConfigError: It is not a text.
        NotFoundError: There is no such file.
        StorageError: It cannot be read.
    """
    try:
        return items_of(text_of(_read(name)))
    except ValueError as error:
        shown = "standard input" if name == STANDARD_INPUT else name
        raise ConfigError(f"{shown}: {error}", remedy="Save the list as UTF-8.") from None


def items_of(text: str) -> list[FetchItem]:
    """The items of a list; empty lines and those that begin with ``#`` say nothing.

    Args:
        text: In each line an item, perhaps followed by blanks and its SHA-256, or by another
            digest as in ``sha-512=...``.
    """
    lines = (line.strip() for line in text.splitlines())
    return [_item(line) for line in lines if line and not line.startswith("#")]


def _item(line: str) -> FetchItem:
    found = _WITH_DIGEST.fullmatch(line)
    if found is None:
        return FetchItem(line)
    return FetchItem(found["what"], found["sha256"] or "", found["checksum"] or "")


def _read(name: str) -> bytes:
    if name == STANDARD_INPUT:
        return sys.stdin.buffer.read() if sys.stdin else b""
    try:
        return long_path(Path(name)).read_bytes()
    except FileNotFoundError:
        raise NotFoundError(f"{name} does not exist", remedy="Check the path.") from None
    except OSError as error:
        raise storage_error(error, "read the list", Path(name)) from error
