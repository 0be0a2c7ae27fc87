"""Which events of a run are recorded, so that a record has a bound whatever happens in the run.

Steps, packages and the run itself are always recorded. Progress is recorded less and less often
the longer the run takes: a picture of it needs no more. What is held back is recorded before the
run ends, so that its last figures are there. Of what can happen without end, such as failures of an
endpoint that flaps for days, the first are recorded; progress counts all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from dlcore.engine import events
from dlcore.engine.listeners.lines import StampedEvent

_WITHOUT_END = (
    events.BlockRejected,
    events.CulpritFound,
    events.RangeFailed,
    events.EndpointNote,
    events.EndpointDropped,
    events.EndpointBusy,
    events.EndpointRenewed,
    events.DownloadRetried,
    events.EndpointAwaited,
    events.WaitingForAgent,
    events.AgentReturned,
    events.WaitingForNetwork,
    events.TrafficChanged,
    events.BoundaryChanged,
)


class RecordPolicy(msgspec.Struct, frozen=True):
    """How much of a run is recorded.

    Attributes:
        first_interval_s: Seconds between two records of progress at the beginning. As often as
            progress is told: short runs are looked at closely.
        samples_per_interval: Number of samples after which the interval doubles. A picture is about
            as many pixels wide.
        max_alike: The most events of one kind about one endpoint, for kinds that can happen without
            end. More than a few dozen tell a reader only that there were many.
        max_message: Characters of a message: foreign text must not fill the disk.
        kept_runs: Number of earlier runs whose records are kept: people still ask about them.
    """

    first_interval_s: float = 0.5
    samples_per_interval: int = 600
    max_alike: int = 100
    max_message: int = 500
    kept_runs: int = 5


class Thinning:
    """Chooses what is recorded of a stream of events.

    Args:
        policy: How much.
    """

    def __init__(self, policy: RecordPolicy) -> None:
        self._policy = policy
        self._interval_s = policy.first_interval_s
        self._samples = 0
        self._next_s = float("-inf")
        self._held: StampedEvent | None = None
        self._alike: Counter[tuple[str, str]] = Counter()

    def choose(self, stamped: StampedEvent) -> Sequence[StampedEvent]:
        """What is recorded when this event is heard, oldest first."""
        event = stamped.event
        if isinstance(event, events.Progress):
            return self._progress(stamped)
        if isinstance(event, events.RunEnded):
            held, self._held = self._held, None
            return (held, stamped) if held else (stamped,)
        if isinstance(event, _WITHOUT_END) and not self._is_one_of_the_first(event):
            return ()
        return (self._shortened(stamped),)

    def _progress(self, stamped: StampedEvent) -> Sequence[StampedEvent]:
        if stamped.stamp.at_s < self._next_s:
            self._held = stamped
            return ()
        self._held = None
        self._samples += 1
        if self._samples % self._policy.samples_per_interval == 0:
            self._interval_s *= 2
        early_s = self._policy.first_interval_s / 2  # of a timer, which must not cost an interval
        self._next_s = stamped.stamp.at_s + self._interval_s - early_s
        return (stamped,)

    def _is_one_of_the_first(self, event: events.Event) -> bool:
        about = getattr(event, "endpoint", "") or getattr(event, "package", "")
        kind = (type(event).__name__, str(about))
        self._alike[kind] += 1
        return self._alike[kind] <= self._policy.max_alike

    def _shortened(self, stamped: StampedEvent) -> StampedEvent:
        message, longest = getattr(stamped.event, "message", ""), self._policy.max_message
        if len(message) <= longest:
            return stamped
        event = msgspec.structs.replace(stamped.event, message=f"{message[:longest]}…")
        return stamped._replace(event=event)
