"""Where progress is shown: a live bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import Protocol

from dlcore.cli.output import tell
from dlcore.engine.units import amount
from dlcore.extras import is_installed
from dlcore.printable import printable

LINE_EVERY_S = 5.0


class View(Protocol):
    """Somewhere to show progress. Never fails; thread-safe."""

    def progress(
        self, what: str, done_bytes: int, total_bytes: int, rate_bytes_per_s: float = 0
    ) -> None:
        """Show how far it is: what has been done with how much; a rate of 0 is unknown."""
        ...

    def line(self, text: str) -> None:
        """Show that something has happened."""
        ...

    def close(self) -> None:
        """Leave the terminal in order."""
        ...


class Lines:
    """Plain lines on standard error, for progress at most one every few seconds."""

    def __init__(self) -> None:
        self._shown_s = time.monotonic()

    def progress(
        self, what: str, done_bytes: int, total_bytes: int, rate_bytes_per_s: float = 0
    ) -> None:
        """Print a line, if the last one was printed at least `LINE_EVERY_S` ago."""
        now_s = time.monotonic()
        if now_s - self._shown_s < LINE_EVERY_S or done_bytes >= total_bytes:
            return
        self._shown_s = now_s
        rate = f", {amount(rate_bytes_per_s)}/s" if rate_bytes_per_s else ""
        self.line(f"{amount(done_bytes)} of {amount(total_bytes)} {what}{rate}")

    def line(self, text: str) -> None:
        """A line."""
        tell(text)

    def close(self) -> None:
        """Nothing to do."""


class Terminal:
    """A live bar on standard error, with lines above it."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TextColumn("{task.fields[rate]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bars.add_task("", total=None, visible=False, rate="")
        self._bars.start()

    def progress(
        self, what: str, done_bytes: int, total_bytes: int, rate_bytes_per_s: float = 0
    ) -> None:
        """Move the bar."""
        self._bars.update(
            self._task,
            description=what,
            completed=done_bytes,
            total=total_bytes or None,
            visible=True,
            rate=f"{amount(rate_bytes_per_s)}/s" if rate_bytes_per_s else "",
        )

    def line(self, text: str) -> None:
        """A line above the bar."""
        from rich.text import Text  # as it is: no markup, no emoji codes

        with contextlib.suppress(OSError):
            self._bars.console.print(Text(printable(text)))

    def close(self) -> None:
        """Take the bar away."""
        with contextlib.suppress(OSError):
            self._bars.stop()


class Nothing:
    """Shows nothing, for --quiet."""

    def progress(
        self, what: str, done_bytes: int, total_bytes: int, rate_bytes_per_s: float = 0
    ) -> None:
        """Show nothing."""

    def line(self, text: str) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Nothing to do."""


def open_view(*, quiet: bool) -> View:
    """The view that suits standard error."""
    if quiet:
        return Nothing()
    is_live = sys.stderr is not None and sys.stderr.isatty()
    is_wanted = os.environ.get("TERM") != "dumb" and "CI" not in os.environ
    return Terminal() if is_live and is_wanted and is_installed("cli") else Lines()
