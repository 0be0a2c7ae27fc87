"""Builds the frozen tree out of exported elements.

Guarantees: nodes are numbered in order of execution; child sequences of the same export are
inlined; a cycle of child sequences, more than `MAX_NODES` nodes, or groups nested over
``MAX_DEPTH`` deep are refused. Assumes that ``markup`` has bounded the elements. A malformed number
is refused with the name of its step: a guess might turn a failed step into a successful one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from xml.etree.ElementTree import Element

import msgspec

from dlcore.errors import TaskSequenceError
from dlcore.printable import quoted
from dlcore.tasksequence.expressions import read_condition
from dlcore.tasksequence.forms import Export
from dlcore.tasksequence.markup import MAX_DEPTH
from dlcore.tasksequence.package_references import packages_listed
from dlcore.tasksequence.parameters import text_of, variables_in
from dlcore.tasksequence.step_types import (
    RUN_COMMAND_LINE,
    SUBSEQUENCE,
    SUBSEQUENCE_ID,
    step_type,
)
from dlcore.tasksequence.tree import Group, Node, Reference, Step, Subsequence

MAX_NODES = 50_000  # children inlined twice by children inlined twice grow exponentially
DEFAULT_TYPE = RUN_COMMAND_LINE  # MDT leaves it out for command lines
_NODES = ("step", "group", "subtasksequence")
_SUCCESS_CODES = ("SuccessCodes", "OSDRunPowerShellScriptSuccessCodes")
"""Source: exports; the editor writes the same text into the attribute ``successCodeList``."""

_CODE = re.compile(r"[+-]?[0-9]{1,10}", re.ASCII)


def references_of(sequence: Element) -> tuple[Reference, ...]:
    """The entries of a sequence's reference list."""
    return tuple(
        Reference(
            package=item.get("package", "").upper(),
            program=item.get("program", ""),
            application=item.get("application", ""),
        )
        for item in sequence.iterfind("referenceList/reference")
    )


def child_ids(sequence: Element) -> frozenset[str]:
    """Ids of all task sequences that a sequence runs as children, in disabled steps too."""
    return frozenset(_child_id(item) for item in sequence.iter() if _is_subsequence(item)) - {""}


def _is_subsequence(element: Element) -> bool:
    return element.tag == "subtasksequence" or (
        element.tag == "step" and element.get("type") == SUBSEQUENCE
    )


def _child_id(element: Element) -> str:
    return variables_in(element.find("defaultVarList")).get(SUBSEQUENCE_ID, "").strip().upper()


