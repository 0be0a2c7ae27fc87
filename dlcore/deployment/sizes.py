"""Lengths in bytes as people write them.

Source: IEC 80000-13 (``B``, prefixes ``k``, ``M``, ``G``, ``T`` of 1000 and ``Ki``, ``Mi``, ``Gi``,
``Ti`` of 1024).
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from dlcore.deployment.problems import Problems

_FACTORS: Final = {
    "B": 1,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate(("k", "M", "G", "T"), 1)},
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate(("K", "M", "G", "T"), 1)},
}
_SIZE: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?([A-Za-z]+)", re.ASCII)
_SHARE: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?) ?%", re.ASCII)
HOW_TO_WRITE_A_SIZE: Final = (
    'Write a number of bytes, or a number with its unit, such as "1 GiB" or "500 MB". '
    f"Units: {', '.join(_FACTORS)}."
)


def parse_size(text: str) -> int:
    """Bytes, rounded down, of ``1 GiB`` or ``1.5 MB``.

    Raises:
        ValueError: It is not a size. The message does not repeat the text.
    """
    found = _SIZE.fullmatch(text.strip())
    if not found or found[2] not in _FACTORS:
        raise ValueError("not a size")
    return int(Fraction(found[1]) * _FACTORS[found[2]])


def parse_share(text: str) -> float | None:
    """The share that ``10 %`` means, above 0 and at most 1; None if the text is not a share."""
    found = _SHARE.fullmatch(text.strip())
    share = float(found[1]) / 100 if found else 0.0
    return share if 0.0 < share <= 1.0 else None


def with_sizes(
    table: dict[str, object], keys: tuple[str, ...], where: str, problems: Problems
) -> dict[str, object]:
    """A table of settings with its sizes in bytes.

    Args:
        table: As the file has it.
        keys: Those that mean a size. What is not text is left as it is.
        where: File and key of the table, for messages.
        problems: Hears of sizes that cannot be used; they are left out.
    """
    sizes: dict[str, object] = {}
    for key, value in table.items():
        try:
            is_size = key in keys and isinstance(value, str)
            sizes[key] = parse_size(str(value)) if is_size else value
        except ValueError as error:
            problems.add(f"{where}.{key}: {error}", HOW_TO_WRITE_A_SIZE)
    return sizes
