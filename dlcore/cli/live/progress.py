"""Shows the engine's events in words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from dlcore.cli.live.rows import LiveRows
from dlcore.cli.live.views import View
from dlcore.engine import events
from dlcore.engine.listeners.words import describe
from dlcore.errors import Fault
from dlcore.schedule import EndpointChange


@contextlib.asynccontextmanager
async def shown(
    stream: AsyncIterator[events.Event],
    view: View,
    *,
    verbose: bool = False,
    ending_tells: bool = False,
    are_many: bool = False,
) -> AsyncIterator[None]:
    """Show all events of a stream while the body runs, to the last one.

    Args:
        stream: Ends when its bus is closed, which the body must do.
        view: Where to show them; closed at the end.
        verbose: Whether to show what is decided about endpoints, too.
        ending_tells: Whether the end of the command tells which packages failed, and why.
        are_many: Whether there are so many packages that each is not worth a line.
    """
    untold: tuple[type[events.Event], ...] = (events.PackageFailed,) if ending_tells else ()
    if are_many:
        untold = (*untold, events.PackageStarted, events.PackageReady)
    lines = _Lines(view, verbose=verbose, untold=untold)
    task = asyncio.ensure_future(_show(stream, view, lines))
    try:
        yield
    finally:
        try:
            await task
        finally:
            view.close()


async def _show(stream: AsyncIterator[events.Event], view: View, lines: _Lines) -> None:
    live = LiveRows(asyncio.get_running_loop().time)
    async for event in stream:
        live.hear(event)
        view.rows(live.rows())
        if isinstance(event, events.Progress):
            view.progress(
                live.all_called, event.verified_bytes, event.wanted_bytes, event.rate_bytes_per_s
            )
        lines.hear(event)
    lines.end()


class _Lines:
    """Tells what is worth a line, and tells it once."""

    def __init__(
        self, view: View, *, verbose: bool, untold: tuple[type[events.Event], ...]
    ) -> None:
        self._view = view
        self._verbose = verbose
        self._untold = untold
        self._told: events.Event | None = None
        self._held: events.RangeFailed | None = None  # what its package fails with is told then

    def hear(self, event: events.Event) -> None:
        if self._verbose:
            self._line(event)
            return
        if isinstance(event, events.PackageFailed) and _tells(event, self._held):
            self._held = None
        if isinstance(event, events.Progress):
            self.end()  # it has been held back for long enough
        elif isinstance(event, self._untold) or _is_detail(event):
            return
        elif isinstance(event, events.RangeFailed) and event.fault == Fault.CORRUPT:
            self.end()
            self._held = event
        elif not _is_one_more(self._told, event):
            self.end()
            self._line(event)

    def end(self) -> None:
        """Show the event that was held back: no other follows that it may belong to."""
        held, self._held = self._held, None
        if held and not _is_one_more(self._told, held):
            self._line(held)

    def _line(self, event: events.Event) -> None:
        if text := describe(event):
            self._view.line(text)
            self._told = event


def _tells(failed: events.PackageFailed, held: events.RangeFailed | None) -> bool:
    return held is not None and failed.package == held.package and held.message in failed.message


def _is_one_more(told: events.Event | None, event: events.Event) -> bool:
    """Whether it repeats the last failure: all connections of an endpoint may fail at once."""
    if not (isinstance(told, events.RangeFailed) and isinstance(event, events.RangeFailed)):
        return False
    return (told.endpoint, told.fault) == (event.endpoint, event.fault)


def _is_detail(event: events.Event) -> bool:
    """Whether it is a decision about an endpoint that people need not know."""
    if not isinstance(event, events.EndpointNote):
        return False
    return event.what != EndpointChange.WHOLE_OBJECTS_ONLY.value
