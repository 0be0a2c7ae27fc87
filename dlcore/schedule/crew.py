"""The connections of one endpoint: how many should be at work now.

One TCP connection fills a clean path, but where packets are lost its rate is bounded by loss and
round trip, whatever the link; and a server may throttle each connection. So the number is found by
measuring: `opening` says what to begin with, `pulse` counts what arrives, `looks` makes windows of
that which can be compared, `search` decides from them what more or fewer bring, and `allowance`
bounds it. Not for: dividing connections between endpoints, or choosing ranges.
"""

from __future__ import annotations

from dlcore.schedule.allowance import Allowance
from dlcore.schedule.looks import Looks
from dlcore.schedule.opening import FAR_S, START_NEAR, Opening
from dlcore.schedule.pulse import Pulse
from dlcore.schedule.search import Search


class Crew:
    """The connections of one endpoint.

    Args:
        most: Never more connections than this.
        cap_bytes_per_s: The endpoint's bandwidth cap in bytes per second; 0.0: none.
    """

    def __init__(self, most: int, cap_bytes_per_s: float = 0.0) -> None:
        self._pulse = Pulse()
        self._looks = Looks(self._pulse)
        self._allowance = Allowance()
        self._opening = Opening()
        self._search = Search(self._pulse, self._looks, self._allowance, self._opening.count)
        self.limit(most, cap_bytes_per_s)

    # What is allowed, and what happens

    def limit(self, most: int, cap_bytes_per_s: float = 0.0) -> None:
        """Change what is allowed, at once."""
        if self._allowance.limit(most, cap_bytes_per_s):
            self._search.begin_again(self._allowance.to_begin_with(self._search.count))

    def expect(self, wanted_bytes: float, round_trip_s: float) -> None:
        """So much will be wanted in all: short work far away begins with more at once.

        Args:
            wanted_bytes: From this endpoint.
            round_trip_s: As its connections were opened; 0.0: not known. Unlike the first answer's
                it has nothing of the server's work in it, nor of ours.
        """
        if round_trip_s:
            self._opening.expect(wanted_bytes, round_trip_s)
            self._begin()

    def received(self, count_bytes: int) -> None:
        """Bytes arrived, over whichever connection."""
        self._pulse.received(count_bytes)

    def answered(self, round_trip_s: float) -> None:
        """The first byte of a range came, that long after it was asked for."""
        if self._pulse.round_trip_s is None:
            self._opening.answered(round_trip_s)
            self._begin()
        elif self._looks.is_opening and round_trip_s <= FAR_S:
            # Our own start had made the first answer late.
            self._search.count = min(self._search.count, START_NEAR)
        self._pulse.answered(round_trip_s)

    def pushed_back(self, now_s: float) -> None:
        """The endpoint said that it is too much (429, 503): half as many, more again slowly."""
        fewer = self._allowance.push_back(self._search.count, now_s)
        if fewer is not None:
            self._search.fall_back(fewer, now_s)

    # What follows from it

    @property
    def round_trip_s(self) -> float | None:
        """From a request to its first byte, smoothed; None: nothing answered yet."""
        return self._pulse.round_trip_s

    @property
    def connection_bytes_per_s(self) -> float | None:
        """Bytes per second of one connection at work, of late; None: nothing received yet."""
        return self._pulse.connection_bytes_per_s

    @property
    def window_bytes(self) -> float:
        """What one connection carries in a round trip while bytes flow; 0.0: not known.

        In slow start it is not what it will be.
        """
        if self._looks.is_opening:
            return 0.0
        return self._pulse.flow_bytes_per_s * (self._pulse.round_trip_s or 0.0)

    def wanted(self, now_s: float, at_work: int, *, is_light: bool = False) -> int:
        """How many connections should be at work now.

        Args:
            now_s: The time.
            at_work: How many are: they have a range, if only just asked for.
            is_light: Whether all of them fetch small objects, over before slow start matters.

        Returns:
            At least 1, at most what is allowed.
        """
        self._pulse.look(now_s, at_work)
        self._allowance.regrow(now_s)
        if self._pulse.round_trip_s is None:
            if self._opening.waited(now_s, at_work):
                self._begin()
        elif self._looks.is_due(now_s):
            if self._looks.look(self._wanted):
                self._search.judge(now_s, is_light=is_light)
            self._looks.go_on(now_s)
        return self._wanted

    @property
    def _wanted(self) -> int:
        return min(self._search.count, self._allowance.most)

    def _begin(self) -> None:
        self._search.count = self._allowance.to_begin_with(self._opening.count)
