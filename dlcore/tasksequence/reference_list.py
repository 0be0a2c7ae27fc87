"""The sequence's own list of what it refers to, compared with what its steps explain.

ConfigMgr makes the list when a sequence is saved, and downloads what it names. A package in it that
no step explains is needed by a step in a way that is not known here.

Source: exports. Disabled steps are not in the list; child sequences are, with ``program="*"``, and
so is what they need.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dlcore.package_ids import package_id
from dlcore.tasksequence.content import needs, possible_needs
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
    if not sequence.references:
        return ()
    missing = [step for step in sequence.steps if step.type == SUBSEQUENCE]
    explained = {sequence.package_id, sequence.boot_image_id, *_children(sequence.root), *named}
    for step in sequence.steps:
        explained.update((*needs(step, sequence.variables), *possible_needs(step)))
    for step in missing:
        explained.add(step.variables.get(SUBSEQUENCE_ID, "").strip().upper())
    found: dict[str, Reference] = {}
    for reference in sequence.references:
        is_grandchild = bool(missing) and reference.program == _ANY_PROGRAM
        if package_id(reference.package) and not is_grandchild:
            found.setdefault(reference.package, reference)
    return tuple(entry for package, entry in found.items() if package not in explained)


def _children(node: Node) -> Iterator[str]:
    """Ids of the child sequences that stand inlined in the tree."""
    if isinstance(node, Subsequence):
        yield node.package_id
        node = node.group
    if isinstance(node, Group):
        for child in node.children:
            yield from _children(child)
