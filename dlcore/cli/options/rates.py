"""Options whose value is a rate."""

from __future__ import annotations

import click

from dlcore.deployment.rates import HOW_TO_WRITE_A_RATE, parse_cap
from dlcore.printable import quoted


def rate_of(ctx: click.Context, param: click.Parameter, text: str | None) -> int | None:
    """The callback of such an option: bytes per second; None if it was not given.

    Raises:
        BadParameter: It is not a rate, or too low.
    """
    if text is None:
        return None
    try:
        return parse_cap(text)
    except ValueError as error:
        raise click.BadParameter(f"{quoted(text)}: {error}. {HOW_TO_WRITE_A_RATE}") from None


limit_rate_option = click.option(
    "--limit-rate",
    "cap_bytes_per_s",
    callback=rate_of,
    metavar="RATE",
    help="Read at most this much from all endpoints together: bytes per second, or with a unit, "
    'as in "100 Mbit/s" or "1 MiB/s".',
)
