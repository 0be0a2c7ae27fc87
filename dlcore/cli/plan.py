"""``dlcore plan``: show a task sequence's steps, their packages, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from dlcore.cli.ending.loop import run_async
from dlcore.cli.logs import LoggedCommand
from dlcore.cli.options.paths import EXISTING_FILE
from dlcore.cli.options.state import (
    deployment_trust_root_option,
    no_agent_option,
    state_option,
    which_option,
)
from dlcore.cli.output import json_option, say, show_json, show_table, tell
from dlcore.cli.results.check_tables import show_checks
from dlcore.deployment import Check, Deployment, StepNote, failed, load_deployment
from dlcore.errors import PreflightError
from dlcore.tasksequence import (
    Foreseen,
    NotRun,
    Plan,
    PlannedStep,
    Runs,
    TaskSequence,
    default_evaluator,
    foresee,
    from_facts,
    load,
    plan_of,
    undecided,
)
from dlcore.tasksequence.step_types import PREFIX

if TYPE_CHECKING:
    from dlcore.agent.interface import PackageStatus

_REASONS = {
    NotRun.DISABLED.value: "disabled",
    NotRun.WINDOWS_PE.value: "for Windows PE",
    NotRun.CONDITION.value: "condition",
}


@click.command(cls=LoggedCommand)
@click.argument("sequence", type=EXISTING_FILE)
@click.option(
    "--config",
    type=EXISTING_FILE,
    help="Deployment settings (TOML): also check every prerequisite of a run.",
)
@which_option
@deployment_trust_root_option
@state_option
@no_agent_option
@json_option
def command(
    sequence: Path,
    config: Path | None,
    which: str | None,
    trust_root: Path | None,
    state: Path,
    is_without_agent: bool,
    as_json: bool,
) -> int:
    """Show what SEQUENCE needs: an exported task sequence (XML, object.xml or zip).

    Changes nothing. With --config it also checks every prerequisite of a run, and ends with status
    14 if a check failed; and the agent of the state directory says what is on disk, if one runs
    with the same deployment file.
    """
    loaded = load(sequence, which=which)
    deployment = load_deployment(config, trust_root=trust_root) if config else None
    planned, unrunnable = _plan(loaded, deployment, state)
    checks = run_async(_check(loaded, deployment, state)) if deployment else ()
    agents = None
    if config and not (is_without_agent or trust_root):
        from dlcore.cli.by_agent import packages_at_agent

        packages = (*planned.packages, *planned.maybe_packages)
        agents = run_async(packages_at_agent(packages, config, state))
    if as_json:
        found: dict[str, object] = {"checks": checks} if deployment else {}
        if agents is not None:
            found["agent"] = [_on_disk(each) for each in agents]
        told = {"unrunnable": [_for_programs(note) for note in unrunnable], **found}
        show_json({**msgspec.to_builtins(planned), **msgspec.to_builtins(told)})
    else:
        _show(planned)
        for note in unrunnable if not checks else ():  # else a check tells them
            say(f"step {note.index} {note.step}: cannot be run on this machine: {note.text}")
        if checks:
            say("")
            show_checks(checks)
        for each in agents or ():
            say(f"{each.package_id}, as the agent says: {_amount_on_disk(each)}")
    missing = failed(checks)
    if missing:
        names = ", ".join(check.name for check in missing)
        tell(f" ({PreflightError.code}): a run would not begin; failed: {names}", label="error")
    return PreflightError.exit_status if missing else 0


async def _check(sequence: TaskSequence, deployment: Deployment, state: Path) -> tuple[Check, ...]:
    from dlcore.engine.client import Client
    from dlcore.engine.preflight_facts import preflight
    from dlcore.steps.registry import standard_executors

    async with Client(deployment, state) as client:
        executors = standard_executors(deployment.secret_variables)
        return await preflight(client, sequence, executors)


def _plan(
    sequence: TaskSequence, deployment: Deployment | None, state: Path
) -> tuple[Plan, tuple[StepNote, ...]]:
    """The plan, and the steps that may run and that this machine cannot run.

    With settings it is the plan of a run on this machine; without them, of one on any machine.
    """
    from dlcore.engine.running.steps_overview import obstacle
    from dlcore.steps.registry import standard_executors

    executors = standard_executors(deployment.secret_variables if deployment else ())
    unrunnable: list[StepNote] = []

    def steps() -> Iterator[Foreseen]:
        for item in _foreseen(sequence, deployment, state):
            note = obstacle(item, executors, programs={})
            unrunnable.extend([note] if note else [])
            yield item

    return plan_of(sequence, steps()), tuple(unrunnable)


def _foreseen(
    sequence: TaskSequence, deployment: Deployment | None, state: Path
) -> Iterator[Foreseen]:
    if deployment is None:
        return foresee(sequence, None, undecided)
    from dlcore.engine.running.built_in_variables import initial_variables

    evaluator = from_facts(deployment.conditions.facts, default_evaluator())
    return foresee(sequence, initial_variables(sequence, deployment, state), evaluator)


def _for_programs(note: StepNote) -> dict[str, object]:
    return {"index": note.index, "name": note.step, "reason": note.text}


def _on_disk(package: PackageStatus) -> dict[str, object]:
    return {
        "package": package.package_id,
        "state": package.state.value,
        "version": package.version,
        "verified_bytes": package.verified_bytes,
        "total_bytes": package.total_bytes,
    }


def _amount_on_disk(package: PackageStatus) -> str:
    from dlcore.engine.numbers_for_people import part_of

    if package.state.value == "unknown" or package.total_bytes is None:
        return "the agent has not looked at it since it started"
    return f"{part_of(package.verified_bytes, package.total_bytes)} on disk, {package.state.value}"


def _show(planned: Plan) -> None:
    show_table(("step", "where", "runs", "name", "type", "packages"), map(_row, planned.steps))
    say("")
    say(f"packages in order of first need: {' '.join(planned.packages) or 'none'}")
    if planned.maybe_packages:
        say(f"packages that may also be needed: {' '.join(planned.maybe_packages)}")
    for step in planned.steps:
        if step.runs is not Runs.NO:
            _show_open_needs(step)
    for entry in planned.unexplained:
        program = f" (program {entry.program})" if entry.program else ""
        say(f"the sequence refers to {entry.package}{program}, but none of its steps names it")


def _row(step: PlannedStep) -> tuple[str, ...]:
    maybe = f"maybe {' '.join(step.maybe_packages)}" if step.maybe_packages else ""
    return (
        str(step.index),
        " / ".join(step.path),
        f"no: {_REASONS[step.reason]}" if step.reason else step.runs.value,
        step.name,
        step.type.removeprefix(PREFIX),
        "; ".join(filter(None, (" ".join(step.packages), maybe))),
    )


def _show_open_needs(step: PlannedStep) -> None:
    for need in step.unresolved:
        say(f"step {step.index} {step.name}: the package {need.reference}: {need.reason}")
    if step.content_note:
        say(f"step {step.index} {step.name}: {step.content_note}")
