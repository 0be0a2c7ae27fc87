"""The option ``--simulate``: seconds for each step, or a file that says more."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import click
import msgspec

from dlcore.deployment import toml_tables as tables
from dlcore.errors import ConfigError
from dlcore.plain_files import read_plain
from dlcore.printable import quoted
from dlcore.steps.simulation import SimulatingExecutor
from dlcore.tasksequence import TaskSequence

simulate_option = click.option(
    "--simulate",
    metavar="SECONDS|FILE",
    help="Execute no step, but fetch and verify content: spend this number of seconds on each "
    "step, or what a TOML file says: default_s, and by step name [durations_s], [exit_codes] and "
    '[sets."NAME"]. Variables are set as such a step would set them if it succeeded.',
)


_SHOWN_NAME_CHARACTERS = 100
MAX_STEP_S = 31_536_000  # a year: nobody waits for longer, and it is not infinite
Seconds = Annotated[float, msgspec.Meta(ge=0, le=MAX_STEP_S)]


class Simulation(msgspec.Struct, frozen=True):
    """What a simulation file says; steps are listed by name.

    Attributes:
        default_s: Seconds for steps that are not listed.
        durations_s: Seconds of the others.
        exit_codes: Other than 0.
        sets: Variables that a step sets at its end; an empty value removes one.
    """

    default_s: Seconds = 0.0
    durations_s: dict[str, Seconds] = {}
    exit_codes: dict[str, int] = {}
    sets: dict[str, dict[str, str]] = {}


def simulating_executor(told: str, sequence: TaskSequence) -> SimulatingExecutor:
    """The executor that the option asks for.

    Args:
        told: A number of seconds, or the path of a file.
        sequence: What is to be simulated.

    Raises:
        ConfigError: It is neither, or the file has values that cannot be used, or it names steps
            that the sequence does not have: all of them are named.
    """
    with contextlib.suppress(ValueError):
        return SimulatingExecutor(default_s=_checked_s(float(told)))
    simulation = _read(Path(told))
    _check_names(simulation, sequence, f"--simulate: {told}")
    return SimulatingExecutor(
        simulation.durations_s,
        default_s=simulation.default_s,
        exit_codes=simulation.exit_codes,
        sets=simulation.sets,
    )


def _checked_s(default_s: float) -> float:
    if not 0 <= default_s <= MAX_STEP_S:
        raise ConfigError(
            f"--simulate: {default_s} is not a duration", remedy=f"Give seconds, 0 to {MAX_STEP_S}."
        )
    return default_s


def _check_names(simulation: Simulation, sequence: TaskSequence, where: str) -> None:
    named = {*simulation.durations_s, *simulation.exit_codes, *simulation.sets}
    missing = sorted(named - {step.name for step in sequence.steps})
    if missing:
        told = ", ".join(quoted(name[:_SHOWN_NAME_CHARACTERS]) for name in missing)
        raise ConfigError(
            f"{where}: the task sequence has no step of this name: {told}",
            remedy="Write each name as the task sequence has it, with capitals and spaces.",
        )


def _read(path: Path) -> Simulation:
    try:
        text = read_plain(path, tables.MAX_TOML_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"--simulate: {path} is neither a number nor a readable file: {error.strerror}",
            remedy="Give seconds for each step, or a TOML file.",
        ) from error
    where = f"--simulate: {path}"
    return tables.build(Simulation, tables.parse(text, where), where)
