"""What the command line of a fetch names: one thing or several, and which digest goes with it."""

from __future__ import annotations

from typing import NamedTuple

import click

from dlcore.cli.options.item_lists import read_items
from dlcore.engine.fetching.call import FetchItem


class Asked(NamedTuple):
    """What is to be fetched.

    Attributes:
        one: The only thing, if only one is named.
        items: All of them, if several are or may be.
        checksums: The list whose files are fetched if nothing else is named.
    """

    one: FetchItem | None
    items: list[FetchItem]
    checksums: str


def asked_for(
    what: tuple[str, ...], lists: tuple[str, ...], checksums: str, of_one: FetchItem
) -> Asked:
    """What the command line names.

    Args:
        what: The things themselves.
        lists: Files that list more.
        checksums: A list of digests.
        of_one: The digest and the name that one thing is to have.

    Raises:
        UsageError: Nothing is named, or what one thing is to have is said of several.
    """
    if len(what) == 1 and not (lists or checksums):
        return Asked(of_one._replace(what=what[0]), [], "")
    if of_one.place:
        raise click.UsageError("--name is for one file at a URL")
    if of_one.sha256 or of_one.checksum:
        raise click.UsageError(
            "--sha256 and --checksum are for one file: write digests into a list, with --input"
            " or --checksums"
        )
    if not (what or lists or checksums):
        raise click.UsageError("nothing to fetch is named: name it, or a list with --input")
    listed = [item for name in lists for item in read_items(name)]
    return Asked(None, [*map(FetchItem, what), *listed], checksums)
