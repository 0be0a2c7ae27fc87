"""Numbers with their units, for people."""

from __future__ import annotations


def amount(count_bytes: float) -> str:
    """A number of bytes for people: ``1.5 MiB``."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count_bytes < 1024:
            return f"{count_bytes:.0f} {unit}" if unit == "bytes" else f"{count_bytes:.1f} {unit}"
        count_bytes /= 1024
    return f"{count_bytes:.1f} TiB"


def counted(number: int, thing: str) -> str:
    """A number of things whose plural ends in s, in words."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
