"""Where progress is shown: live rows on a terminal; elsewhere lines with the time of day."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from dlcore.cli.output import tell
from dlcore.engine.numbers_for_people import amount, part_of
from dlcore.extras import is_installed
from dlcore.printable import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

LINE_EVERY_S = 5.0
REFRESHES_PER_S = 4
MAX_NAME_CELLS = 44
MIN_NAME_CELLS = 12
BAR_CELLS = 20
NARROW_CELLS = 100  # of a terminal: in a narrower one, words count more than bars
NARROW_BAR_CELLS = 8


class Row(NamedTuple):
    """One thing that is under way.

    Attributes:
        name: What it is.
        note: How it goes, in words.
        done_bytes: How much of it is done.
        total_bytes: How much it is; 0 if that says nothing.
    """

    name: str
    note: str
    done_bytes: int = 0
    total_bytes: int = 0


class View(Protocol):
    """Somewhere to show progress. Never fails; thread-safe."""

    def progress(
        self, what: str, done_bytes: int, total_bytes: int, rate_bytes_per_s: float = 0
    ) -> None:
        """Show how far it is: what has been done with how much; a rate of 0 is unknown."""
        ...

    def rows(self, rows: Sequence[Row]) -> None:
        """Show what is under way, one thing in each row, where rows can be replaced."""
        ...

    def line(self, text: str) -> None:
        """Show that something has happened."""
        ...

    def close(self) -> None:
        """Leave the terminal in order."""
        ...


class Lines:
    """Lines on standard error, each with the time; for progress at most one every few seconds.

    Args:
        now: Tells seconds since 1970.
        now_s: Tells seconds on any monotonic clock.
    """

    def __init__(
        self, now: Callable[[], float] = time.time, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self._now_s = now_s
        self._shown_s = now_s()

    def progress(
        self, what: str, done_bytes: int, total_bytes: int, rate_bytes_per_s: float = 0
    ) -> None:
        """Print a line, if the last one was printed at least `LINE_EVERY_S` ago."""
        now_s = self._now_s()
        if now_s - self._shown_s < LINE_EVERY_S or done_bytes >= total_bytes:
            return
        self._shown_s = now_s
        rate = f", {amount(rate_bytes_per_s)}/s" if rate_bytes_per_s else ""
        self.line(f"{part_of(done_bytes, total_bytes)} {what}{rate}")

    def rows(self, rows: Sequence[Row]) -> None:
        """Nothing: a line cannot be replaced."""

    def line(self, text: str) -> None:
        """A line."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._now()))
        tell(f"{moment} {text}")

    def close(self) -> None:
        """Nothing to do."""


class Terminal:
    """Live rows on standard error, with lines above them."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._total: tuple[Row, ...] = ()
        self._rows: tuple[Row, ...] = ()
        console = Console(stderr=True)
        self._live = Live(
            console=console,
            transient=True,
            refresh_per_second=REFRESHES_PER_S,
            get_renderable=lambda: drawn((*self._rows, *self._total), console.width),
        )
        self._live.start()

    def progress(
        self, what: str, done_bytes: int, total_bytes: int, rate_bytes_per_s: float = 0
    ) -> None:
        """Replace the last row."""
        amounts = part_of(done_bytes, total_bytes)
        rate = f", {amount(rate_bytes_per_s)}/s" if rate_bytes_per_s else ""
        self._total = (Row(what, f"{amounts}{rate}", done_bytes, total_bytes),)

    def rows(self, rows: Sequence[Row]) -> None:
        """Replace the other rows."""
        self._rows = tuple(rows)

    def line(self, text: str) -> None:
        """A line above the rows."""
        from rich.text import Text  # as it is: no markup, no emoji codes

        with contextlib.suppress(OSError):
            self._live.console.print(Text(printable(text)))

    def close(self) -> None:
        """Take the rows away."""
        with contextlib.suppress(OSError):
            self._live.stop()


def drawn(rows: Sequence[Row], width_cells: int) -> RenderableType:
    """Rows as rich draws them: a name, a bar if there is one, a note.

    Args:
        rows: All of them.
        width_cells: Of the terminal. Where it is narrow, a name is cut rather than a note, which
            has the rate and the time that is left.
    """
    from rich.cells import cell_len
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    bar_cells = NARROW_BAR_CELLS if width_cells < NARROW_CELLS else BAR_CELLS
    note_cells = max((cell_len(printable(row.note)) for row in rows), default=0)
    left_cells = width_cells - bar_cells - note_cells - 2
    table = Table.grid(padding=(0, 1))
    table.add_column(
        no_wrap=True,
        overflow="ellipsis",
        max_width=min(MAX_NAME_CELLS, max(MIN_NAME_CELLS, left_cells)),
    )
    table.add_column(width=bar_cells)
    table.add_column(no_wrap=True, overflow="ellipsis")
    for row in rows:
        bar = ProgressBar(row.total_bytes, row.done_bytes) if row.total_bytes else ""
        table.add_row(Text(printable(row.name)), bar, Text(printable(row.note)))
    return table


class Nothing:
    """Shows nothing, for --quiet."""

    def progress(
        self, what: str, done_bytes: int, total_bytes: int, rate_bytes_per_s: float = 0
    ) -> None:
        """Show nothing."""

    def rows(self, rows: Sequence[Row]) -> None:
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
