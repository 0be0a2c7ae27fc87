"""Decides which steps run: conditions when their turn has come, and what a failure means.

Guarantees: a group's condition is decided once, when the turn of its first step comes that is
enabled and not for Windows PE; what was decided is part of the run's state, so a restart does not
decide it again. Nor does it decide the condition of a step that was under way: that step runs.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from dlcore.engine.outcomes import SkipReason
from dlcore.engine.running.condition_judge import Judge
from dlcore.engine.running.state import RunState
from dlcore.tasksequence import Group, Step, TaskSequence, Verdict

_log = logging.getLogger(__name__)

_NOT_MET = {Verdict.FALSE: SkipReason.CONDITION, Verdict.UNDECIDED: SkipReason.UNDECIDED}


class SkipRules:
    """Says whether a step runs, and whether the sequence goes on after a failure.

    Args:
        sequence: What runs.
        run: Where it stands; told what is decided.
        judge: Decides conditions.
        variables: Task sequence variables, as they are at any time.
    """

    def __init__(
        self, sequence: TaskSequence, run: RunState, judge: Judge, variables: Mapping[str, str]
    ) -> None:
        self._sequence = sequence
        self._run = run
        self._judge = judge
        self._variables = variables

    def skip_reason(self, step: Step) -> SkipReason | None:
        """Why a step whose turn has come does not run; None if it runs.

        Raises:
            StepError: Its condition, or that of a group around it, cannot be decided, and the
                settings say to fail then.
        """
        if step.index == self._run.started:  # its condition was met, and its effects may undo that
            return None
        if not step.enabled:
            return SkipReason.DISABLED
        if not set(self._run.abandoned).isdisjoint(step.groups):
            return SkipReason.GROUP_FAILED
        if step.is_for_windows_pe:  # before its conditions, which may not be decidable here
            return SkipReason.WINDOWS_PE
        for index in step.groups:
            verdict = self._enter(self._sequence.groups[index])
            if verdict is not Verdict.TRUE:
                return _NOT_MET[verdict]
        verdict = self._judge.decide(step.condition, self._variables, step.name)
        return None if verdict is Verdict.TRUE else _NOT_MET[verdict]

    def goes_on_after(self, failed: Step) -> bool:
        """Whether the sequence goes on after a step that failed.

        It does if the step continues on error, or else behind the innermost group around it that
        does; the other steps of that group are abandoned.
        """
        if failed.continue_on_error:
            return True
        for index in reversed(failed.groups):
            if self._sequence.groups[index].continue_on_error:
                _log.warning(
                    "step %d failed: the rest of group %d is left out", failed.index, index
                )
                self._run.abandon(index)
                return True
        return False

    def _enter(self, group: Group) -> Verdict:
        if group.index in self._run.entered:
            return Verdict.of(self._run.entered[group.index])
        verdict = self._judge.decide(group.condition, self._variables, group.name)
        _log.debug("group %d %s: %s", group.index, group.name, verdict.name.lower())
        self._run.enter(group.index, met=verdict is Verdict.TRUE)
        return verdict
