"""Rates and round trips of one endpoint, as measured.

Idle time does not count: a rate is bytes per second in which at least one connection was at
work, and a connection's rate is bytes per connection-second.
"""

from __future__ import annotations

SMOOTHING = 1 / 8  # of a round trip. Source: RFC 6298, section 2.3 (alpha)


class Pulse:
    """Measures one endpoint.

    Attributes:
        round_trip_s: From a request to its first byte, smoothed; None: nothing answered yet.
    """

    def __init__(self) -> None:
        self.round_trip_s: float | None = None

    def answered(self, round_trip_s: float) -> None:
        """A first byte came, that long after it was asked for."""
        last_s = self.round_trip_s
        self.round_trip_s = (
            round_trip_s if last_s is None else last_s + (round_trip_s - last_s) * SMOOTHING
        )
