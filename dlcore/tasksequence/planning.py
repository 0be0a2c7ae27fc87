"""What a task sequence needs, told from its export and the variables known beforehand."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping

import msgspec

from dlcore.tasksequence.conditions import ConditionEvaluator, Verdict
from dlcore.tasksequence.evaluators import undecided
from dlcore.tasksequence.foresight import Foreseen, foresee
from dlcore.tasksequence.package_needs import UnresolvedNeed, content_note
from dlcore.tasksequence.reference_list import unexplained
from dlcore.tasksequence.tree import TaskSequence


class Runs(enum.StrEnum):
    """Whether a step will run."""

    YES = "yes"
    NO = "no"
    UNDECIDED = "undecided"


class PlannedStep(msgspec.Struct, frozen=True):
    """A step and what it needs.

    Attributes:
        index: Place in the sequence, from 0.
        path: Names of the groups around it, outermost first.
        name: As the author named it.
        type: ``SMS_TaskSequence_RunCommandLineAction`` and so on.
        enabled: Neither the step nor any group around it is disabled.
        runs: Whether it will run, as far as that is known beforehand. Undecided, too, if it
            runs only if an earlier step fails, or if a program of one sets a variable.
        reason: Why it will not run: ``disabled``, ``Windows PE``, ``condition``; empty if it may.
        packages: Ids of the packages it needs, in the order in which it uses them.
        maybe_packages: Ids of packages that it may need besides.
        unresolved: What it names in place of a package id.
        content_note: Why its content, or some of it, cannot be told from the sequence alone, and
            what would be needed; empty if it can be told.
    """

    index: int
    path: tuple[str, ...]
    name: str
    type: str
    enabled: bool
    runs: Runs
    reason: str
    packages: tuple[str, ...]
    maybe_packages: tuple[str, ...]
    unresolved: tuple[UnresolvedNeed, ...]
    content_note: str


class Unresolved(msgspec.Struct, frozen=True):
    """A need of a step that may run, whose package is not known beforehand.

    Attributes:
        index: Of the step.
        name: Of the step.
        reference: What stands in place of a package id: ``%IMAGE%``, ``DRIVERS001``.
        variables: Names of the variables in it that are not known beforehand.
    """

    index: int
    name: str
    reference: str
    variables: tuple[str, ...] = ()


class Unexplained(msgspec.Struct, frozen=True):
    """A package of the sequence's reference list that no step names.

    Attributes:
        package: Its id.
        program: As the list says; empty if it says nothing.
    """

    package: str
    program: str


class Plan(msgspec.Struct, frozen=True):
    """What a task sequence needs.

    Attributes:
        name: Of the sequence; empty if the export does not tell.
        package_id: Of the sequence; empty if the export does not tell.
        steps: All steps in order of execution, disabled ones too.
        packages: Ids of the packages of steps that may run, in order of first need.
        maybe_packages: Ids of others that these steps may need.
        unresolved: Needs of these steps that only the run will resolve.
        unexplained: Packages that the sequence says it refers to and that none of its steps names.
    """

    name: str
    package_id: str
    steps: tuple[PlannedStep, ...]
    packages: tuple[str, ...]
    maybe_packages: tuple[str, ...]
    unresolved: tuple[Unresolved, ...]
    unexplained: tuple[Unexplained, ...]


def plan(
    sequence: TaskSequence,
    variables: Mapping[str, str] | None = None,
    evaluator: ConditionEvaluator = undecided,
) -> Plan:
    """Tell what a task sequence needs, and which steps will run.

    Args:
        sequence: The task sequence.
        variables: Set before the first step, such as a deployment's ``variables``. None: they are
            not known, so what depends on them is undecided.
        evaluator: Answers what conditions ask of the machine, such as `default_evaluator`.

    Raises:
        TaskSequenceError: A text becomes too long when it is expanded.
    """
    known = None if variables is None else {**sequence.variables, **variables}
    return plan_of(sequence, foresee(sequence, known, evaluator))


def plan_of(sequence: TaskSequence, foreseen: Iterable[Foreseen]) -> Plan:
    """The plan that a walk over all steps gives; see `plan`."""
    steps = tuple(foreseen)
    expected = [step for step in steps if step.may_run]
    packages = dict.fromkeys(p for step in expected for p in step.packages)
    maybe = dict.fromkeys(p for step in expected for p in step.maybe_packages)
    named = [p for step in steps for p in (*step.packages, *step.maybe_packages)]
    return Plan(
        name=sequence.name,
        package_id=sequence.package_id,
        steps=tuple(map(_planned, steps)),
        packages=tuple(packages),
        maybe_packages=tuple(p for p in maybe if p not in packages),
        unresolved=tuple(
            Unresolved(step.step.index, step.step.name, need.reference, need.variables)
            for step in expected
            for need in step.unresolved
        ),
        unexplained=tuple(
            Unexplained(entry.package, entry.program) for entry in unexplained(sequence, named)
        ),
    )


def _planned(foreseen: Foreseen) -> PlannedStep:
    step = foreseen.step
    return PlannedStep(
        step.index,
        step.path,
        step.name,
        step.type,
        step.enabled,
        _runs(foreseen),
        foreseen.reason or "",
        foreseen.packages,
        foreseen.maybe_packages,
        foreseen.unresolved,
        content_note(step),
    )


def _runs(foreseen: Foreseen) -> Runs:
    if foreseen.runs is Verdict.TRUE:
        return Runs.YES
    return Runs.UNDECIDED if foreseen.may_run else Runs.NO
