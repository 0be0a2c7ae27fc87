"""Events in the log: every event but progress is a record of the logger ``dlcore.events``.

Levels: *error*, something failed for good; *warning*, something was dropped, rejected or is tried
again; *info*, steps and packages; *debug*, what was decided about endpoints, and why.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from dlcore.engine import events
from dlcore.engine.listeners.bus import EventBus
from dlcore.engine.listeners.words import describe
from dlcore.engine.outcomes import StepOutcome

_log = logging.getLogger("dlcore.events")
_WARNINGS = (
    events.BlockRejected,
    events.CulpritFound,
    events.RangeFailed,
    events.EndpointDropped,
    events.EndpointBusy,
    events.DownloadRetried,
    events.EndpointAwaited,
    events.StepInterrupted,
    events.WaitingForAgent,
    events.WaitingForNetwork,
    events.PackageRepublished,
)


class LoggedBus(EventBus):
    """Passes events to its listeners, and to the log.

    Args:
        on_event: Called with each event as well; its failures are logged.
    """

    def __init__(self, on_event: Callable[[events.Event], None] | None = None) -> None:
        super().__init__()
        if on_event:
            self.subscribe(on_event)

    def emit(self, event: events.Event) -> None:
        """Tell the log and all listeners; never waits."""
        text = describe(event)
        if text:
            _log.log(level_of(event), "%s", text)
        super().emit(event)


def level_of(event: events.Event) -> int:
    """The level of an event, as `logging` counts them."""
    if isinstance(event, events.PackageFailed):
        return logging.ERROR
    if isinstance(event, events.StepEnded) and event.outcome == StepOutcome.FAILED:
        return logging.ERROR
    if isinstance(event, _WARNINGS):
        return logging.WARNING
    if isinstance(event, events.EndpointNote):
        return logging.DEBUG
    return logging.INFO
