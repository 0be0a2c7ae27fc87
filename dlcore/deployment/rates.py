"""Rates as people write them: a number of bytes per second, or a number with its unit.

Guarantees: bits and bytes cannot be confused. A bare number is bytes per second; bits are always
written ``bit``. Units are written as the standards write them, so ``mb`` or ``MBPS`` is refused
rather than guessed at.

Source: IEC 80000-13 (``bit``, ``B``, prefixes ``k``, ``M``, ``G`` of 1000 and ``Ki``, ``Mi``,
``Gi`` of 1024).
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from dlcore.deployment.problems import Problems
from dlcore.errors import ConfigError

MIN_CAP_BYTES_PER_S: Final = 1024  # below that a request takes longer than servers keep it open
_FACTORS: Final = {
    "bit": Fraction(1, 8),
    "kbit": Fraction(1000, 8),
    "Mbit": Fraction(1000**2, 8),
    "Gbit": Fraction(1000**3, 8),
    "B": Fraction(1),
    "kB": Fraction(1000),
    "MB": Fraction(1000**2),
    "GB": Fraction(1000**3),
    "KiB": Fraction(1 << 10),
    "MiB": Fraction(1 << 20),
    "GiB": Fraction(1 << 30),
}
_RATE: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?(?:([A-Za-z]+)(?:/s)?)?", re.ASCII)
HOW_TO_WRITE_A_RATE: Final = (
    'Write a number of bytes per second, or a number with its unit, such as "100 Mbit/s", '
    f'"12.5 MB/s" or "1 MiB/s". Units: {", ".join(_FACTORS)}.'
)
_RENAMED: Final = {"cap_bps": "cap_bytes_per_s", "link_bps": "link_bytes_per_s"}


def parse_rate(text: str) -> int:
    """Bytes per second, rounded down, of ``100 Mbit/s``, ``12.5 MB/s``, ``1 MiB`` or ``65536``.

    Args:
        text: A decimal number and, if it is not bytes per second, its unit. ``/s`` may be left
            out, as may the space.

    Raises:
        ValueError: It is not a rate. The message does not repeat the text.
    """
    found = _RATE.fullmatch(text.strip())
    if not found:
        raise ValueError("not a rate")
    number, unit = found[1], found[2] or "B"
    if unit not in _FACTORS:
        near = next((known for known in _FACTORS if known.lower() == unit.lower()), "")
        raise ValueError("unknown unit" + (f" (did you mean {near}?)" if near else ""))
    return int(Fraction(number) * _FACTORS[unit])


def parse_cap(text: str) -> int:
    """Bytes per second of a cap; 0 for no cap.

    Raises:
        ValueError: It is not a rate, or too low for any request to end in time.
    """
    return checked_cap(parse_rate(text))


def checked_cap(cap_bytes_per_s: int) -> int:
    """The cap itself.

    Raises:
        ValueError: It is too low for any request to end in time.
    """
    if 0 < cap_bytes_per_s < MIN_CAP_BYTES_PER_S:
        raise ValueError(f"less than {MIN_CAP_BYTES_PER_S} bytes per second")
    return cap_bytes_per_s


def with_rates(
    table: dict[str, object], keys: tuple[str, ...], where: str, problems: Problems
) -> dict[str, object]:
    """A table of settings with its rates in bytes per second.

    Args:
        table: As the file has it.
        keys: Those that mean bytes per second; a key that begins with ``cap`` is a cap.
        where: File and key of the table, for messages.
        problems: Hears of rates that cannot be used, and of keys with an old name, whose unit
            could be mistaken; these are left out.
    """
    rates: dict[str, object] = {}
    for key, value in table.items():
        with problems:
            if _RENAMED.get(key) in keys:
                raise ConfigError(
                    f"{where}: {key} is now {_RENAMED[key]}",
                    remedy=f"Rename it to {_RENAMED[key]}. A bare number is bytes per second; bits"
                    ' are written with their unit, as in "100 Mbit/s".',
                )
            rates[key] = _rate(value, key, where) if key in keys else value
    return rates


def _rate(value: object, key: str, where: str) -> object:
    """Bytes per second; what is neither a number nor text is refused with the other types."""
    try:
        rate = parse_rate(value) if isinstance(value, str) else value
        if key.startswith("cap") and isinstance(rate, int) and not isinstance(rate, bool):
            checked_cap(rate)
    except ValueError as error:
        raise ConfigError(f"{where}.{key}: {error}", remedy=HOW_TO_WRITE_A_RATE) from None
    return rate
