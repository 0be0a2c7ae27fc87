"""Lists of things to fetch: a file or standard input, one thing in each line."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from dlcore.cli.options.paths import check_no_folder
from dlcore.digests import parse_digest
from dlcore.disk.faults import storage_error
from dlcore.engine.fetching.call import FetchItem
from dlcore.engine.fetching.wanted import Wanted
from dlcore.errors import ConfigError, NotFoundError
from dlcore.long_path import long_path
from dlcore.package_ids import package_id
from dlcore.plain_files import read_plain
from dlcore.printable import printable
from dlcore.text_files import text_of
from dlcore.transfer import redact

STANDARD_INPUT = "-"
_WITH_DIGEST = re.compile(
    r"(?P<what>.*\S)\s+(?:(?P<sha256>[0-9A-Fa-f]{64})|(?P<checksum>[A-Za-z0-9-]+=[0-9A-Fa-f]{32,128}))"
)
_HOW_TO_WRITE_IT = (
    "Write the 64 hexadecimal digits of a SHA-256, or another digest as in sha-512=0123...; a space"
    " in a URL is written %20."
)


def read_items(name: str) -> list[FetchItem]:
    """Read a list.

    Args:
        name: Of the file; ``-`` for standard input.

    Raises:
        ConfigError: It is a folder or not a text, or a line is neither a thing nor a thing and its
            digest.
        NotFoundError: There is no such file.
        StorageError: It cannot be read.
    """
    shown = "standard input" if name == STANDARD_INPUT else name
    try:
        text = text_of(_read(name))
    except ValueError as error:
        raise ConfigError(f"{shown}: {error}", remedy="Save the list as UTF-8.") from None
    return items_of(text, shown)


def items_of(text: str, source: str) -> list[FetchItem]:
    """The items of a list; empty lines and those that begin with ``#`` say nothing.

    Args:
        text: In each line an item, perhaps followed by spaces and its SHA-256, or by another
            digest as in ``sha-512=...``.
        source: What the list is called in messages.

    Raises:
        ConfigError: A line is neither a thing nor a thing and its digest.
    """
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return [
        _item(line, f"{source}, line {number}")
        for number, line in lines
        if line and not line.startswith("#")
    ]


def _item(line: str, place: str) -> FetchItem:
    found = _WITH_DIGEST.fullmatch(line)
    if found is None:
        _check_no_digest_was_meant(line, place)
        return FetchItem(line)
    what, sha256, checksum = found["what"], found["sha256"] or "", found["checksum"] or ""
    _check_no_digest_was_meant(what, place)
    if checksum:
        try:
            parse_digest(checksum)
        except ValueError as error:
            raise ConfigError(f"{place}: {checksum} {error}", remedy=_HOW_TO_WRITE_IT) from None
    return FetchItem(what, sha256, checksum)


def _check_no_digest_was_meant(what: str, place: str) -> None:
    """Refuse a URL or package id with more behind it; only a path may have spaces."""
    first, *more = what.split(maxsplit=1)
    if more and (Wanted(first).is_url or "://" in first or package_id(first)):
        shown = printable(redact(more[0]), max_characters=100)
        raise ConfigError(f"{place}: '{shown}' is not a digest", remedy=_HOW_TO_WRITE_IT)


def _read(name: str) -> bytes:
    if name == STANDARD_INPUT:
        return sys.stdin.buffer.read() if sys.stdin else b""
    check_no_folder(Path(name))
    try:
        return read_plain(long_path(Path(name)))
    except FileNotFoundError:
        raise NotFoundError(f"{name} does not exist", remedy="Check the path.") from None
    except OSError as error:
        raise storage_error(error, "read the list", Path(name)) from error
