"""The options ``--events`` and ``--events-file``: each event as a line, for programs."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click

from dlcore.cli.logs import is_verbose
from dlcore.cli.options.paths import FILE
from dlcore.cli.output import tell
from dlcore.disk.named_files import not_planted
from dlcore.engine.listeners.lines import StampedEvent, encode_line
from dlcore.engine.listeners.writer import Write
from dlcore.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])


def events_options(command: F) -> F:
    """Give a command both options; they come as ``events_format`` and ``events_file``."""
    kind = click.option(
        "--events",
        "events_format",
        type=click.Choice(["ndjson"]),
        help="Write each event as a line of JSON to standard output, in place of the tables; "
        "docs/events.md has the members.",
    )
    where = click.option(
        "--events-file",
        type=FILE,
        metavar="FILE",
        help="Append the events to this file, in place of standard output.",
    )
    return kind(where(command))


def takes_standard_output(
    events_format: str | None, events_file: Path | None, *, as_json: bool
) -> bool:
    """Whether the events go to standard output.

    Raises:
        click.UsageError: The options contradict each other.
    """
    if events_file and not events_format:
        raise click.UsageError("--events-file needs --events ndjson")
    takes_it = events_format is not None and events_file is None
    if takes_it and as_json:
        raise click.UsageError(
            "--events and --json both write to standard output: add --events-file"
        )
    return takes_it


@contextlib.contextmanager
def opened_events(events_format: str | None, events_file: Path | None) -> Iterator[Write | None]:
    """Where the events go, open while the body runs; None: nowhere.

    If a place takes no more of them, standard error says so, once.

    Raises:
        ConfigError: The file cannot be written.
        OwnershipError: Another user has planted it.
    """
    if not events_format:
        yield None
    elif events_file is None:
        yield _telling_of_loss(_writing_to(_standard_output()), "--events: standard output")
    else:
        with _file(events_file) as file:
            yield _telling_of_loss(_writing_to(file), f"--events-file: {events_file}")


def _file(path: Path) -> BinaryIO:
    try:
        return open(path, "ab", buffering=0, opener=not_planted)
    except OSError as error:
        raise ConfigError(
            f"--events-file: {path} cannot be written: {error.strerror}",
            remedy="Name a file in a folder that exists and can be written to.",
        ) from None


def _standard_output() -> BinaryIO:
    """Its bytes: on Windows, text would get other line ends."""
    buffer = getattr(sys.stdout, "buffer", None)
    return buffer if buffer is not None else io.BytesIO()  # there is no standard output


def _writing_to(file: BinaryIO) -> Write:
    def write(events: Sequence[StampedEvent]) -> None:
        data = memoryview(b"".join(map(encode_line, events)))
        while data:
            data = data[file.write(data) :]
        file.flush()

    return write


def _telling_of_loss(write: Write, place: str) -> Write:
    """Tells of an error, after which nothing more is written; ``-v`` shows it in the log."""
    is_in_log = is_verbose()

    def told(events: Sequence[StampedEvent]) -> None:
        try:
            write(events)
        except OSError as error:
            if not is_in_log:
                reason = f"it takes no more events: {error.strerror}"
                tell(f"warning: {place} is incomplete, as {reason}")
            raise

    return told
