"""Bytes per second as people write them."""

from __future__ import annotations

import re

import click

MIN_BYTES_PER_S = 1024
_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30}
_RATE = re.compile(r"(\d+(?:\.\d+)?) ?([kmg]i?)?(?:b(?:/s)?)?", re.IGNORECASE)


def rate_bytes_per_s(text: str) -> float:
    """The bytes per second that ``1MiB``, ``500kB/s`` or ``65536`` is; 0.0 is no bound.

    Raises:
        BadParameter: It is something else, or too low to work.
    """
    found = _RATE.fullmatch(text)
    if not found:
        raise click.BadParameter(f"{text!r} is not a rate; write it as in 1MiB or 500kB.")
    rate = float(found[1]) * _UNITS[(found[2] or "").lower()]
    if 0 < rate < MIN_BYTES_PER_S:
        raise click.BadParameter(f"{text!r} is less than {MIN_BYTES_PER_S} bytes per second.")
    return rate


limit_rate_option = click.option(
    "--limit-rate",
    "cap_bytes_per_s",
    callback=lambda ctx, param, text: None if text is None else rate_bytes_per_s(text),
    metavar="BYTES",
    help="Most bytes per second to read from all endpoints together, such as 1MiB or 500kB.",
)
