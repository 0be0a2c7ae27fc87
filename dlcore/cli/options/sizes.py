"""Options whose value is a length in bytes."""

from __future__ import annotations

import click

from dlcore.deployment.sizes import HOW_TO_WRITE_A_SIZE, parse_size
from dlcore.printable import quoted


def size_of(ctx: click.Context, param: click.Parameter, text: str | None) -> int:
    """The callback of such an option: bytes; 0 if it was not given.

    Raises:
        BadParameter: It is not a size, or 0.
    """
    if text is None:
        return 0
    try:
        size_bytes = int(text) if text.isascii() and text.isdigit() else parse_size(text)
    except ValueError:
        size_bytes = 0
    if not size_bytes:
        raise click.BadParameter(f"{quoted(text)}: not a size. {HOW_TO_WRITE_A_SIZE}")
    return size_bytes


max_size_option = click.option(
    "--max-size",
    "max_file_bytes",
    callback=size_of,
    metavar="SIZE",
    help='Refuse a file at a URL that is longer, such as "2 GiB". If its server does not state '
    "the length, the file is refused while it arrives.",
)
