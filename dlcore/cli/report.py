"""``dlcore report``: what a run came to, and why it took as long as it did."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click
import msgspec

from dlcore.cli.logs import LoggedCommand
from dlcore.cli.options.paths import FILE, check_no_folder
from dlcore.cli.options.state import state_option
from dlcore.cli.output import json_option, say, show_json, show_table
from dlcore.cli.results.timeline_tables import show_timeline
from dlcore.disk.faults import storage_error
from dlcore.disk.named_files import not_planted
from dlcore.engine.listeners.lines import EventLines, decode_lines
from dlcore.engine.listeners.run_records import numbers, read
from dlcore.engine.numbers_for_people import duration
from dlcore.errors import NotFoundError, StorageError
from dlcore.plain_files import buffered
from dlcore.timeline import Timeline, headline, latest, reasons, timeline_of, verdict
from dlcore.timeline.page import page_of

_BEFORE_LATEST: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


@click.command(cls=LoggedCommand)
@click.argument("run", default="0", metavar="[RUN]")
@state_option
@click.option(
    "--html",
    "page",
    type=FILE,
    metavar="FILE",
    help="Write a page for a browser: the timeline as a picture, and the same figures as tables. "
    "It needs no other file.",
)
@click.option("--list", "is_list", is_flag=True, help="List the runs that are recorded.")
@json_option
def command(run: str, state: Path, page: Path | None, is_list: bool, as_json: bool) -> None:
    """Report the result of RUN, and why it took so long.

    RUN is how many runs ago it was: 0, the default, is the latest run on the state directory, which
    may be under way. Or RUN is a file that --events-file wrote; the last run or fetch in it counts.
    """
    if is_list:
        _show_list(state, as_json=as_json)
        return
    timeline = timeline_of(_events(run, state))
    if page:
        _write(page, page_of(timeline))
    if as_json:
        told = {
            "verdict": verdict(timeline),
            "headline": headline(timeline),
            "reasons": reasons(timeline),
            "timeline": timeline,
        }
        show_json(msgspec.to_builtins(told))
    elif page:
        say(f"written: {page}")
    else:
        show_timeline(timeline)


def _events(run: str, state: Path) -> EventLines:
    if _BEFORE_LATEST.fullmatch(run):
        return _read_run(state, int(run))
    check_no_folder(Path(run))
    try:
        with buffered(Path(run)) as lines:
            return latest(decode_lines(lines, source=run))
    except FileNotFoundError:
        raise NotFoundError(
            f"{run}: there is no such file", remedy="RUN is a number of runs ago, or a file."
        ) from None
    except OSError as error:
        raise storage_error(error, "read the record", Path(run)) from error


def _read_run(state: Path, number: int) -> EventLines:
    lines = read(state, number).splitlines(keepends=True)
    return decode_lines(lines, source=f"run {number} of {state}")


def _show_list(state: Path, *, as_json: bool) -> None:
    runs = {number: timeline_of(_read_run(state, number)) for number in numbers(state)}
    if as_json:
        show_json([_summary(number, timeline) for number, timeline in runs.items()])
        return
    show_table(
        ("run", "began", "task sequence", "outcome", "took"),
        (
            (str(number), each.began, each.sequence, _outcome(each), duration(each.duration_s))
            for number, each in runs.items()
        ),
    )


def _summary(number: int, timeline: Timeline) -> dict[str, object]:
    return {
        "run": number,
        "began": timeline.began,
        "sequence": timeline.sequence,
        "outcome": timeline.outcome or None,
        "duration_s": timeline.duration_s,
    }


def _outcome(timeline: Timeline) -> str:
    return timeline.outcome or "not ended"


def _write(page: Path, document: str) -> None:
    try:
        with open(page, "w", encoding="utf-8", newline="\n", opener=not_planted) as file:
            file.write(document)
    except OSError as error:
        raise StorageError(
            f"--html: {page} cannot be written: {error.strerror}",
            remedy="Name a file in a folder that exists and can be written to.",
        ) from error
