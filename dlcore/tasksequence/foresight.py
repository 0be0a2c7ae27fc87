"""Tells of each step to come whether it will run and which packages it needs then.

    for step in foresee(sequence, variables, evaluator):
        step.runs, step.may_run, step.packages, step.maybe_packages, step.unresolved

One pass over the steps from a position, with the variables as they are now. Plan, preflight and
look-ahead use it.

Guarantees: a verdict that is not undecided comes true, and packages that are reported as certain
are needed if the step runs, as long as no step fails and no program sets variables that its step's
parameters do not mention. Where a failure or such a program could make a step run that does not run
otherwise, `Foreseen.may_run` tells so. The work grows with the number of steps and the texts in
them, and with nothing else.

What earlier steps may change: the variables they are known to write (``dataflow``), and
files, folders and the registry. Each step still runs or not by its condition when it is due.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from dlcore.errors import TaskSequenceError
from dlcore.tasksequence.conditions import ConditionEvaluator, Verdict
from dlcore.tasksequence.dataflow import variables_read, written_with
from dlcore.tasksequence.dynamic_rules import Assignment, DynamicRule, dynamic_rules
from dlcore.tasksequence.foreseen_conditions import ConditionForesight
from dlcore.tasksequence.foreseen_content import ForeseenContent, foresee_content
from dlcore.tasksequence.foreseen_variables import ForeseenVariables
from dlcore.tasksequence.package_needs import UnresolvedNeed
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
        may_run: Whether its turn may come at all: also true if it does not run unless an earlier
            step fails, or a program of one sets a variable.
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
    turn: int | None = None,
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
        turn: Index of the step whose turn has come, so that it runs whatever its condition says
            now: it may have changed itself what that asks for. None: no turn has come.
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
        turn,
    )
    for step in sequence.steps[position:]:
        yield walk.visit(step, is_abandoned=not abandoned.isdisjoint(step.groups))


class _Fate(NamedTuple):
    """Whether a step or group runs; if programs set variables, whether it may, and still must."""

    runs: Verdict
    may_run: bool
    must_run: bool

    def within(self, around: _Fate) -> _Fate:
        """That of a step or group inside another."""
        return _Fate(
            _both(around.runs, self.runs),
            around.may_run and self.may_run,
            around.must_run and self.must_run,
        )


_RUNS: Final = _Fate(Verdict.TRUE, may_run=True, must_run=True)
_NEVER: Final = _Fate(Verdict.FALSE, may_run=False, must_run=False)


class _Walk:
    """One pass over the steps to come."""

    def __init__(
        self,
        sequence: TaskSequence,
        variables: Mapping[str, str] | None,
        conditions: ConditionForesight,
        rule_conditions: ConditionForesight,
        entered: Mapping[int, Verdict],
        turn: int | None,
    ) -> None:
        self._sequence = sequence
        self._turn = turn
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
        self._behind_failures: dict[int, set[str]] = {}
        """Group that continues on error -> what its steps set behind one that may fail."""

    def visit(self, step: Step, *, is_abandoned: bool) -> Foreseen:
        """Tell of one step, and take note of what it may change."""
        self._leave_groups(step)
        reason = _excluded(step, is_abandoned=is_abandoned)
        fate = _NEVER if reason else self._fate(step)
        if not (reason or fate.may_run):
            reason = NotRun.CONDITION
        content = foresee_content(step, self._variables)
        if fate.may_run:
            self._note_effects(step, content, fate)
        return Foreseen(step, fate.runs, fate.may_run, reason, *content, self._variables.expected)

    def _leave_groups(self, step: Step) -> None:
        """What a group sets that the sequence has left is not set if a step before it failed."""
        for index in self._behind_failures.keys() - set(step.groups):
            self._variables.write_perhaps(self._behind_failures.pop(index))

    def _fate(self, step: Step) -> _Fate:
        if step.index == self._turn:
            return _RUNS
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
        runs = self._foresee(condition, self._conditions)
        with_commands = self._with_commands(condition, self._conditions, runs)
        may_run = Verdict.FALSE is not runs or Verdict.FALSE is not with_commands
        return _Fate(runs, may_run, must_run=with_commands is Verdict.TRUE)

    def _foresee(self, condition: Condition | None, conditions: ConditionForesight) -> Verdict:
        return conditions.foresee(
            condition,
            self._variables.expected,
            self._variables.may_change,
            disk_may_change=self._disk_may_change,
        )

    def _with_commands(
        self, condition: Condition | None, conditions: ConditionForesight, without: Verdict
    ) -> Verdict:
        """What becomes of a verdict if programs may set variables."""
        variables = self._variables
        is_open = without is Verdict.UNDECIDED
        if is_open or not variables.commands_may_change(variables_read(condition)):
            return without
        return conditions.foresee(
            condition,
            variables.expected,
            variables.commands_may_change,
            disk_may_change=self._disk_may_change,
        )

    def _note_effects(self, step: Step, content: ForeseenContent, fate: _Fate) -> None:
        known = step_type(step.type)
        if known is None or known.runs_commands:
            self._variables.run_commands()
        packages = (*content.packages, *content.maybe_packages)
        written = written_with(
            step, self._variables.expected, packages, is_open=bool(content.unresolved)
        )
        self._note_failure(step, written)
        if fate.runs is Verdict.FALSE:
            self._variables.write_perhaps(written)
            return
        rules = _rules(step, self._variables.expected)
        if rules:
            told = {item.name.upper() for rule in rules for item in rule.assignments}
            written -= told | {ANY}  # names that quote variables are looked at one by one
        self._variables.write(written)
        self._disk_may_change |= step.type not in _ONLY_VARIABLES
        for rule in rules:
            self._apply(rule, fate)

    def _note_failure(self, step: Step, written: frozenset[str]) -> None:
        """Take note of what is not set if this step, or an earlier one of its groups, fails."""
        groups = self._sequence.groups
        behind = next((i for i in reversed(step.groups) if groups[i].continue_on_error), None)
        if behind is not None and step.type != SET_VARIABLE and not step.continue_on_error:
            self._behind_failures.setdefault(behind, set())
        for index in self._behind_failures.keys() & set(step.groups):
            self._behind_failures[index] |= written

    def _apply(self, rule: DynamicRule, fate: _Fate) -> None:
        holds = self._foresee(rule.condition, self._rule_conditions)
        applies = _both(fate.runs, holds)
        with_commands = self._with_commands(rule.condition, self._rule_conditions, holds)
        is_sure = fate.must_run and with_commands is Verdict.TRUE
        is_certain = applies is Verdict.TRUE
        for item in rule.assignments:
            name, value = item.name, item.value
            if applies is not Verdict.FALSE:
                self._variables.assign(name, value, is_certain=is_certain, is_sure=is_sure)
            elif with_commands is not Verdict.FALSE:
                self._variables.write_perhaps({ANY if "%" in name else name.upper()})


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
