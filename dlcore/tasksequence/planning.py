"""What a task sequence needs, told from its export and the variables known beforehand."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from dlcore.tasksequence.content import needs, unresolved_needs
from dlcore.tasksequence.tree import Step, TaskSequence
from dlcore.tasksequence.variables import FrozenVariables


class PlannedStep(msgspec.Struct, frozen=True):
    """A step and what it needs.

    Attributes:
        index: Place in the sequence, from 0.
        path: Names of the groups around it, outermost first.
        name: As the author named it.
        type: ``SMS_TaskSequence_RunCommandLineAction`` and so on.
        enabled: Neither the step nor any group around it is disabled.
        packages: Ids of the packages it needs, in the order in which it uses them.
    """

    index: int
    path: tuple[str, ...]
    name: str
    type: str
    enabled: bool
    packages: tuple[str, ...]


class Unresolved(msgspec.Struct, frozen=True):
    """A need of an enabled step whose package is not known beforehand.

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


class Plan(msgspec.Struct, frozen=True):
    """What a task sequence needs.

    Attributes:
        name: Of the sequence; empty if the export does not tell.
        package_id: Of the sequence; empty if the export does not tell.
        steps: All steps in order of execution, disabled ones too.
        packages: Ids of the packages that enabled steps need, in order of first need.
        unresolved: Needs of enabled steps that only the run will resolve.
    """

    name: str
    package_id: str
    steps: tuple[PlannedStep, ...]
    packages: tuple[str, ...]
    unresolved: tuple[Unresolved, ...]


def plan(sequence: TaskSequence, variables: Mapping[str, str] | None = None) -> Plan:
    """Tell what a task sequence needs. Conditions are not looked at: only the run decides them.

    Args:
        sequence: The task sequence.
        variables: Set before the first step, such as a deployment's ``variables``.
    """
    known = FrozenVariables({**sequence.variables, **(variables or {})})
    enabled = [step for step in sequence.steps if step.enabled]
    return Plan(
        name=sequence.name,
        package_id=sequence.package_id,
        steps=tuple(_planned(step, known) for step in sequence.steps),
        packages=tuple(dict.fromkeys(p for step in enabled for p in needs(step, known))),
        unresolved=tuple(
            Unresolved(step.index, step.name, need.reference, need.variables)
            for step in enabled
            for need in unresolved_needs(step, known)
        ),
    )


def _planned(step: Step, known: FrozenVariables) -> PlannedStep:
    return PlannedStep(
        step.index, step.path, step.name, step.type, step.enabled, needs(step, known)
    )
