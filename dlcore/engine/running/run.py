"""A whole run: preflight, the steps with an executor, and the report at the end."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from dlcore.deployment import failed, render
from dlcore.engine.client import Client
from dlcore.engine.events import RunSimulated
from dlcore.engine.preflight_facts import preflight
from dlcore.engine.running.report import Report
from dlcore.engine.running.resume import Resume
from dlcore.engine.running.session import Session
from dlcore.engine.running.step_content import STOPPING
from dlcore.engine.running.steps_overview import obstacle
from dlcore.errors import (
    DlcoreError,
    PreflightError,
    StepError,
    UnexpectedContentError,
)
from dlcore.steps.interface import CANNOT_RUN, Executor, Outcome
from dlcore.steps.post_action import PostAction
from dlcore.steps.simulation import SimulatingExecutor
from dlcore.tasksequence import Step, TaskSequence, load
from dlcore.waiting import in_thread


async def run_sequence(
    client: Client,
    sequence: TaskSequence | Path,
    executor: Executor,
    *,
    resume: Resume = Resume.ASK,
    post_action: PostAction | None = None,
) -> Report:
    """Check the prerequisites, run a task sequence, and report what it came to.

    A run that was under way in the state directory goes on at the step where it was, with the
    catalog that it began with. Its prerequisites were checked when it began, and are not checked
    again: what is on disk needs no network. Only if ``resume`` says to go on although the task
    sequence was edited, its other steps are looked at: each must be one that can be run here.

    Args:
        client: Open.
        sequence: The task sequence, or the file it was exported to.
        executor: Runs the steps. A `dlcore.SimulatingExecutor` makes the whole run a simulation,
            and the report says so.
        resume: What to do with a run that is under way.
        post_action: Starts what the task sequence leaves behind when it has ended, once the client
            is closed; None: nothing is started.

    Returns:
        The figures; ``outcome`` is ``failed`` if a step failed for good.

    Raises:
        LockedError: Another process holds the state directory or runs a sequence there; the message
            says which.
        AgentError: The content comes from an agent that cannot be reached; run again to go on.
        PreflightError: A prerequisite is missing; nothing was run, or nothing more.
        StorageError: The local disk failed, or is full; run again to go on.
        RunStateError: A run is under way that cannot go on without a decision, or for which a
            package is not available any more.
    """
    if isinstance(sequence, Path):
        sequence = load(sequence)
    await client.hold_run()
    simulated = isinstance(executor, SimulatingExecutor)
    is_new = not await client.is_under_way(sequence, resume, simulated=simulated)
    missing = failed(await preflight(client, sequence, executor)) if is_new else []
    if missing:
        raise PreflightError(
            f"nothing was run, because prerequisites are missing:\n{render(missing)}",
            missing=tuple(check.name for check in missing),
            remedy="Correct all of them and run again.",
        )
    session = await client.session(
        sequence, resume=resume, post_action=post_action, simulated=simulated
    )
    if resume is Resume.CONTINUE:
        await in_thread(_refuse_obstacles, session, executor)
    if simulated:
        client.bus.emit(RunSimulated())
    with contextlib.suppress(StepError):  # the report says so
        async with contextlib.aclosing(session.run_steps()) as steps:
            async for step in steps:
                await _run(session, step, executor)
    return session.report()


def _refuse_obstacles(session: Session, executor: Executor) -> None:
    """Look at the steps to come, which may have been edited since the run began.

    Raises:
        PreflightError: Some cannot be run on this machine; nothing more was run.
    """
    found = (obstacle(item, executor, programs={}) for item in session.upcoming())
    listed = "; ".join(f'step {n.index} "{n.step}": {n.text}' for n in found if n)
    if listed:
        raise PreflightError(
            f"the run does not go on, because this machine cannot run {listed}",
            missing=("unrunnable-steps",),
            remedy="Correct these steps and run again with --continue; what has run stays done.",
        )


async def _run(session: Session, step: Step, executor: Executor) -> None:
    """Run one step whose turn has come, once."""
    try:
        job = await session.job(step)
        await asyncio.sleep(0)  # listeners hear that the step starts before it says anything
        outcome, is_final = await executor.run(job), False
    except STOPPING:
        raise
    except DlcoreError as error:  # its content or parameters cannot be used: no retry helps
        why = error.message
        if isinstance(error, UnexpectedContentError):  # only a person can put it right
            why = f"{why}. {error.remedy.removesuffix('.')}"
        outcome, is_final = Outcome(CANNOT_RUN, message=why), True
    await session.completed(step, outcome, is_final=is_final)
