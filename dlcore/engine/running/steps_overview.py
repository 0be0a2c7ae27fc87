"""Looks over the steps before a run: which may run, what they need, and which cannot be run.

Guarantees: no I/O but what the evaluator and the executor look up on this machine. A step that
is disabled or for Windows PE counts for nothing. One whose condition is false and stays so counts
for its packages only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from dlcore.deployment import Need, StepNote, UnresolvedNeed
from dlcore.engine.running.condition_judge import Judge
from dlcore.engine.running.own_step_rules import is_own, own_obstacle
from dlcore.steps.install_package import unpublished
from dlcore.steps.interface import Executor
from dlcore.tasksequence import (
    Foreseen,
    NotRun,
    Step,
    TaskSequence,
    content_note,
    foresee,
    unexplained,
)
from dlcore.tasksequence.step_types import SUBSEQUENCE, SUBSEQUENCE_ID


class Overview(NamedTuple):
    """What can be told of all steps.

    Attributes:
        needs: Packages of steps that are neither disabled nor for Windows PE, in order of first
            need; those that only the reference list has come last.
        unresolved: What steps that may run name in place of a package id.
        missing_children: Steps that may run a task sequence which the export lacks.
        untold: Steps that may run and whose content the sequence does not tell.
        unexplained: Ids in the reference list that no step names.
    """

    needs: tuple[Need, ...]
    unresolved: tuple[UnresolvedNeed, ...]
    missing_children: tuple[StepNote, ...]
    untold: tuple[StepNote, ...]
    unexplained: tuple[str, ...]


def look_over(sequence: TaskSequence, variables: Mapping[str, str], judge: Judge) -> Overview:
    """Foresee a run that begins at the first step.

    Args:
        sequence: The task sequence.
        variables: All that are set before the first step.
        judge: Decides conditions.

    Raises:
        TaskSequenceError: A text becomes too long when it is expanded.
    """
    foreseen = tuple(_walk(sequence, variables, judge))
    usable = [i for i in foreseen if i.reason not in (NotRun.DISABLED, NotRun.WINDOWS_PE)]
    expected = [item for item in foreseen if item.may_run]
    named = [p for item in foreseen for p in (*item.packages, *item.maybe_packages)]
    listed = tuple(entry.package for entry in unexplained(sequence, named))
    return Overview(
        (*_needs(usable), *(Need(package, "", is_certain=False) for package in listed)),
        tuple(
            UnresolvedNeed(item.step.name, need.reference)
            for item in expected
            for need in item.unresolved
        ),
        tuple(_note(i.step, _child(i.step)) for i in expected if i.step.type == SUBSEQUENCE),
        tuple(
            _note(item.step, note)
            for item in expected
            if item.step.type != SUBSEQUENCE and (note := content_note(item.step))
        ),
        listed,
    )


def obstacles(
    sequence: TaskSequence,
    variables: Mapping[str, str],
    judge: Judge,
    executor: Executor,
    programs: Mapping[str, Mapping[str, str]],
) -> tuple[StepNote, ...]:
    """Why steps that may run cannot be run on this machine.

    Args:
        sequence: The task sequence.
        variables: All that are set before the first step.
        judge: Decides conditions.
        executor: What is to run the steps. The engine runs some of them itself.
        programs: As for `obstacle`.

    Raises:
        TaskSequenceError: A text becomes too long when it is expanded.
    """
    found = (obstacle(item, executor, programs) for item in _walk(sequence, variables, judge))
    return tuple(note for note in found if note)


def obstacle(
    foreseen: Foreseen, executor: Executor, programs: Mapping[str, Mapping[str, str]]
) -> StepNote | None:
    """Why a step that may run cannot be run on this machine; None if it can.

    It is looked at with the variables that are expected when its turn comes: an earlier step may
    override what it does. A child sequence that the export lacks is left out.

    Args:
        foreseen: The step, while the walk over the sequence stands at it.
        executor: What is to run it. The engine runs some steps itself.
        programs: What was published with packages: package id -> name -> command line. Other
            packages are left out.
    """
    step, expected = foreseen.step, foreseen.variables
    if not foreseen.may_run or step.type == SUBSEQUENCE:
        return None
    if is_own(step):
        why = own_obstacle(step, expected)
    else:
        why = executor.obstacle(step, expected) or unpublished(step, expected, programs)
    return _note(step, why) if why else None


def _walk(sequence: TaskSequence, variables: Mapping[str, str], judge: Judge) -> Iterator[Foreseen]:
    return foresee(sequence, variables, judge.evaluator, unanswered=judge.foreseen())


def _needs(usable: Iterable[Foreseen]) -> Iterable[Need]:
    for item in usable:
        yield from (Need(package, item.step.name) for package in item.packages)
        for package in item.maybe_packages:
            yield Need(package, item.step.name, is_certain=False)


def _child(step: Step) -> str:
    return step.variables.get(SUBSEQUENCE_ID, "").strip() or "it names none"


def _note(step: Step, text: str) -> StepNote:
    return StepNote(step.index, step.name, text)
