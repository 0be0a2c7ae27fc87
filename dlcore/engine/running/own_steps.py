"""The steps that the engine runs itself, whatever runs the others."""

from __future__ import annotations

from dlcore.engine.delivery.deliveries import Deliveries
from dlcore.engine.running.download_step import PackagesOrErrors, download_content
from dlcore.engine.running.dynamic_variables_step import set_dynamic_variables
from dlcore.machine import Machine
from dlcore.steps.interface import Outcome
from dlcore.tasksequence import (
    ConditionEvaluator,
    Step,
    Variables,
    assignment,
    is_download,
    is_hidden,
)
from dlcore.tasksequence.set_variable import set_variable
from dlcore.tasksequence.step_types import SET_DYNAMIC_VARIABLES


async def run_own_step(
    step: Step,
    variables: Variables,
    arrived: PackagesOrErrors,
    deliveries: Deliveries,
    evaluator: ConditionEvaluator,
    machine: Machine,
) -> Outcome:
    """Run a step for which `is_own` is true.

    Args:
        step: The step.
        variables: Task sequence variables, to be read and set.
        arrived: What became of each of its packages.
        deliveries: Knows which copies of packages are dlcore's own.
        evaluator: Decides the conditions of rules, where they are not about variables.
        machine: The machine that this runs on.

    Raises:
        ConfigError: The step's parameters cannot be used.
        TaskSequenceError: The step's rules cannot be read.
        StorageError: The local disk failed.
    """
    if is_download(step):
        return await download_content(step, variables, arrived, deliveries)
    if step.type == SET_DYNAMIC_VARIABLES:
        return await set_dynamic_variables(step, variables, evaluator, machine)
    name, value = assignment(step)
    if name:
        name = variables.expand(name).strip()
        if is_hidden(step):
            variables.mark_secret(name)
        set_variable(variables, name, variables.expand(value))
    return Outcome()
