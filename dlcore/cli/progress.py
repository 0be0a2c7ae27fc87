"""Shows what happens: live bars on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Protocol

import click

from dlcore.cli.output import amount
from dlcore.engine import events

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

LINE_EVERY_S = 5.0


class View(Protocol):
    """Somewhere to show progress."""

    def progress(self, event: events.Progress) -> None:
        """Show how far the download is."""
        ...

    def line(self, text: str) -> None:
        """Show that something has happened."""
        ...

    def close(self) -> None:
        """Leave the terminal in order."""
        ...


class Lines:
    """Plain lines on standard error, never more often than every few seconds for progress."""

    def __init__(self) -> None:
        self._shown_s = time.monotonic()

    def progress(self, event: events.Progress) -> None:
        """A line, if the last one is long ago."""
        now_s = time.monotonic()
        if now_s - self._shown_s >= LINE_EVERY_S and event.verified_bytes < event.wanted_bytes:
            self._shown_s = now_s
            self.line(
                f"{amount(event.verified_bytes)} of {amount(event.wanted_bytes)} verified, "
                f"{amount(event.rate_bps)}/s"
            )

    def line(self, text: str) -> None:
        """A line."""
        click.echo(text, err=True)

    def close(self) -> None:
        """Nothing to do."""


class Terminal:
    """A live bar on standard error, with lines above it."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TransferSpeedColumn,
        )

        self._bars: Bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task: TaskID = self._bars.add_task("verified", total=None)
        self._bars.start()

    def progress(self, event: events.Progress) -> None:
        """Move the bar."""
        self._bars.update(
            self._task, completed=event.verified_bytes, total=event.wanted_bytes or None
        )

    def line(self, text: str) -> None:
        """A line above the bar."""
        self._bars.console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        """Take the bar away."""
        self._bars.stop()


class Nothing:
    """For those who want quiet."""

    def progress(self, event: events.Progress) -> None:
        """Show nothing."""

    def line(self, text: str) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Nothing to do."""


def open_view(*, quiet: bool) -> View:
    """The view that suits standard error."""
    if quiet:
        return Nothing()
    live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and "CI" not in os.environ
    return Terminal() if live else Lines()


@contextlib.asynccontextmanager
async def shown(stream: AsyncIterator[events.Event], view: View) -> AsyncIterator[None]:
    """Show all events of a stream while the body runs.

    Args:
        stream: Ends when its client is closed, so this belongs around the client's ``async with``
            body, inside it.
        view: Where to show them.
    """
    task = asyncio.ensure_future(_show(stream, view))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        view.close()


async def _show(stream: AsyncIterator[events.Event], view: View) -> None:
    async for event in stream:
        if isinstance(event, events.Progress):
            view.progress(event)
        elif text := describe(event):
            view.line(text)


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
            return f"{package}: block {block} from {endpoint} does not match, fetching it again"
        case events.RangeFailed(_, _, fault, message):
            return f"{message} ({fault})"
        case events.EndpointDropped(endpoint, fault):
            return f"{endpoint}: not asked any more ({fault})"
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
