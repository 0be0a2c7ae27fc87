"""What a task sequence was when a run began, so that an edited one is recognized.

Guarantees: two sequences have the same identity exactly if their steps, their groups and their
global variables are the same, in the same order. Comments and white space of the export do not
count.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher

import msgspec

from dlcore.tasksequence import Group, Step, TaskSequence

_FOUND = frozenset({"listed_packages"})  # found in other members and in the reference list


class StepIdentity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step as it was.

    Attributes:
        name: As the author named it.
        type: ``SMS_TaskSequence_RunCommandLineAction`` and so on.
        digest: SHA-256 of all that it says, wherever it stands; hex.
        groups: Indices of the groups around it, outermost first.
    """

    name: str
    type: str
    digest: str
    groups: tuple[int, ...]


class SequenceIdentity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A task sequence as it was.

    Attributes:
        variables: SHA-256 of its global variables, hex.
        steps: All steps in order.
        groups: SHA-256 of each group without what is in it, hex, in order.
    """

    variables: str
    steps: tuple[StepIdentity, ...]
    groups: tuple[str, ...]


class ChangeKind(enum.StrEnum):
    """What became of a step in an edited sequence."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"  # its parameters, its condition, or the groups around it
    MOVED = "moved"


class StepChange(msgspec.Struct, frozen=True):
    """One difference between two versions of a sequence.

    Attributes:
        kind: What became of the step.
        index: In the edited sequence; of a step that was removed, in the earlier one.
        name: Of the step.
    """

    kind: ChangeKind
    index: int
    name: str

    def __str__(self) -> str:
        return f"step {self.index} '{self.name}' was {self.kind}"


def identify(sequence: TaskSequence) -> SequenceIdentity:
    """The identity of a task sequence."""
    return SequenceIdentity(
        _digest(sequence.variables),
        tuple(
            StepIdentity(
                step.name,
                step.type,
                _digest(msgspec.structs.replace(step, index=0, groups=())),
                step.groups,
            )
            for step in sequence.steps
        ),
        tuple(
            _digest(msgspec.structs.replace(group, index=0, children=()))
            for group in sequence.groups
        ),
    )


def changes(earlier: SequenceIdentity, edited: SequenceIdentity) -> tuple[StepChange, ...]:
    """How the steps differ: in the order of the edited sequence, removed ones last.

    Empty if only groups or global variables differ.
    """
    old, new = _unmatched(earlier.steps, edited.steps)
    moved = {step.digest for step in old.values()} & {step.digest for step in new.values()}
    found = [
        StepChange(ChangeKind.MOVED, index, step.name)
        for index, step in new.items()
        if step.digest in moved
    ]
    names = {(step.name, step.type) for step in old.values() if step.digest not in moved}
    same: set[tuple[str, str]] = set()
    for index, step in new.items():
        if step.digest in moved:
            continue
        key = (step.name, step.type)
        kind = ChangeKind.CHANGED if key in names and key not in same else ChangeKind.ADDED
        same.add(key)
        found.append(StepChange(kind, index, step.name))
    found.sort(key=lambda change: change.index)
    removed = (
        StepChange(ChangeKind.REMOVED, index, step.name)
        for index, step in old.items()
        if step.digest not in moved and (step.name, step.type) not in same
    )
    return (*found, *removed)


def has_same_beginning(
    earlier: SequenceIdentity, edited: SequenceIdentity, steps: int, decided: frozenset[int]
) -> bool:
    """Whether a run of the earlier sequence can go on with the edited one.

    It can if the steps that have ended are the same in both, in the same groups, and the groups
    whose conditions were decided, or that were left after a failure, are the same too.

    Args:
        earlier: What the run began with.
        edited: What it is to go on with.
        steps: How many steps have ended.
        decided: Indices of those groups.
    """
    groups = (*decided, *(group for step in earlier.steps[:steps] for group in step.groups))
    end = max((group + 1 for group in groups), default=0)
    has_same_steps = earlier.steps[:steps] == edited.steps[:steps]
    return has_same_steps and earlier.groups[:end] == edited.groups[:end]


def _unmatched(
    old: tuple[StepIdentity, ...], new: tuple[StepIdentity, ...]
) -> tuple[dict[int, StepIdentity], dict[int, StepIdentity]]:
    """The steps of both, by index, that are not the same in the same order."""
    matcher = SequenceMatcher(
        None, [step.digest for step in old], [step.digest for step in new], autojunk=False
    )
    blocks = matcher.get_matching_blocks()
    same_old = {at for block in blocks for at in range(block.a, block.a + block.size)}
    same_new = {at for block in blocks for at in range(block.b, block.b + block.size)}
    return (
        {at: step for at, step in enumerate(old) if at not in same_old},
        {at: step for at, step in enumerate(new) if at not in same_new},
    )


def _digest(value: Step | Group | Mapping[str, str]) -> str:
    return hashlib.sha256(msgspec.json.encode(_plain(value))).hexdigest()


def _plain(value: object) -> object:
    """A value as lists and scalars; the kinds of conditions are told by their names."""
    if isinstance(value, msgspec.Struct):
        return [type(value).__name__, *map(_plain, _fields(value))]
    if isinstance(value, Mapping):
        return sorted((name.upper(), text) for name, text in value.items())
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _fields(value: msgspec.Struct) -> Iterator[object]:
    return (getattr(value, name) for name in value.__struct_fields__ if name not in _FOUND)
