"""The position of the task sequence that asks for a package, as far as its variables tell.

`_SMSTSTaskSequence`, `_SMSTSNextInstructionPointer` and the form of their values are observed, not
documented; the name of the current step, `_SMSTSCurrentActionName`, is documented. So the position
is found by that name and by who needs the package. The pointer only decides between several such
steps. Whatever cannot be read is left out: the package that is asked for comes first anyway.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from dlcore.agent.interface import SequencePoint
from dlcore.errors import DlcoreError
from dlcore.hook.environment import TaskSequenceEnvironment
from dlcore.hook.handed_sequence import without_secrets
from dlcore.hook.handed_variables import handed_variables
from dlcore.tasksequence import (
    Group,
    Node,
    Step,
    Subsequence,
    TaskSequence,
    needs,
    possible_needs,
    read,
)

MAX_DOCUMENT_CHARACTERS: Final = 32 << 20
"""A policy of a task sequence may have 32 MB. Source: "Reduce the size of task sequence policy"."""

_DECLARATION = re.compile(r"\A\ufeff?\s*<\?xml[^>]*\?>")  # its encoding is not that of a text


class FoundPosition(NamedTuple):
    """What the variables tell.

    Attributes:
        point: The sequence and its position; None if it cannot be told.
        note: For the log: which step it is, or why it cannot be told.
    """

    point: SequencePoint | None
    note: str


def sequence_point(environment: TaskSequenceEnvironment, package_id: str) -> FoundPosition:
    """Where the task sequence stands. Never fails for what a variable holds.

    Args:
        environment: The running task sequence's.
        package_id: The package that is asked for.
    """
    document = environment.get("_SMSTSTaskSequence")
    if not document:
        return FoundPosition(None, "the task sequence does not tell its steps")
    if len(document) > MAX_DOCUMENT_CHARACTERS:
        return FoundPosition(None, "the task sequence is too long")
    document = _DECLARATION.sub("", document)
    try:
        sequence = read(document.encode(errors="replace"), source="_SMSTSTaskSequence")
        place = _place(environment, sequence, package_id)
        told = without_secrets(document)
    except DlcoreError as error:
        return FoundPosition(None, f"the task sequence cannot be read: {error.message}")
    if place is None:
        return FoundPosition(None, "none of the steps of the task sequence is the one that runs")
    step = sequence.steps[place]
    point = SequencePoint(told, place, handed_variables(environment, sequence))
    return FoundPosition(point, f"step {place + 1} of {len(sequence.steps)}, {step.name}")


def _place(
    environment: TaskSequenceEnvironment, sequence: TaskSequence, package_id: str
) -> int | None:
    """Index of the step that runs; None if it cannot be told."""
    name = environment.get("_SMSTSCurrentActionName").strip()
    named = [step for step in sequence.steps if name and step.enabled and step.name.strip() == name]
    needing = [step for step in sequence.steps if step.enabled and _needs(step, package_id)]
    both = [step for step in named if step in needing]
    candidates = both or named or needing
    if not candidates:
        return None
    pointer = _pointer(environment)
    if pointer is None:
        return candidates[0].index
    numbers = {step.index: number for number, step in _instructions(sequence.root)}
    return min(candidates, key=lambda step: abs(numbers[step.index] - pointer)).index


def _needs(step: Step, package_id: str) -> bool:
    return package_id in (*needs(step), *possible_needs(step))


def _pointer(environment: TaskSequenceEnvironment) -> int | None:
    text = environment.get("_SMSTSNextInstructionPointer").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _instructions(root: Group) -> Iterator[tuple[int, Step]]:
    """The steps with their numbers in a table of all groups and steps, as it is observed."""
    for number, node in enumerate(_nodes(root)):
        if isinstance(node, Step):
            yield number, node


def _nodes(group: Group) -> Iterator[Node]:
    for child in group.children:
        yield child
        inner = child.group if isinstance(child, Subsequence) else child
        if isinstance(inner, Group):
            yield from _nodes(inner)
