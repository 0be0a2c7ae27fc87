"""Where in a run an event stands: seconds since its beginning, without the time between restarts.

A run may take several processes. Each counts the seconds by a clock of its own, so the time of day,
which somebody may set meanwhile, says nothing about how long anything took.
"""

from __future__ import annotations

from dlcore.engine.events import RunBegan
from dlcore.engine.listeners.lines import Stamp, StampedEvent


class RunClock:
    """Reads the stamps of a run's events, in their order.

    Attributes:
        now_s: Of the last event.
        resumptions_s: When another process went on with the run.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self.resumptions_s: list[float] = []
        self._earlier_s = 0.0
        self._first: Stamp | None = None

    def is_new_process(self, stamped: StampedEvent) -> bool:
        """Go on to an event; whether a process before it has ended."""
        at_s, first = stamped.stamp.at_s, self._first
        has_gone_on = first is not None and isinstance(stamped.event, RunBegan)
        is_earlier = first is not None and self._earlier_s + at_s - first.at_s < self.now_s
        if first is None or has_gone_on or is_earlier:
            self._first = first = stamped.stamp
            self._earlier_s = self.now_s
            if self.now_s:
                self.resumptions_s.append(self.now_s)
        self.now_s = self._earlier_s + at_s - first.at_s
        return has_gone_on or is_earlier
