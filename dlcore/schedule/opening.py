"""How many connections to begin with, before anything could be measured.

Far away, where slow starts take longest, with more than near. Work so short that it is done before
gain could be measured is divided among as many as bring it within a few round trips of their slow
starts: one that loses a packet then holds up little, and others fetch that. Longer work begins
with few, and `search` finds out how many pay.
"""

from __future__ import annotations

from math import ceil

START = 16  # until the round trip is known: far away, each round trip with fewer is lost
START_NEAR = 6  # a local network: more would only cost CPU, and 8 are the most it tries for nothing
START_FAR = 24  # slow starts fill 1 Gbit/s at 40 ms in four round trips, and leave no window idle
FAR_S = 0.005  # a longer round trip is no local network's
SURELY_FAR_S = 0.02  # nor is it if the first answer takes longer, with opening and TLS
INITIAL_WINDOW_BYTES = 14_480  # ten segments. Source: RFC 6928
ROUND_TRIPS = 4  # in which a window that doubles with each delivers fifteen times its first
MAX = 80  # fill 500 Mbit/s at 80 ms in four round trips; with 96 some queues of 50 ms overflow
SHORT_BYTES = 64 << 20  # a second or two on a link that is worth so many


class Opening:
    """What is known of one endpoint before its first answer.

    Attributes:
        count: Connections to begin with, as far as can be told.
    """

    def __init__(self) -> None:
        self.count = START
        self._far = START_FAR
        self._idle_s = float("inf")  # none was at work yet

    def expect(self, wanted_bytes: float, round_trip_s: float) -> None:
        """So much is wanted in all, and connections were opened within so long."""
        self._far = opening(wanted_bytes, START_FAR) if round_trip_s > FAR_S else START_NEAR
        self.count = self._far

    def waited(self, now_s: float, at_work: int) -> bool:
        """No answer yet; returns whether that alone tells that the endpoint is not near."""
        if not at_work:
            self._idle_s = now_s
        elif now_s - self._idle_s > SURELY_FAR_S:
            self.count = self._far
            return True
        return False

    def answered(self, round_trip_s: float) -> None:
        """The first answer came, that long after it was asked for."""
        self.count = self._far if round_trip_s > FAR_S else START_NEAR


def opening(wanted_bytes: float, usual: int) -> int:
    """Connections to begin with, far away.

    Args:
        wanted_bytes: From one endpoint, all in all.
        usual: For longer work, and never less.
    """
    if wanted_bytes > SHORT_BYTES:
        return usual
    each_bytes = INITIAL_WINDOW_BYTES * ((1 << ROUND_TRIPS) - 1)
    return max(usual, min(MAX, ceil(wanted_bytes / each_bytes)))
