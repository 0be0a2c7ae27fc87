"""Task sequences as plain values, and as the exports that ConfigMgr writes of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from dlcore.tasksequence import TaskSequence, read
from tests.tasksequence import documents

PARENT = "ABC00100"


@dataclass(frozen=True)
class Variable:
    """Compares a variable."""

    name: str
    operator: str
    value: str


@dataclass(frozen=True)
class Operator:
    """``and``, ``or`` or ``not`` over conditions; ``not`` means that none holds."""

    kind: str
    operands: tuple[Condition, ...]


Condition: TypeAlias = Variable | Operator


@dataclass(frozen=True)
class Options:
    """What every step and group has.

    Attributes:
        is_disabled: It never runs.
        continue_on_error: The sequence goes on if it fails.
        condition: When it runs; None: always.
    """

    is_disabled: bool = False
    continue_on_error: bool = False
    condition: Condition | None = None


@dataclass(frozen=True)
class SetVariable:
    """A Set Task Sequence Variable step."""

    name: str
    variable: str
    value: str
    options: Options


@dataclass(frozen=True)
class Attempt:
    """What a command does when it runs: its exit code, and the variables that it sets."""

    exit_code: int
    sets: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Command:
    """A Run Command Line step.

    Attributes:
        name: Its name, and the key of its attempts.
        attempts: What it does each time that it runs; the last one stands for all later ones.
        success_codes: Exit codes that count as success; empty: as documented.
        retry_count: How many times it is run again if it fails.
        for_windows_pe: It runs in Windows PE only.
        options: When it runs.
    """

    name: str
    attempts: tuple[Attempt, ...]
    success_codes: tuple[int, ...]
    retry_count: int
    for_windows_pe: bool
    options: Options


@dataclass(frozen=True)
class Restart:
    """A Restart Computer step."""

    name: str
    options: Options


@dataclass(frozen=True)
class Group:
    """Steps that share a condition; or, if it ``is_child``, a task sequence of its own."""

    name: str
    children: tuple[Node, ...]
    options: Options
    is_child: bool = False


Node: TypeAlias = SetVariable | Command | Restart | Group


def commands(nodes: tuple[Node, ...]) -> Iterator[Command]:
    """All commands, in the order of the document."""
    for node in nodes:
        if isinstance(node, Command):
            yield node
        elif isinstance(node, Group):
            yield from commands(node.children)


def sequence_of(nodes: tuple[Node, ...]) -> TaskSequence:
    """The task sequence, read from its export, with child sequences of their own."""
    export = _Export()
    texts = {PARENT: documents.sequence(*map(export.node, nodes)), **export.children}
    return read(documents.export_zip(texts), source="law", which=PARENT)


@dataclass
class _Export:
    children: dict[str, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(0x101))

    def node(self, node: Node) -> str:
        inside = "" if node.options.condition is None else _condition(node.options.condition)
        options = {
            "disable": str(node.options.is_disabled).lower(),
            "continueOnError": str(node.options.continue_on_error).lower(),
        }
        match node:
            case SetVariable():
                parameters = {"VariableName": node.variable, "VariableValue": node.value}
                return documents.step(
                    "SetVariableAction",
                    node.name,
                    condition=inside,
                    parameters=parameters,
                    **options,
                )
            case Restart():
                return documents.step(
                    "RebootAction",
                    node.name,
                    action="smsboot.exe /target:HD",
                    condition=inside,
                    parameters={},
                    **options,
                )
            case Command():
                return self._command(node, inside, options)
            case Group(is_child=False):
                return documents.group(
                    node.name, *map(self.node, node.children), condition=inside, **options
                )
            case Group():
                return self._child(node, inside, options)

    def _command(self, node: Command, condition: str, options: dict[str, str]) -> str:
        if node.success_codes:
            options["successCodeList"] = " ".join(map(str, node.success_codes))
        return documents.step(
            name=node.name,
            condition=condition,
            parameters={"CommandLine": "true"},
            retryCount=str(node.retry_count),
            runIn="WinPE" if node.for_windows_pe else "WinPEandFullOS",
            **options,
        )

    def _child(self, node: Group, condition: str, options: dict[str, str]) -> str:
        child_id = f"ABC{next(self.numbers):05X}"
        self.children[child_id] = documents.sequence(*map(self.node, node.children))
        return documents.element(
            "subtasksequence",
            {"name": node.name, **options},
            condition and documents.element("condition", {}, condition),
            documents.element(
                "defaultVarList",
                {},
                documents.variables({"OSDSubTasksequencePackageID": child_id}),
            ),
        )


def _condition(condition: Condition) -> str:
    match condition:
        case Variable(name=name, operator=operator, value=value):
            return documents.when(name, value, operator)
        case Operator(kind=kind, operands=operands):
            return documents.operator(kind, *map(_condition, operands))
