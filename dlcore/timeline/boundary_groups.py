"""Which boundary groups were used when in a run, why, and what came from each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from dlcore.engine import events


class BoundaryMark(msgspec.Struct, frozen=True):
    """From now on other groups were used, or one was waited for.

    Attributes:
        at_s: Seconds into the run.
        cause: As of `dlcore.engine.events.BoundaryChanged`.
        groups: The groups that were used from then on, the best first.
        reason: Why, in words.
    """

    at_s: float
    cause: str
    groups: tuple[str, ...]
    reason: str


class GroupFigures(msgspec.Struct, frozen=True):
    """What came from a group.

    Attributes:
        name: Its name.
        received_bytes: Payload bytes that its endpoints brought while it was used. What was in
            flight when the machine moved counts for the group that it came from.
        costly_bytes: Of these, from endpoints with a cost above 0.
    """

    name: str
    received_bytes: int
    costly_bytes: int


class BoundaryGroupsSoFar:
    """Hears the events of boundary groups, and how much came from where."""

    def __init__(self) -> None:
        self._marks: list[BoundaryMark] = []
        self._group_of: dict[str, str] = {}  # of each endpoint: the group that it was used for last
        self._costs: dict[str, int] = {}
        self._counted: Mapping[str, int] = {}
        self._received = Counter[str]()
        self._costly = Counter[str]()

    def begin_process(self) -> None:
        """The counters of progress are at zero."""
        self._counted = {}

    def hear(self, event: events.Event, now_s: float) -> None:
        """Take note of an event, at a time in seconds since the run began."""
        match event:
            case events.BoundaryChanged(cause, groups, reason, costs):
                self._marks.append(BoundaryMark(now_s, cause, tuple(groups), reason))
                self._costs |= costs
                for group, endpoints in reversed(groups.items()):  # the best group counts
                    self._group_of |= dict.fromkeys(endpoints, group)
                    self._received.setdefault(group, 0)
            case events.Progress() if self._marks:
                self._count({name: own.received_bytes for name, own in event.endpoints.items()})

    def _count(self, counted: Mapping[str, int]) -> None:
        before, self._counted = self._counted, counted
        for endpoint, received_bytes in counted.items():
            if group := self._group_of.get(endpoint):
                new_bytes = received_bytes - before.get(endpoint, 0)
                self._received[group] += new_bytes
                self._costly[group] += new_bytes if self._costs.get(endpoint) else 0

    def marks(self) -> tuple[BoundaryMark, ...]:
        """All changes, in order."""
        return tuple(self._marks)

    def figures(self) -> tuple[GroupFigures, ...]:
        """All groups that were used."""
        return tuple(
            GroupFigures(name, received_bytes, self._costly[name])
            for name, received_bytes in self._received.items()
        )
