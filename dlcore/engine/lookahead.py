"""What will be needed, in which order, as far as it can be told now.

Walks the steps that are still to come with the variables as they are now. A condition that no
earlier step can still change decides early: content of a step that will not run is never
asked for. What cannot be told yet is fetched last, and only when the link is idle.

What earlier steps may change: the variables they are known to write (`variables_written`), and
files, folders and the registry. Hardware, as WMI tells it, is taken not to change. A script may
break these assumptions: then content arrives late or is not needed, but each step still runs or
not by its condition when it is due.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from dlcore.engine.judge import Judge
from dlcore.tasksequence import (
    ANY,
    Group,
    Step,
    TaskSequence,
    Variables,
    Verdict,
    assignment,
    names_read,
    needs,
    variables_written,
)
from dlcore.tasksequence.step_types import SET_VARIABLE


class Lookahead(NamedTuple):
    """Package ids in order of first need.

    Attributes:
        needed: Needed by a step that will run.
        maybe_needed: Needed only by steps whose conditions are open.
    """

    needed: tuple[str, ...]
    maybe_needed: tuple[str, ...]


def look_ahead(
    sequence: TaskSequence,
    position: int,
    variables: Mapping[str, str],
    judge: Judge,
    entered: Mapping[int, Verdict],
    abandoned: frozenset[int] = frozenset(),
) -> Lookahead:
    """Find the packages of the steps from ``position`` on.

    Args:
        sequence: The task sequence.
        position: Index of the first step that has not ended.
        variables: As they are now.
        judge: Decides conditions.
        entered: Groups whose condition has been decided for good, and how.
        abandoned: Groups whose rest does not run, because a step in them failed.
    """
    walk = _Walk(sequence, variables, judge, entered)
    for step in sequence.steps[position:]:
        if step.enabled and abandoned.isdisjoint(step.groups):
            walk.visit(step)
    needed = dict.fromkeys(walk.needed)
    return Lookahead(
        tuple(needed), tuple(p for p in dict.fromkeys(walk.maybe_needed) if p not in needed)
    )


class _Walk:
    """One pass over the steps to come."""

    def __init__(
        self,
        sequence: TaskSequence,
        variables: Mapping[str, str],
        judge: Judge,
        entered: Mapping[int, Verdict],
    ) -> None:
        self.needed: list[str] = []
        self.maybe_needed: list[str] = []
        self._sequence = sequence
        self._variables = Variables(variables)
        self._judge = judge
        self._groups = dict(entered)
        self._unknown: frozenset[str] = frozenset()
        self._disk_may_change = False

    def visit(self, step: Step) -> None:
        """Take note of what one step needs and what it may change."""
        verdict = self._verdict(step)
        if verdict is Verdict.FALSE:
            return
        if verdict is Verdict.TRUE:
            self.needed.extend(needs(step, self._certain_variables()))
        self.maybe_needed.extend(needs(step, self._variables))
        unknown_before = self._unknown
        self._unknown |= variables_written(step)
        if step.type != SET_VARIABLE:
            self._disk_may_change = True
        elif verdict is Verdict.TRUE:
            self._set(step, unknown_before)

    def _certain_variables(self) -> Variables:
        """The variables that no earlier step may still change."""
        if ANY in self._unknown:
            return Variables()
        return Variables(
            {n: v for n, v in self._variables.items() if n.upper() not in self._unknown}
        )

    def _verdict(self, step: Step) -> Verdict:
        """Whether the step runs: all its groups' conditions and its own."""
        result = Verdict.TRUE
        for index in step.groups:
            if index not in self._groups:
                self._groups[index] = self._foresee(self._sequence.groups[index])
            if self._groups[index] is Verdict.FALSE:
                return Verdict.FALSE
            if self._groups[index] is Verdict.UNDECIDED:
                result = Verdict.UNDECIDED
        own = self._foresee(step)
        return own if own is Verdict.FALSE or result is Verdict.TRUE else result

    def _foresee(self, node: Group | Step) -> Verdict:
        return self._judge.foresee(
            node.condition, self._variables, self._unknown, disk_may_change=self._disk_may_change
        )

    def _set(self, step: Step, unknown: frozenset[str]) -> None:
        """A variable will have a value that can be told now, if it quotes no unknown one."""
        name, value = assignment(step)
        if name and unknown.isdisjoint(names_read(f"{name} {value}")):
            name = self._variables.expand(name)
            self._variables[name] = self._variables.expand(value)
            self._unknown -= {name.upper()}
