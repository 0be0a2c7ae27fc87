"""What will be needed, in which order, as far as it can be told now.

Content of a step that will not run is never asked for. What cannot be told yet is fetched last, and
only when the link is idle: the content of steps whose conditions are open, and behind it what the
sequence's reference list has and no step explains. Content may arrive late, or turn out not to be
needed; see `dlcore.tasksequence.foresight` for what is assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from dlcore.engine.running.condition_judge import Judge
from dlcore.tasksequence import NotRun, TaskSequence, Verdict, foresee, unexplained


class Lookahead(NamedTuple):
    """Package ids in order of first need.

    Attributes:
        needed: Needed by a step that will run.
        maybe_needed: Needed only by steps whose conditions are open, or listed by the sequence
            and explained by none of its steps.
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
    *,
    turn: int | None = None,
) -> Lookahead:
    """Find the packages of the steps from ``position`` on.

    Args:
        sequence: The task sequence.
        position: Index of the first step that has not ended.
        variables: As they are now.
        judge: Decides conditions.
        entered: Groups whose condition has been decided for good, and how.
        abandoned: Groups whose rest does not run, because a step in them failed.
        turn: Index of the step whose turn has come, if it has.
    """
    needed: list[str] = []
    maybe_needed: list[str] = []
    steps = foresee(
        sequence,
        variables,
        judge.evaluator,
        position=position,
        turn=turn,
        entered=entered,
        abandoned=abandoned,
        unanswered=judge.foreseen(),
    )
    for step in steps:
        if step.runs is Verdict.TRUE:
            needed += step.packages
            maybe_needed += step.maybe_packages
        elif step.runs is Verdict.UNDECIDED:
            maybe_needed += (*step.packages, *step.maybe_packages)
    certain = dict.fromkeys(needed)
    listed = unexplained(sequence, (*certain, *maybe_needed))
    maybe_needed += [reference.package for reference in listed]
    return Lookahead(
        tuple(certain), tuple(p for p in dict.fromkeys(maybe_needed) if p not in certain)
    )


def all_content(sequence: TaskSequence, variables: Mapping[str, str], judge: Judge) -> Lookahead:
    """Find all packages of the sequence, for a run that downloads them first.

    Conditions are not looked at. Steps that are disabled or for Windows PE never run.

    Args:
        sequence: The task sequence.
        variables: As they are now.
        judge: Decides conditions.
    """
    steps = [
        step
        for step in foresee(sequence, variables, judge.evaluator)
        if step.reason not in (NotRun.DISABLED, NotRun.WINDOWS_PE)
    ]
    needed = dict.fromkeys(p for step in steps for p in step.packages)
    maybe_needed = dict.fromkeys(p for step in steps for p in step.maybe_packages)
    listed = unexplained(sequence, (*needed, *maybe_needed))
    maybe_needed.update(dict.fromkeys(reference.package for reference in listed))
    return Lookahead(tuple(needed), tuple(p for p in maybe_needed if p not in needed))
