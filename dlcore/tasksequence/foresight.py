"""Tells of each step to come whether it will run and which packages it needs then.

    for step in foresee(sequence, variables, evaluator):
        step.runs, step.may_run, step.packages, step.maybe_packages, step.unresolved

One pass over the steps from a position, with the variables as they are now. Plan, preflight and
look-ahead use it.

Guarantees: a verdict that is not undecided comes true, and packages that are reported as certain
are needed if the step runs, as long as no program sets variables that its step's parameters do not
mention. Where such a program could make a step run that does not run otherwise, `Foreseen.may_run`
tells so. The work grows with the number of steps and the texts in them, and with nothing else.

What earlier steps may change: the variables they are known to write (``dataflow``), and
files, folders and the registry. Each step still runs or not by its condition when it is due.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from dlcore.errors import TaskSequenceError
from dlcore.tasksequence.conditions import ConditionEvaluator, Verdict
from dlcore.tasksequence.content import UnresolvedNeed
from dlcore.tasksequence.dataflow import variables_read, written_with
from dlcore.tasksequence.dynamic_rules import Assignment, DynamicRule, dynamic_rules
from dlcore.tasksequence.foreseen_conditions import ConditionForesight
from dlcore.tasksequence.foreseen_content import ForeseenContent, foresee_content
from dlcore.tasksequence.foreseen_variables import ForeseenVariables
from dlcore.tasksequence.set_variable import assignment
from dlcore.tasksequence.step_types import ANY, SET_DYNAMIC_VARIABLES, SET_VARIABLE, step_type
from dlcore.tasksequence.tree import Condition, Step, TaskSequence
from dlcore.tasksequence.variables import Variables

_FULL_OS: Final = {"_SMSTSInWinPE": "false"}  # dlcore runs nowhere else

_ONLY_VARIABLES: Final = frozenset({SET_VARIABLE, SET_DYNAMIC_VARIABLES})


class NotRun(enum.StrEnum):
    """Why a step will not run."""

    DISABLED = "disabled"
    WINDOWS_PE = "Windows PE"  # it is for Windows PE only
    CONDITION = "condition"  # its own, or that of a group around it, is false
    GROUP_FAILED = "group failed"


class Foreseen(NamedTuple):
    """What can be told of a step whose turn is still to come.

    Attributes:
        step: The step.
        runs: Whether it will run, as far as the parameters of earlier steps tell.
        may_run: Whether its turn may come at all: also true if it does not run unless a program
            of an earlier step sets a variable.
        reason: Why it will not run; None if it may.
        packages: Ids of the packages that it needs for certain if it runs, in the order of use.
        maybe_packages: Ids of others that it may need then.
        unresolved: What it names in place of a package id, and what is missing.
        variables: As they are expected when its turn comes. They change with the walk: look at
            them before the next step is asked for.
    """

    step: Step
    runs: Verdict
    may_run: bool
    reason: NotRun | None
    packages: tuple[str, ...]
    maybe_packages: tuple[str, ...]
    unresolved: tuple[UnresolvedNeed, ...]
    variables: Mapping[str, str]


def foresee(
    sequence: TaskSequence,
    variables: Mapping[str, str] | None,
    evaluator: ConditionEvaluator,
    *,
    position: int = 0,
    entered: Mapping[int, Verdict] | None = None,
    abandoned: frozenset[int] = frozenset(),
    unanswered: Verdict = Verdict.UNDECIDED,
) -> Iterator[Foreseen]:
    """Look at the steps from ``position`` on, disabled ones too.

    Args:
        sequence: The task sequence.
        variables: All that are set now. None: before a run whose settings are not known, so that
            any variable may be set but the sequence's own and those that every run has.
        evaluator: Answers the expressions that are not about variables.
        position: Index of the first step that has not ended.
        entered: Groups whose condition has been decided for good, and how.
        abandoned: Groups whose rest does not run, because a step in them failed.
        unanswered: What a condition counts as that the evaluator cannot decide.

    Raises:
        TaskSequenceError: A text becomes too long when it is expanded.
    """
    never = Verdict.FALSE if unanswered is Verdict.TRUE else unanswered
    walk = _Walk(
        sequence,
        variables,
        ConditionForesight(evaluator, unanswered),
        ConditionForesight(evaluator, never),
        entered or {},
    )
    for step in sequence.steps[position:]:
        yield walk.visit(step, is_abandoned=not abandoned.isdisjoint(step.groups))


class _Fate(NamedTuple):
    """Whether a step or group runs, and whether it may if programs set variables."""

    runs: Verdict
    may_run: bool

    def within(self, around: _Fate) -> _Fate:
        """That of a step or group inside another."""
        return _Fate(_both(around.runs, self.runs), around.may_run and self.may_run)


_RUNS: Final = _Fate(Verdict.TRUE, True)
_NEVER: Final = _Fate(Verdict.FALSE, False)


class _Walk:
    """One pass over the steps to come."""

    def __init__(
        self,
        sequence: TaskSequence,
        variables: Mapping[str, str] | None,
        conditions: ConditionForesight,
        rule_conditions: ConditionForesight,
        entered: Mapping[int, Verdict],
    ) -> None:
        self._sequence = sequence
        known = Variables({**_FULL_OS, **sequence.variables} if variables is None else variables)
        known.setdefault(*next(iter(_FULL_OS.items())))
        self._variables = ForeseenVariables(known, is_all=variables is not None)
        self._conditions = conditions
        self._rule_conditions = rule_conditions  # a rule that cannot be decided sets nothing
        self._groups = {
            index: _RUNS if verdict is Verdict.TRUE else _NEVER
            for index, verdict in entered.items()
        }
        self._disk_may_change = False

    def visit(self, step: Step, *, is_abandoned: bool) -> Foreseen:
        """Tell of one step, and take note of what it may change."""
        reason = _excluded(step, is_abandoned=is_abandoned)
        fate = _NEVER if reason else self._fate(step)
        if not (reason or fate.may_run):
            reason = NotRun.CONDITION
        content = foresee_content(step, self._variables)
        if fate.may_run:
            self._note_effects(step, content, fate.runs)
        return Foreseen(step, fate.runs, fate.may_run, reason, *content, self._variables.expected)

    def _fate(self, step: Step) -> _Fate:
        fate = _RUNS
        for index in step.groups:
            if index not in self._groups:
                self._groups[index] = self._own_fate(self._sequence.groups[index].condition)
            fate = self._groups[index].within(fate)
            if not fate.may_run:
                return _NEVER
        return self._own_fate(step.condition).within(fate)

    def _own_fate(self, condition: Condition | None) -> _Fate:
        if condition is None:
            return _RUNS
        variables = self._variables
        runs = self._foresee(condition, self._conditions)
        if runs is not Verdict.FALSE:
            return _Fate(runs, True)
        if not variables.commands_may_change(variables_read(condition)):
            return _NEVER
        with_commands = self._conditions.foresee(
            condition,
            variables.expected,
            variables.commands_may_change,
            disk_may_change=self._disk_may_change,
        )
        return _Fate(runs, with_commands is not Verdict.FALSE)

    def _foresee(self, condition: Condition | None, conditions: ConditionForesight) -> Verdict:
        return conditions.foresee(
            condition,
            self._variables.expected,
            self._variables.may_change,
            disk_may_change=self._disk_may_change,
        )

    def _note_effects(self, step: Step, content: ForeseenContent, runs: Verdict) -> None:
        known = step_type(step.type)
        if known is None or known.runs_commands:
            self._variables.run_commands()
        packages = (*content.packages, *content.maybe_packages)
        written = written_with(
            step, self._variables.expected, packages, is_open=bool(content.unresolved)
        )
        if runs is Verdict.FALSE:
            self._variables.write_perhaps(written)
            return
        rules = _rules(step, self._variables.expected)
        if rules:
            told = {item.name.upper() for rule in rules for item in rule.assignments}
            written -= told | {ANY}  # names that quote variables are looked at one by one
        self._variables.write(written)
        self._disk_may_change |= step.type not in _ONLY_VARIABLES
        for rule in rules:
            self._apply(rule, runs)

    def _apply(self, rule: DynamicRule, runs: Verdict) -> None:
        applies = _both(runs, self._foresee(rule.condition, self._rule_conditions))
        if applies is not Verdict.FALSE:
            for item in rule.assignments:
                is_certain = applies is Verdict.TRUE
                self._variables.assign(item.name, item.value, is_certain=is_certain)


def _excluded(step: Step, *, is_abandoned: bool) -> NotRun | None:
    if not step.enabled:
        return NotRun.DISABLED
    if step.is_for_windows_pe:
        return NotRun.WINDOWS_PE
    return NotRun.GROUP_FAILED if is_abandoned else None


def _rules(step: Step, variables: Mapping[str, str]) -> tuple[DynamicRule, ...]:
    """What a step sets to values that it tells, and when."""
    if step.type == SET_VARIABLE:
        name, value = assignment(step)
        return (DynamicRule(None, (Assignment(name, value),)),) if name else ()
    if step.type != SET_DYNAMIC_VARIABLES:
        return ()
    try:
        return dynamic_rules(step, variables)
    except TaskSequenceError:  # the step fails then, and says why
        return ()


def _both(one: Verdict, other: Verdict) -> Verdict:
    if Verdict.FALSE in (one, other):
        return Verdict.FALSE
    return Verdict.TRUE if one is other is Verdict.TRUE else Verdict.UNDECIDED
