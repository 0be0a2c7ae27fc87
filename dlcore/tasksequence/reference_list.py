"""The sequence's own list of what it refers to, compared with what its steps explain.

ConfigMgr makes the list when a sequence is saved, and downloads what it names. A package in it that
no step explains is needed by a step in a way that is not known here.

Source: exports. Disabled steps are not in the list; child sequences are, with ``program="*"``, and
so is what they need.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from dlcore.package_ids import package_id
from dlcore.tasksequence.package_needs import needs, possible_needs
from dlcore.tasksequence.step_types import SUBSEQUENCE, SUBSEQUENCE_ID
from dlcore.tasksequence.tree import Group, Node, Reference, Subsequence, TaskSequence

_ANY_PROGRAM = "*"


def unexplained(sequence: TaskSequence, named: Iterable[str] = ()) -> tuple[Reference, ...]:
    """The packages of the reference list that no step names, in its order, each once.

    Not among them: applications, the boot image, child sequences, and what a disabled step names.

    Args:
        sequence: The task sequence.
        named: Ids of packages that steps are known to name by the values of variables.
    """
    left = _listed(sequence, {*named, sequence.package_id, sequence.boot_image_id})
    if left:
        for package in _children(sequence.root):
            left.pop(package, None)
    for step in sequence.steps if left else ():
        for package in (*needs(step, sequence.variables), *possible_needs(step)):
            left.pop(package, None)
    return tuple(left.values())


def _listed(sequence: TaskSequence, explained: Container[str]) -> dict[str, Reference]:
    """The entries of the list by package, without those that are explained or no packages."""
    missing = [step for step in sequence.steps if step.type == SUBSEQUENCE]
    children = {step.variables.get(SUBSEQUENCE_ID, "").strip().upper() for step in missing}
    found: dict[str, Reference] = {}
    for entry in sequence.references:
        is_grandchild = bool(missing) and entry.program == _ANY_PROGRAM
        if is_grandchild or entry.package in children or entry.package in explained:
            continue
        if package_id(entry.package):
            found.setdefault(entry.package, entry)
    return found


def _children(node: Node) -> Iterator[str]:
    """Ids of the child sequences that stand inlined in the tree."""
    if isinstance(node, Subsequence):
        yield node.package_id
        node = node.group
    if isinstance(node, Group):
        for child in node.children:
            yield from _children(child)
