"""The step types that are documented and not run."""

from __future__ import annotations

import pytest

from dlcore.steps.interface import CANNOT_RUN, Job, Outcome
from dlcore.steps.refused import REFUSALS, refusing_executors
from dlcore.steps.registry import standard_executors
from dlcore.tasksequence import Step, Variables
from dlcore.tasksequence.step_types import (
    DOWNLOAD_CONTENT,
    SET_DYNAMIC_VARIABLES,
    SET_VARIABLE,
    STEP_TYPES,
)

OWN = {DOWNLOAD_CONTENT, SET_DYNAMIC_VARIABLES, SET_VARIABLE}


@pytest.mark.parametrize("kind", sorted(REFUSALS))
async def test_a_refused_step_says_why_and_what_to_do(kind: str) -> None:
    """Fault: a step is of a type that dlcore does not run. It says why and what to do instead."""
    executor = refusing_executors()[kind]
    step = Step(0, "step", kind)
    reason = executor.obstacle(step, {})
    assert "; " in reason
    assert not reason.endswith(".")
    assert await executor.run(Job(step, Variables())) == Outcome(CANNOT_RUN, message=reason)


@pytest.mark.parametrize("kind", sorted({known.name for known in STEP_TYPES} - OWN))
def test_every_documented_type_has_an_executor_or_a_reason(kind: str) -> None:
    obstacle = standard_executors().obstacle(Step(0, "step", kind), {})
    assert "no executor is installed" not in obstacle


def test_what_is_run_is_not_refused() -> None:
    assert not OWN & REFUSALS.keys()
