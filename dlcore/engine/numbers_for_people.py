"""Numbers with their units, for people."""

from __future__ import annotations

from typing import Final

MAX_LENGTH_WITH_TENTHS_S: Final = 3600.0


def amount(count_bytes: float) -> str:
    """A number of bytes for people: ``1.5 MiB``."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count_bytes < 1024:
            return f"{count_bytes:.0f} {unit}" if unit == "bytes" else f"{count_bytes:.1f} {unit}"
        count_bytes /= 1024
    return f"{count_bytes:.1f} TiB"


def part_of(done_bytes: float, total_bytes: float) -> str:
    """How much of an amount is done, for people: ``1.5 of 6.0 MiB``, ``12.0 KiB of 6.0 MiB``."""
    done, total = amount(done_bytes), amount(total_bytes)
    number, _, unit = done.partition(" ")
    return f"{number} of {total}" if total.endswith(f" {unit}") else f"{done} of {total}"


def counted(number: int, thing: str) -> str:
    """A number of things whose plural ends in s, in words."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def duration(length_s: float) -> str:
    """A time for people: ``40 ms``, ``0.8 s``, ``12 s``, ``1 min 10 s``, ``2 h 05 min``."""
    if length_s < 0.0995:
        return f"{1000 * length_s:.0f} ms"
    if length_s < 9.95:
        return f"{length_s:.1f} s"
    minutes, seconds = divmod(round(length_s), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"


def clock(at_s: float) -> str:
    """A moment for people, since something began: ``0:05``, ``1:02:30``."""
    minutes, seconds = divmod(int(at_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def moment(at_s: float, length_s: float) -> str:
    """A moment of something that takes ``length_s``: ``0.4 s``, ``0:05.3``, ``1:02:30``.

    Up to an hour it has tenths of a second: things often follow each other within a second.
    """
    if length_s < 9.95:
        return f"{at_s:.1f} s"
    if length_s >= MAX_LENGTH_WITH_TENTHS_S:
        return clock(at_s)
    tenths = round(10 * at_s)
    return f"{clock(tenths // 10)}.{tenths % 10}"
