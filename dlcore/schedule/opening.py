"""How many connections to begin with far away, where slow starts take longest.

Work so short that it is done before gain could be measured is divided among as many connections as
bring it within a few round trips of their slow starts: one that loses a packet then holds up
little, and others fetch that. Longer work begins with few, and `crew` finds out how many pay.
"""

from __future__ import annotations

from math import ceil

INITIAL_WINDOW_BYTES = 14_480  # ten segments. Source: RFC 6928
ROUND_TRIPS = 4  # in which a window that doubles with each delivers fifteen times its first
MOST = 128  # enough for 500 Mbit/s at 80 ms; their first windows still fit a queue of 30 ms there
SHORT_BYTES = 64 << 20  # a second or two on a link that is worth so many


def opening(wanted_bytes: float, usual: int) -> int:
    """Connections to begin with.

    Args:
        wanted_bytes: From one endpoint, all in all.
        usual: For longer work, and never less.
    """
    if wanted_bytes > SHORT_BYTES:
        return usual
    each_bytes = INITIAL_WINDOW_BYTES * ((1 << ROUND_TRIPS) - 1)
    return max(usual, min(MOST, ceil(wanted_bytes / each_bytes)))
