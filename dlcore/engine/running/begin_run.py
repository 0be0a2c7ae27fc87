"""What a run knows when it begins, and what it learns when another process goes on."""

from __future__ import annotations

import secrets
from pathlib import Path

from dlcore.deployment import Deployment
from dlcore.engine.documents.pinned_documents import CatalogPin
from dlcore.engine.running.built_in_variables import facts_again, initial_variables, merged
from dlcore.engine.running.identity import identify
from dlcore.engine.running.state import RunState
from dlcore.machine import Machine
from dlcore.tasksequence import TaskSequence
from dlcore.waiting import in_thread


async def new_run(
    sequence: TaskSequence,
    pin: CatalogPin,
    deployment: Deployment,
    state: Path,
    machine: Machine,
    *,
    simulated: bool,
) -> RunState:
    """A run at the first step of a sequence; nothing is written.

    Args:
        sequence: What is to run.
        pin: The catalog that it begins with, which is on disk.
        deployment: Settings.
        state: The state directory.
        machine: Answers what the engine asks about the computer.
        simulated: Whether its steps are simulated.
    """
    variables = await in_thread(initial_variables, sequence, deployment, state, machine)
    run_id = secrets.token_hex(16)
    identity, download = identify(sequence), deployment.options.download
    run = RunState(identity, download, pin, {}, simulated=simulated, run_id=run_id)
    run.set_variables(variables)
    return run


async def resume_run(
    run: RunState, sequence: TaskSequence, deployment: Deployment, machine: Machine
) -> None:
    """Have a run go on in this process: it learns the facts of today.

    Args:
        run: What an earlier process has left.
        sequence: What is to run.
        deployment: Settings.
        machine: Answers what the engine asks about the computer.
    """
    run.resume()
    facts = await in_thread(facts_again, sequence, deployment, machine)
    run.set_variables(merged(run.known_variables(), facts))
