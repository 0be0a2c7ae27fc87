"""``dlcore precache``: have what a task sequence needs on disk before its time."""

from __future__ import annotations

import contextlib
from datetime import datetime
from functools import partial
from pathlib import Path

import click
import msgspec

from dlcore.cli.ending.loop import run_async
from dlcore.cli.live.event_output import events_options, opened_events, takes_standard_output
from dlcore.cli.live.progress import shown
from dlcore.cli.live.views import View, open_view
from dlcore.cli.logs import LoggedCommand, is_verbose
from dlcore.cli.options.dry_run import dry_run_option
from dlcore.cli.options.moments import moment_of
from dlcore.cli.options.paths import EXISTING_FILE
from dlcore.cli.options.rates import limit_rate_option
from dlcore.cli.options.state import (
    deployment_trust_root_option,
    state_option,
    wait_option,
    which_option,
)
from dlcore.cli.output import json_option, quiet_option, say, show_json, show_table, tell
from dlcore.cli.results.amounts import format_amounts
from dlcore.deployment import load_deployment
from dlcore.engine.client import Client
from dlcore.engine.listeners.writer import Write, written
from dlcore.engine.numbers_for_people import amount, counted
from dlcore.engine.precache import (
    Precached,
    PrecachedPackage,
    SequenceContent,
    content_of_sequence,
    precache,
)
from dlcore.engine.precache_preview import preview_precache
from dlcore.errors import DeadlineError, DlcoreError, InternalError
from dlcore.tasksequence import TaskSequence, load


@click.command(cls=LoggedCommand)
@click.argument("sequence", type=EXISTING_FILE)
@click.option("--config", required=True, type=EXISTING_FILE, help="Deployment settings (TOML).")
@click.option(
    "--by",
    "by",
    callback=moment_of,
    metavar="TIME",
    help="When everything must be there, in local time: 06:00 (the next one), 2026-12-01T06:00, "
    "or +8h. When the time left would not suffice otherwise, the whole link is used; at that "
    "time the command ends. By default it ends when everything is there.",
)
@which_option
@deployment_trust_root_option
@state_option
@limit_rate_option
@wait_option
@dry_run_option
@quiet_option
@json_option
@events_options
def command(
    sequence: Path,
    config: Path,
    by: datetime | None,
    which: str | None,
    trust_root: Path | None,
    state: Path,
    cap_bytes_per_s: int | None,
    wait_s: float,
    is_dry_run: bool,
    quiet: bool,
    as_json: bool,
    events_format: str | None,
    events_file: Path | None,
) -> int:
    """Fetch what SEQUENCE may need ahead of time: an exported task sequence (XML, object.xml, zip).

    Uses only bandwidth that other traffic leaves unused, in the order in which the steps need it,
    and keeps to the bandwidth schedule of the settings. If it is interrupted, run it again: it
    continues where it was. A run on the same state directory then finds the content there.

    Ends with status 21 if the time has come and something is missing, and with that of the first
    package that could not be fetched for another reason.
    """
    if is_dry_run and events_format:
        raise click.UsageError("--events cannot be used with --dry-run")
    tells_events = takes_standard_output(events_format, events_file, as_json=as_json)
    loaded = load(sequence, which=which)
    deployment = load_deployment(config, trust_root=trust_root)
    client = Client(deployment, state, wait_s=wait_s)
    if cap_bytes_per_s is not None:
        client.limit(cap_bytes_per_s)
    if is_dry_run:
        found = run_async(_preview(client, loaded))
        _show(found, as_json=as_json, is_dry_run=True)
        return exit_status(found, is_dry_run=True)
    with opened_events(events_format, events_file) as write:
        view = open_view(quiet=quiet)
        found = run_async(_fetch(client, loaded, by, view, write))
    if as_json or not (tells_events or quiet):
        _show(found, as_json=as_json, is_dry_run=False)
    return exit_status(found, is_dry_run=False)


async def _preview(client: Client, sequence: TaskSequence) -> Precached:
    async with client:
        return await preview_precache(client, await content_of_sequence(client, sequence))


async def _fetch(
    client: Client, sequence: TaskSequence, by: datetime | None, view: View, write: Write | None
) -> Precached:
    async with (
        client,
        written(client.bus, write),
        shown(client.events(), view, verbose=is_verbose(), ending_tells=True),
    ):
        with contextlib.closing(client.bus):
            wanted: SequenceContent = await content_of_sequence(client, sequence)
            start = partial(precache, by_s=by.timestamp() if by else None)
            return await start(client, wanted)


def exit_status(found: Precached, *, is_dry_run: bool) -> int:
    """Tell what is missing on standard error; returns the exit status.

    Raises:
        InternalError: A package is not ready, and nothing says why.
    """
    failed = [each for each in found.packages if each.code]
    for each in failed:
        tell(f" ({each.code}): {each.package}: {each.message}", label="error")
    others = [each for each in failed if each.code != DeadlineError.code]
    first = next(iter(others or failed), None)
    statuses = {kind.code: kind.exit_status for kind in _kinds(DlcoreError)}
    if first:
        return statuses[first.code]
    if is_dry_run or found.is_complete:
        return 0
    raise InternalError("a package is neither ready nor failed")


def _kinds(kind: type[DlcoreError]) -> list[type[DlcoreError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _kinds(child))]


def _show(found: Precached, *, as_json: bool, is_dry_run: bool) -> None:
    if as_json:
        dry_run = {"dry_run": True} if is_dry_run else {}
        complete = {"complete": found.is_complete}
        show_json({**dry_run, **msgspec.to_builtins(found), **complete})
        return
    show_table(("package", "version", "size", "on disk", "", "needed"), map(_row, found.packages))
    total = sum(each.content_bytes for each in found.packages)
    there = sum(each.verified_bytes for each in found.packages)
    if is_dry_run:
        say(
            f"at most {amount(total - there)} of {amount(total)} to fetch: what other packages,"
            " seeds and patches save is known when it is fetched"
        )
        return
    ready = sum(each.is_ready for each in found.packages)
    came = format_amounts(found.bytes_fetched, found.bytes_reused, found.bytes_patched)
    say(f"{ready} of {counted(len(found.packages), 'package')} ready and verified ({came})")
    if found.hurried_s:
        say(f"the whole link was used for the last {found.hurried_s:.0f} s, because time was short")


def _row(each: PrecachedPackage) -> tuple[str, ...]:
    return (
        each.package,
        "" if each.version is None else str(each.version),
        amount(each.content_bytes),
        amount(each.verified_bytes),
        "ready" if each.is_ready else each.code,
        "yes" if each.is_certain else "maybe",
    )
