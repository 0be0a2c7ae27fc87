"""``dlcore plan``: show a task sequence's steps, their packages, and what is missing."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from dlcore.cli.loop import run_async
from dlcore.cli.output import json_option, say, show_json, show_table
from dlcore.cli.paths import EXISTING_FILE
from dlcore.cli.state import sequence_id_option, state_option
from dlcore.deployment import Check, Deployment, load_deployment
from dlcore.tasksequence import FrozenVariables, Step, TaskSequence, load, needs, unresolved_needs
from dlcore.tasksequence.step_types import PREFIX


@click.command()
@click.argument("sequence", type=EXISTING_FILE)
@click.option(
    "--config",
    type=EXISTING_FILE,
    help="Deployment settings (TOML): also check every prerequisite of a run.",
)
@sequence_id_option
@state_option
@json_option
def command(
    sequence: Path, config: Path | None, sequence_id: str | None, state: Path, as_json: bool
) -> None:
    """Show what SEQUENCE needs: an exported task sequence (XML, object.xml or zip).

    Changes nothing, and ends with status 0 even if a prerequisite is missing.
    """
    loaded = load(sequence, package_id=sequence_id)
    deployment = load_deployment(config) if config else None
    variables = FrozenVariables(
        {**loaded.variables, **(deployment.variables if deployment else {})}
    )
    checks = run_async(_check(loaded, deployment, state)) if deployment else ()
    if as_json:
        result = _as_json(loaded, variables)
        if deployment:
            result["checks"] = msgspec.to_builtins(checks)
        show_json(result)
    else:
        _show(loaded, variables, checks)


async def _check(sequence: TaskSequence, deployment: Deployment, state: Path) -> tuple[Check, ...]:
    from dlcore.engine.client import Client
    from dlcore.engine.gather import preflight

    async with Client(deployment, state) as client:
        return await preflight(client, sequence)


def _as_json(sequence: TaskSequence, variables: FrozenVariables) -> dict[str, object]:
    return {
        "name": sequence.name,
        "package_id": sequence.package_id,
        "steps": [
            {
                "index": step.index,
                "path": list(step.path),
                "name": step.name,
                "type": step.type,
                "enabled": step.enabled,
                "packages": list(needs(step, variables)),
            }
            for step in sequence.steps
        ],
        "packages": list(_packages(sequence, variables)),
        "unresolved": [
            {"index": step.index, "name": step.name, "reference": reference}
            for step in _enabled(sequence)
            for reference in unresolved_needs(step, variables)
        ],
    }


def _show(sequence: TaskSequence, variables: FrozenVariables, checks: tuple[Check, ...]) -> None:
    show_table(
        ("step", "where", "name", "type", "packages needed"),
        (
            (
                str(step.index),
                " / ".join(step.path),
                step.name if step.enabled else f"{step.name} (disabled)",
                step.type.removeprefix(PREFIX),
                " ".join(needs(step, variables)),
            )
            for step in sequence.steps
        ),
    )
    packages = _packages(sequence, variables)
    say(f"\npackages in order of first need: {' '.join(packages) or 'none'}")
    for step in _enabled(sequence):
        for reference in unresolved_needs(step, variables):
            say(f"step {step.index} {step.name}: which package {reference} is will be known later")
    if checks:
        say("")
        rows = ((c.name, "pass" if c.passed else "FAIL", c.detail) for c in checks)
        show_table(("check", "", "found"), rows)
        for check in checks:
            if not check.passed:
                say(f"{check.name}: {check.remedy}")


def _enabled(sequence: TaskSequence) -> list[Step]:
    return [step for step in sequence.steps if step.enabled]


def _packages(sequence: TaskSequence, variables: FrozenVariables) -> tuple[str, ...]:
    found = (package for step in _enabled(sequence) for package in needs(step, variables))
    return tuple(dict.fromkeys(found))
