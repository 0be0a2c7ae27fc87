"""What all commands print alike: JSON, errors, tables, amounts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence

import click

from dlcore.errors import DlcoreError, PreflightError

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Show no progress.")


def wants_json(arguments: Iterable[str]) -> bool:
    """Whether the command line asks for JSON, even if the command never got to see it."""
    return "--json" in arguments


def show_json(result: object) -> None:
    """Print a result as one JSON document on standard output."""
    click.echo(json.dumps(result, indent=2, ensure_ascii=False))


def show_error(error: DlcoreError, *, as_json: bool) -> None:
    """Print an error: for people on standard error, for programs on standard output too."""
    click.echo(f"{click.style('error', fg='red')} ({error.code}): {error.message}", err=True)
    if error.remedy:
        click.echo(f"  {error.remedy}", err=True)
    if as_json:
        fields: dict[str, object] = {
            "code": error.code,
            "exit_status": error.exit_status,
            "message": error.message,
            "remedy": error.remedy,
        }
        if isinstance(error, PreflightError):
            fields["missing"] = list(error.missing)
        show_json({"error": fields})


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """Print a table on standard output, as wide as the terminal or, elsewhere, as it needs."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column.endswith(("s", "bytes")) else "left")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160).print(table)


def amount(count_bytes: float) -> str:
    """A number of bytes for people: ``1.5 MiB``."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count_bytes < 1024:
            return f"{count_bytes:.0f} {unit}" if unit == "bytes" else f"{count_bytes:.1f} {unit}"
        count_bytes /= 1024
    return f"{count_bytes:.1f} TiB"
