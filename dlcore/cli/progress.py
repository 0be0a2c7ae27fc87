"""Shows what the engine tells, event by event, in words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from dlcore.cli.output import amount
from dlcore.cli.views import View
from dlcore.engine import events


@contextlib.asynccontextmanager
async def shown(
    stream: AsyncIterator[events.Event], view: View, *, verbose: bool = False
) -> AsyncIterator[None]:
    """Show all events of a stream while the body runs, to the last one.

    Args:
        stream: Ends when its bus is closed, which the body has to see to.
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
    async for event in stream:
        if isinstance(event, events.Progress):
            view.progress(
                "verified", event.verified_bytes, event.wanted_bytes, event.rate_bytes_per_s
            )
        elif not verbose and (isinstance(event, events.EndpointNote) or _is_one_more(told, event)):
            continue
        elif text := describe(event):
            view.line(text)
            told = event


def _is_one_more(told: events.Event | None, event: events.Event) -> bool:
    """Whether it is one more failure in a row: all connections of an endpoint may fail at once."""
    if not (isinstance(told, events.RangeFailed) and isinstance(event, events.RangeFailed)):
        return False
    return (told.endpoint, told.fault) == (event.endpoint, event.fault)


def describe(event: events.Event) -> str:
    """One event in words; empty if it is not worth a line."""
    match event:
        case events.PackageStarted(package, content_bytes, reused_bytes):
            kept = f", {amount(reused_bytes)} of it on disk" if reused_bytes else ""
            return f"{package}: fetching {amount(content_bytes)}{kept}"
        case events.PackageReady(package):
            return f"{package}: ready"
        case events.PackageFailed(package, message):
            return f"{package}: failed: {message}"
        case events.BlockRejected(package, _, block, endpoint):
            source = endpoint or "several endpoints"
            return f"{package}: block {block} from {source} does not match, fetching it again"
        case events.RangeFailed(_, _, fault, message):
            return f"{message} ({fault})"
        case events.EndpointDropped(endpoint, fault):
            return f"{endpoint}: not asked any more ({fault})"
        case events.EndpointNote(endpoint, what, reason):
            return f"{endpoint}: {what}: {reason}"
        case events.EndpointBusy(endpoint, wait_s):
            return f"{endpoint}: too busy to say what it holds, asked again in {wait_s:.0f} s"
        case events.EndpointRenewed(endpoint, what, reason):
            return f"{endpoint}: {what} renewed ({reason})"
        case events.DownloadRetried(package, attempt, of, delay_s):
            return f"{package}: retry {attempt} of {of} in {delay_s:.0f} s"
        case events.StepSkipped(index, name, why):
            return f"step {index} {name}: skipped ({why})"
        case events.StepStarted(index, name, stall_s):
            waited = f" after waiting {stall_s:.1f} s" if stall_s >= 0.05 else ""
            return f"step {index} {name}: starts{waited}"
        case events.StepEnded(index, name, outcome, exit_code, run_s):
            return f"step {index} {name}: {outcome} after {run_s:.1f} s (exit code {exit_code})"
        case _:
            return ""
