"""``dlcore plan``: show a task sequence's steps, their packages, and what is missing."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from dlcore.cli.logs import LoggedCommand
from dlcore.cli.loop import run_async
from dlcore.cli.output import json_option, say, show_json, show_table
from dlcore.cli.paths import EXISTING_FILE
from dlcore.cli.state import state_option, trust_root_option, which_option
from dlcore.deployment import Check, CheckOutcome, Deployment, load_deployment
from dlcore.tasksequence import Plan, TaskSequence, load, plan
from dlcore.tasksequence.step_types import PREFIX

_OUTCOMES = {
    CheckOutcome.PASSED: "pass",
    CheckOutcome.FAILED: "FAIL",
    CheckOutcome.WARNING: "warning",
    CheckOutcome.NOT_EXAMINED: "not examined",
    CheckOutcome.DOES_NOT_APPLY: "does not apply",
}


@click.command(cls=LoggedCommand)
@click.argument("sequence", type=EXISTING_FILE)
@click.option(
    "--config",
    type=EXISTING_FILE,
    help="Deployment settings (TOML): also check every prerequisite of a run.",
)
@which_option
@trust_root_option
@state_option
@json_option
def command(
    sequence: Path,
    config: Path | None,
    which: str | None,
    trust_root: Path | None,
    state: Path,
    as_json: bool,
) -> None:
    """Show what SEQUENCE needs: an exported task sequence (XML, object.xml or zip).

    Changes nothing, and ends with status 0 even if a prerequisite is missing.
    """
    loaded = load(sequence, which=which)
    deployment = load_deployment(config, trust_root=trust_root) if config else None
    planned = plan(loaded, deployment.variables if deployment else None)
    checks = run_async(_check(loaded, deployment, state)) if deployment else ()
    if as_json:
        found = {"checks": msgspec.to_builtins(checks)} if deployment else {}
        show_json({**msgspec.to_builtins(planned), **found})
    else:
        _show(planned)
        _show_checks(checks)


async def _check(sequence: TaskSequence, deployment: Deployment, state: Path) -> tuple[Check, ...]:
    from dlcore.engine.client import Client
    from dlcore.engine.gather import preflight

    async with Client(deployment, state) as client:
        return await preflight(client, sequence)


def _show(planned: Plan) -> None:
    show_table(
        ("step", "where", "name", "type", "packages needed"),
        (
            (
                str(step.index),
                " / ".join(step.path),
                step.name if step.enabled else f"{step.name} (disabled)",
                step.type.removeprefix(PREFIX),
                " ".join(step.packages),
            )
            for step in planned.steps
        ),
    )
    say("")
    say(f"packages in order of first need: {' '.join(planned.packages) or 'none'}")
    for need in planned.unresolved:
        say(f"step {need.index} {need.name}: the package of {need.reference} is not known yet")


def _show_checks(checks: tuple[Check, ...]) -> None:
    if not checks:
        return
    say("")
    rows = ((check.name, _OUTCOMES[check.outcome], check.detail) for check in checks)
    show_table(("check", "", "found"), rows)
    for check in checks:
        if check.remedy:
            say(f"{check.name}: {check.remedy}")
