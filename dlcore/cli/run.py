"""``dlcore run``: run a task sequence, each step's content arriving just in time."""

from __future__ import annotations

import tomllib
from pathlib import Path

import click
import msgspec

from dlcore.cli.loop import run_async
from dlcore.cli.output import json_option, quiet_option, show_json
from dlcore.cli.progress import open_view, shown
from dlcore.cli.report import show_report
from dlcore.cli.state import state_option, wait_option
from dlcore.engine import (
    Client,
    CommandExecutor,
    Executor,
    Report,
    SimulatingExecutor,
    run_sequence,
)
from dlcore.errors import ConfigError, StepError
from dlcore.tasksequence import TaskSequence, load
from dlcore.tasksequence.deployment import Deployment, load_deployment

RESTART = 16  # a step asked for a restart: run again to go on


@click.command()
@click.argument("sequence", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--config",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Deployment settings (TOML).",
)
@click.option("--sequence-id", help="Which task sequence of an export that holds several.")
@click.option(
    "--simulate",
    metavar="SECONDS|FILE",
    help="Execute nothing: spend so many seconds on each step, or what a TOML file says.",
)
@state_option
@wait_option
@quiet_option
@json_option
def command(
    sequence: Path,
    config: Path,
    sequence_id: str | None,
    simulate: str | None,
    state: Path,
    wait_s: float,
    quiet: bool,
    as_json: bool,
) -> int:
    """Run SEQUENCE: an exported task sequence (XML, object.xml or zip).

    Refuses to start while a prerequisite is missing. Killed or interrupted, it goes on at the
    step where it was when it is run again.
    """
    loaded = load(sequence, package_id=sequence_id)
    executor = _executor(simulate)
    report = run_async(_run(loaded, load_deployment(config), executor, state, wait_s, quiet))
    if as_json:
        show_json(msgspec.to_builtins(report))
    else:
        show_report(report)
    return {"failed": StepError.exit_status, "restart": RESTART}.get(report.outcome, 0)


async def _run(
    sequence: TaskSequence,
    deployment: Deployment,
    executor: Executor,
    state: Path,
    wait_s: float,
    quiet: bool,
) -> Report:
    async with (
        Client(deployment, state, wait_s=wait_s) as client,
        shown(client.events(), open_view(quiet=quiet)),
    ):
        return await run_sequence(client, sequence, executor)


class Simulation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a simulation file says; steps go by their names.

    Attributes:
        default_s: Seconds for steps that are not listed.
        durations_s: Seconds of the others.
        exit_codes: Other than 0.
        sets: Variables that a step sets at its end.
    """

    default_s: float = 0.0
    durations_s: dict[str, float] = {}
    exit_codes: dict[str, int] = {}
    sets: dict[str, dict[str, str]] = {}


def _executor(simulate: str | None) -> Executor:
    if simulate is None:
        return CommandExecutor()
    try:
        return SimulatingExecutor(default_s=max(0.0, float(simulate)))
    except ValueError:
        told = _simulation(Path(simulate))
    return SimulatingExecutor(
        told.durations_s,
        default_s=told.default_s,
        exit_codes=told.exit_codes,
        sets=told.sets,
    )


def _simulation(path: Path) -> Simulation:
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Simulation)
    except OSError as error:
        raise ConfigError(
            f"--simulate: {path} is neither a number nor a readable file: {error.strerror}",
            remedy="Give seconds for each step, or a TOML file.",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(
            f"--simulate: {path}: {error}",
            remedy='It may say default_s, [durations_s], [exit_codes] and [sets."step name"].',
        ) from error
