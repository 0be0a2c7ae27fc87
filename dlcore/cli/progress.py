"""Shows the engine's events in words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from dlcore.cli.live_rows import LiveRows
from dlcore.cli.views import View
from dlcore.engine import events
from dlcore.engine.event_words import describe
from dlcore.schedule import EndpointChange


@contextlib.asynccontextmanager
async def shown(
    stream: AsyncIterator[events.Event], view: View, *, verbose: bool = False
) -> AsyncIterator[None]:
    """Show all events of a stream while the body runs, to the last one.

    Args:
        stream: Ends when its bus is closed, which the body must do.
        view: Where to show them; closed at the end.
        verbose: Whether to show what is decided about endpoints, too.
    """
    task = asyncio.ensure_future(_show(stream, view, verbose))
    try:
        yield
    finally:
        try:
            await task
        finally:
            view.close()


async def _show(stream: AsyncIterator[events.Event], view: View, verbose: bool) -> None:
    told: events.Event | None = None
    live = LiveRows(asyncio.get_running_loop().time)
    async for event in stream:
        live.hear(event)
        view.rows(live.rows())
        if isinstance(event, events.Progress):
            view.progress(
                "verified", event.verified_bytes, event.wanted_bytes, event.rate_bytes_per_s
            )
        elif not verbose and (_is_detail(event) or _is_one_more(told, event)):
            continue
        elif text := describe(event):
            view.line(text)
            told = event


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
