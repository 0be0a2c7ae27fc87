"""``dlcore plan``: show a task sequence's steps, their packages, and what is missing."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from dlcore.cli.loop import run_async
from dlcore.cli.output import json_option, show_json, show_table
from dlcore.cli.state import state_option
from dlcore.tasksequence import FrozenVariables, Step, TaskSequence, load, needs, unresolved_needs
from dlcore.tasksequence.deployment import Deployment, load_deployment
from dlcore.tasksequence.preflight import Check


@click.command()
@click.argument("sequence", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Deployment settings (TOML): also check every prerequisite.",
)
@click.option("--sequence-id", help="Which task sequence of an export that holds several.")
@state_option
@json_option
def command(
    sequence: Path, config: Path | None, sequence_id: str | None, state: Path, as_json: bool
) -> None:
    """Show what SEQUENCE needs: an exported task sequence (XML, object.xml or zip)."""
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
    from dlcore.engine import Client, preflight

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
                step.type.removeprefix("SMS_TaskSequence_"),
                " ".join(needs(step, variables)),
            )
            for step in sequence.steps
        ),
    )
    packages = _packages(sequence, variables)
    click.echo(f"\npackages in order of first need: {' '.join(packages) or 'none'}")
    if checks:
        click.echo()
        rows = (
            (check.name, "pass" if check.passed else "FAIL", check.detail, check.remedy)
            for check in checks
        )
        show_table(("check", "", "found", "remedy"), rows)


def _enabled(sequence: TaskSequence) -> list[Step]:
    return [step for step in sequence.steps if step.enabled]


def _packages(sequence: TaskSequence, variables: FrozenVariables) -> tuple[str, ...]:
    found = (package for step in _enabled(sequence) for package in needs(step, variables))
    return tuple(dict.fromkeys(found))
