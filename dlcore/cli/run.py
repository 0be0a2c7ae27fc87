"""``dlcore run``: run a task sequence, each step's content arriving just in time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import click
import msgspec

from dlcore.cli.by_agent import run_content_by_agent
from dlcore.cli.ending.endings import RESTART
from dlcore.cli.ending.loop import run_async
from dlcore.cli.live.event_output import events_options, opened_events, takes_standard_output
from dlcore.cli.live.otel import Trace, opened_otel, otel_option
from dlcore.cli.live.progress import shown
from dlcore.cli.live.views import View, open_view
from dlcore.cli.live.watching import Watching, watched, watching_options
from dlcore.cli.logs import LoggedCommand, is_verbose
from dlcore.cli.options.paths import EXISTING_FILE
from dlcore.cli.options.rates import limit_rate_option
from dlcore.cli.options.seeds import seed_option
from dlcore.cli.options.simulating import simulate_option, simulating_executor
from dlcore.cli.options.state import (
    deployment_trust_root_option,
    no_agent_option,
    state_option,
    wait_option,
    which_option,
)
from dlcore.cli.output import json_option, quiet_option, show_json, tell
from dlcore.cli.results.report_tables import show_report
from dlcore.deployment import Deployment, load_deployment
from dlcore.engine.client import Client
from dlcore.engine.listeners.writer import Write, written
from dlcore.engine.outcomes import RunOutcome
from dlcore.engine.running.report import Report
from dlcore.engine.running.resume import Resume
from dlcore.engine.running.run import run_sequence
from dlcore.errors import InternalError, StepError
from dlcore.steps.interface import Executor
from dlcore.steps.post_action import DetachedPostAction
from dlcore.steps.registry import standard_executors
from dlcore.tasksequence import load


@click.command(cls=LoggedCommand)
@click.argument("sequence", type=EXISTING_FILE)
@click.option("--config", required=True, type=EXISTING_FILE, help="Deployment settings (TOML).")
@which_option
@simulate_option
@click.option(
    "--restart",
    "starts_over",
    is_flag=True,
    help="Start over at the first step, even if a run is under way. Content on disk is kept.",
)
@click.option(
    "--continue",
    "is_continue",
    is_flag=True,
    help="Go on with the run that is under way, although the task sequence or the download "
    "setting was changed; possible if the steps that have ended are the same.",
)
@deployment_trust_root_option
@state_option
@no_agent_option
@seed_option
@limit_rate_option
@wait_option
@quiet_option
@json_option
@events_options
@watching_options
@otel_option
def command(
    sequence: Path,
    config: Path,
    which: str | None,
    simulate: str | None,
    starts_over: bool,
    is_continue: bool,
    trust_root: Path | None,
    state: Path,
    is_without_agent: bool,
    seeds: tuple[Path, ...],
    cap_bytes_per_s: int | None,
    wait_s: float,
    quiet: bool,
    as_json: bool,
    events_format: str | None,
    events_file: Path | None,
    live: bool,
    metrics_port: int | None,
    otel: str | None,
) -> int:
    """Run SEQUENCE: an exported task sequence (XML, object.xml or zip).

    Refuses to start while a prerequisite is missing. If it is killed or interrupted, run it again:
    it continues at the step where it was, with the versions of packages that it began with; for
    content that is on disk it needs no network. If the task sequence was edited meanwhile, or the
    state is damaged, it ends with status 18 until --restart or --continue says what to do. Ends
    with status 15 if a step failed for good, and with 16 if a step asked for a restart of the
    machine: run it again afterwards.

    If an agent with the same deployment file owns the state directory, it has the content, and the
    steps run in this process.
    """
    if starts_over and is_continue:
        raise click.UsageError("--restart and --continue exclude each other")
    tells_events = takes_standard_output(events_format, events_file, as_json=as_json)
    resume = Resume.START_OVER if starts_over else Resume.CONTINUE if is_continue else Resume.ASK
    loaded = load(sequence, which=which)
    deployment = load_deployment(config, trust_root=trust_root).with_seeds(seeds)
    executor = _executors(deployment) if simulate is None else simulating_executor(simulate, loaded)
    post_action = DetachedPostAction(deployment.secret_variables) if simulate is None else None
    is_alone = is_without_agent or trust_root or seeds
    by_agent = None if is_alone else run_async(run_content_by_agent(config, state))
    if by_agent:
        _tell_of_agent(state, has_cap=cap_bytes_per_s is not None, quiet=quiet)
    client = Client(deployment, state, wait_s=wait_s, run_content=by_agent)
    if cap_bytes_per_s is not None:
        client.limit(cap_bytes_per_s)
    view = open_view(quiet=quiet)
    watching = Watching(live, metrics_port)
    tell_report = _tell_nothing if tells_events else _show_json if as_json else show_report
    with opened_events(events_format, events_file) as write, opened_otel(otel, tell) as trace:
        run = partial(
            run_sequence, client, loaded, executor, resume=resume, post_action=post_action
        )
        tell_address = tell if quiet else view.line
        running = _run(client, run, view, write, tell_report, watching, tell_address, trace)
        report = run_async(running)
    return tell_outcome(report)


def tell_outcome(report: Report) -> int:
    """Tell how a run ended, unless it succeeded; returns the exit status.

    Raises:
        InternalError: The run has not ended.
    """
    match report.outcome:
        case RunOutcome.SUCCEEDED:
            return 0
        case RunOutcome.FAILED:
            last = report.steps[-1]
            failed = f" ({StepError.code}): step {last.index} '{last.name}' failed: {last.why}"
            tell(failed, label="error")
            tell("  The run has ended. The same command begins a new one at the first step.")
            return StepError.exit_status
        case RunOutcome.RESTART:
            tell("Restart the machine, then run the same command again.")
            return RESTART
        case _:
            raise InternalError(f"the run was left with the outcome {report.outcome}")


def _tell_of_agent(state: Path, *, has_cap: bool, quiet: bool) -> None:
    if not quiet:
        tell(f"the content comes from the agent of {state}")
    if has_cap:
        tell(
            (
                ": --limit-rate does not limit what the agent reads: the agent has a limit of its "
                "own"
            ),
            label="warning",
        )


def _executors(deployment: Deployment) -> Executor:
    return standard_executors(deployment.secret_variables)


async def _run(
    client: Client,
    run: Callable[[], Awaitable[Report]],
    view: View,
    write: Write | None,
    tell_report: Callable[[Report], None],
    watching: Watching,
    tell_address: Callable[[str], None],
    trace: Trace,
) -> Report:
    """Run it, and tell what it came to; only then does the client forget a run that has ended."""
    told: Report | None = None
    try:
        async with client:
            try:
                async with (
                    written(client.bus, write),
                    watched(watching, client.bus, tell_address),
                    shown(client.events(), view, verbose=is_verbose()),
                ):
                    with trace(client), contextlib.closing(client.bus):
                        report = await run()
                tell_report(report)
                told = report
            except BaseException:  # whatever it is, nobody was told
                client.keep_outcome()
                raise
    except asyncio.CancelledError:
        if told is None:
            raise
        # The next run may go on behind a restart already, so the status has to ask for it.
    assert told is not None, "else this has ended with an error"
    return told


def _show_json(report: Report) -> None:
    show_json(msgspec.to_builtins(report))


def _tell_nothing(report: Report) -> None:
    """The last event has told what the run came to."""
