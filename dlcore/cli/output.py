"""What commands print: results on standard output, everything else on standard error.

Guarantees: what a terminal would obey, reorder or hide is escaped, in whatever text: names from
documents and messages from servers may contain anything. JSON stays the same document: its strings
have JSON's own escapes there.

The modules that only some commands need are imported where they are used: ``--help`` needs none.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence

import click

from dlcore.printable import printable

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on standard output."
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Show no progress, only errors.")


_INVISIBLE = re.compile(r"[^ -~\n]")


class OutputClosed(Exception):  # noqa: N818  # not an error: the reader has read enough
    """The reader of standard output has closed it."""

    exit_status = 141  # what a shell reports for a process that SIGPIPE ended


def say(text: str) -> None:
    """Print a result as one line.

    Raises:
        OutputClosed: Its reader has closed it.
        StorageError: It is a file that cannot be written.
    """
    _print(printable(text))


def _print(text: str) -> None:
    """Print lines that are safe to show; raises as `say`."""
    with writing():
        click.echo(text)


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Translates what may fail while standard output is written; raises as `say`."""
    try:
        yield
    except BrokenPipeError:
        raise OutputClosed from None
    except OSError as error:
        if sys.platform == "win32" and error.errno == errno.EINVAL:  # a closed pipe, there
            raise OutputClosed from None
        from dlcore.errors import DiskFullError, StorageError

        drop_output()
        kind = DiskFullError if error.errno == errno.ENOSPC else StorageError
        raise kind(
            f"cannot write to standard output: {error.strerror}",
            remedy="What the command did is done; send its output elsewhere.",
        ) from error


def tell(text: str, *, label: str = "", keep: str = "") -> None:
    """Print progress or an error; never fails, even if standard error is closed.

    Args:
        text: One line.
        label: Stands before it, in red on a terminal.
        keep: Characters of the text that are our own, such as the line breaks of a list.
    """
    styled = click.style(label, fg="red") if label else ""
    with contextlib.suppress(OSError):
        click.echo(styled + printable(text, keep=keep), err=True)


def load_json() -> None:
    """Import what `show_json` needs: later, a process that hangs may not be able to."""
    import json as json

    import msgspec as msgspec


def show_json(result: object, *, one_line: bool = False) -> None:
    """Print a result as one JSON document; raises as `say`."""
    import json

    import msgspec

    unicode = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    document = json.dumps(result, ensure_ascii=not unicode)
    if not one_line:  # json itself indents in Python, which takes half a second for a long plan
        as_bytes = document.encode("utf-8", "surrogatepass")  # of names that are not UTF-8
        document = msgspec.json.format(as_bytes, indent=2).decode("utf-8", "surrogatepass")
    _print(_INVISIBLE.sub(_json_escape, document))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table, folded to the width of the terminal; elsewhere a row is a line.

    Args:
        columns: Headings; a column of amounts ends in a unit and is set to the right.
        rows: Cells.

    Raises:
        OutputClosed: As `say`.
        StorageError: As `say`.
    """
    from dlcore.extras import is_installed

    is_live = sys.stdout is not None and sys.stdout.isatty()
    rows = [tuple(map(_in_output, row)) for row in rows]
    if is_live and is_installed("cli"):
        _print(_folded(columns, rows))
    else:
        _print(_aligned(columns, rows))


def tell_page(text: str, *, is_markdown: bool) -> None:
    """Print a long text of dlcore's own: on a terminal through the user's pager.

    Args:
        text: The text.
        is_markdown: Whether a terminal shows it with its headings and tables drawn.

    Raises:
        OutputClosed: As `say`.
        StorageError: As `say`.
    """
    if sys.stdout is None or not sys.stdout.isatty():
        _print(printable(text, keep="\n"))
        return
    from dlcore.extras import is_installed

    click.echo_via_pager(_drawn(text) if is_markdown and is_installed("cli") else text)


def _drawn(markdown: str) -> str:
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(file=io.StringIO(), force_terminal="NO_COLOR" not in os.environ)
    with console.capture() as drawn:
        console.print(Markdown(markdown, hyperlinks=False))
    return drawn.get()


def _in_output(text: str) -> str:
    """A text as the output will show it, escapes included: a column is as wide as that."""
    import codecs

    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    if codecs.lookup(encoding).name == "ascii":
        encoding = "utf-8"  # as click does
    return printable(text).encode(encoding, "backslashreplace").decode(encoding)


def _aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A row is a line, whatever its length."""
    lines = [*([columns] if any(columns) else []), *rows]
    widths = [max(map(_cells, column), default=0) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            _adjusted(text, width, to_right=column.endswith(" s"))
            for column, text, width in zip(columns, line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def _adjusted(text: str, width: int, *, to_right: bool) -> str:
    padding = " " * (width - _cells(text))
    return padding + text if to_right else text + padding


def _cells(text: str) -> int:
    """The columns that a text takes on a terminal: wide characters take two."""
    import unicodedata

    return sum(2 if unicodedata.east_asian_width(c) in "FW" else 1 for c in text)


def _folded(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are folded so that the table fits the terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=any(columns))
    for column in columns:
        table.add_column(column, justify="right" if column.endswith(" s") else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    drawn = io.StringIO()
    Console(file=drawn).print(table)
    return "\n".join(line.rstrip() for line in drawn.getvalue().splitlines())


def _json_escape(match: re.Match[str]) -> str:
    """In a JSON document such a character can only be a part of a string."""
    import json

    shown = printable(match[0], keep="\n")
    return json.dumps(match[0])[1:-1] if shown != match[0] else match[0]


def never_fail_to_encode() -> None:
    """Print with backslashes what the encoding of an output cannot express."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def drop_output() -> None:
    """Drop what standard output still holds, so that the interpreter's end does not fail on it."""
    with contextlib.suppress(OSError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