class Builder:
    """Numbers and builds the nodes of one task sequence.

    Args:
        exports: The task sequences of the export by id, for inlining.
    """

    def __init__(self, exports: Mapping[str, Export]) -> None:
        self._exports = exports
        self._steps: list[Step] = []
        self._groups: list[Group | None] = []
        self._running: list[str] = []  # ids of the sequences being inlined, outermost first
        self._listed: frozenset[str] = frozenset()  # in their reference lists
        self._run_in = ""  # where the child sequence runs that is being inlined, if not everywhere

    def build(self, export: Export) -> Group:
        """The tree of one export; `steps` and `groups` are complete afterwards.

        Raises:
            TaskSequenceError: A cycle, a limit or a malformed number.
        """
        self._running.append(export.package_id)
        self._listed = _listed(export)
        root = Group(index=0, name=export.name)
        return self._group(export.sequence, root, (), (), export.where)

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps built so far, in order of execution."""
        return tuple(self._steps)

    @property
    def groups(self) -> tuple[Group, ...]:
        """All groups built so far, in order of execution."""
        return tuple(group for group in self._groups if group is not None)

    def _group(
        self,
        holder: Element,
        group: Group,
        path: tuple[str, ...],
        around: tuple[int, ...],
        where: str,
    ) -> Group:
        """Fill ``group`` with the nodes in ``holder``; ``path`` and ``around`` lead to it."""
        if len(around) > MAX_DEPTH:
            raise TaskSequenceError(f"{where}: groups nested over {MAX_DEPTH} deep")
        self._groups.append(None)  # its number is taken before those of its children
        inside = (*around, group.index)
        children = tuple(
            self._node(item, group, path, inside, where) for item in holder if item.tag in _NODES
        )
        done = _with_children(group, children)
        self._groups[group.index] = done
        return done

    def _node(
        self,
        element: Element,
        parent: Group,
        path: tuple[str, ...],
        around: tuple[int, ...],
        where: str,
    ) -> Node:
        if len(self._steps) + len(self._groups) >= MAX_NODES:
            raise TaskSequenceError(f"{where}: over {MAX_NODES} steps and groups")
        name = element.get("name", "")
        if element.tag == "group":
            return self._group(element, self._header(element, parent), (*path, name), around, where)
        child = self._exports.get(_child_id(element)) if _is_subsequence(element) else None
        if child is not None:
            return self._subsequence(element, child, parent, path, around)
        step = self._step(element, parent, path, around, where)
        self._steps.append(step)
        return step

    def _header(self, element: Element, parent: Group) -> Group:
        return Group(
            index=len(self._groups),
            name=element.get("name", ""),
            description=element.get("description", ""),
            enabled=parent.enabled and not _flag(element, "disable"),
            continue_on_error=_flag(element, "continueOnError"),
            condition=read_condition(element.find("condition")),
            parent=parent.index,
        )

    def _subsequence(
        self,
        element: Element,
        child: Export,
        parent: Group,
        path: tuple[str, ...],
        around: tuple[int, ...],
    ) -> Subsequence:
        if child.package_id in self._running:
            chain = " > ".join((*self._running, child.package_id))
            raise TaskSequenceError(
                f"{child.where}: task sequences run each other in a circle: {chain}",
                remedy="Remove one of them from the other.",
            )
        self._running.append(child.package_id)
        outer, self._listed = self._listed, self._listed | _listed(child)
        around_it, self._run_in = self._run_in, self._run_in or _windows_pe(_run_in(element))
        header = self._header(element, parent)
        group = self._group(child.sequence, header, (*path, header.name), around, child.where)
        self._listed, self._run_in = outer, around_it
        self._running.pop()
        return Subsequence(child.package_id, group)

    def _step(
        self,
        element: Element,
        parent: Group,
        path: tuple[str, ...],
        around: tuple[int, ...],
        where: str,
    ) -> Step:
        named = f"{where}: step {quoted('/'.join((*path, element.get('name', '')))[:300])}"
        variables = variables_in(element.find("defaultVarList"))
        default = SUBSEQUENCE if element.tag == "subtasksequence" else DEFAULT_TYPE
        kind = element.get("type") or default
        action = _action(element)
        return Step(
            index=len(self._steps),
            name=element.get("name", ""),
            description=element.get("description", ""),
            type=kind,
            action=action,
            path=path,
            groups=around,
            enabled=parent.enabled and not _flag(element, "disable"),
            continue_on_error=_flag(element, "continueOnError"),
            success_codes=_codes(_listed_codes(element, variables), kind, named),
            retry_count=_count(element.get("retryCount", ""), "retryCount", named),
            timeout_s=_count(element.get("timeout", ""), "timeout", named) or None,
            start_in=element.get("startIn", ""),
            run_in=self._run_in or _run_in(element),
            condition=read_condition(element.find("condition")),
            variables=variables,
            listed_packages=packages_listed(kind, variables, action, self._listed),
        )


def _listed(export: Export) -> frozenset[str]:
    return frozenset(entry.package for entry in references_of(export.sequence)) - {""}


def _action(element: Element) -> str:
    action = element.find("action")
    return "" if action is None else text_of(action)


def _with_children(group: Group, children: Iterable[Node]) -> Group:
    return msgspec.structs.replace(group, children=tuple(children))


def _run_in(element: Element) -> str:
    return element.get("runIn", "").strip() or "WinPEandFullOS"


def _windows_pe(run_in: str) -> str:
    """What it means for the steps inside that a step runs there; empty if they run as they say."""
    return run_in if run_in.upper() == "WINPE" else ""


def _flag(element: Element, name: str) -> bool:
    return element.get(name, "").strip().lower() in ("true", "1")


def _listed_codes(element: Element, variables: Mapping[str, str]) -> str:
    """The success codes as they are written: in the attribute, or else in a parameter."""
    written = (element.get("successCodeList"), *map(variables.get, _SUCCESS_CODES))
    return next((text for text in written if text and text.strip()), "")


def _codes(text: str, kind: str, named: str) -> tuple[int, ...]:
    if not text.strip():
        known = step_type(kind)
        return known.success_codes if known else (0,)
    codes = re.split(r"[\s,;]+", text.strip())
    for code in codes:
        if not _CODE.fullmatch(code):
            raise TaskSequenceError(
                f"{named}: success code {quoted(code[:40])} is not a number",
                remedy="Correct the step's success codes in the task sequence editor.",
            )
    return tuple(dict.fromkeys(int(code) for code in codes))


def _count(text: str, what: str, named: str) -> int:
    if not text.strip():
        return 0
    if not _CODE.fullmatch(text.strip()) or int(text) < 0:
        raise TaskSequenceError(f"{named}: {what} {quoted(text[:40])} is not a count")
    return int(text)
