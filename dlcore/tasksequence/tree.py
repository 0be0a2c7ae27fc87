"""The task sequence as a tree of frozen structs, and as the flat lists an engine walks.

Guarantees: everything is immutable; ``steps`` and ``groups`` hold exactly the nodes of the tree,
numbered in order of execution. A child sequence that is part of the export stands inlined where
its step was, as a group that carries that step's name, condition and flags. Assumes nothing of
how the tree came about; building it is the business of ``builder``.
"""

from __future__ import annotations

import enum
from typing import TypeAlias

import msgspec

from dlcore.tasksequence.variables import FrozenVariables


class Operator(enum.StrEnum):
    """How an expression compares."""

    EQUALS = "equals"
    NOT_EQUALS = "notEquals"
    EXISTS = "exists"
    NOT_EXISTS = "notExists"
    GREATER = "greater"
    GREATER_EQUAL = "greaterEqual"
    LESS = "less"
    LESS_EQUAL = "lessEqual"
    LIKE = "like"
    NOT_LIKE = "notLike"


class VariableExpression(msgspec.Struct, frozen=True):
    """Compares the value of a task sequence variable."""

    name: str
    operator: Operator
    value: str = ""


class FileExpression(msgspec.Struct, frozen=True):
    """A file exists; where an operator is given, its version or time also compares."""

    path: str
    version: str = ""
    version_operator: Operator | None = None
    timestamp: str = ""
    timestamp_operator: Operator | None = None


class FolderExpression(msgspec.Struct, frozen=True):
    """A folder exists; where an operator is given, its time also compares."""

    path: str
    timestamp: str = ""
    timestamp_operator: Operator | None = None


class RegistryExpression(msgspec.Struct, frozen=True):
    r"""A registry key or value exists or compares.

    Attributes:
        key_path: ``HKEY_LOCAL_MACHINE\\...``.
        operator: How ``data`` compares with the value's data.
        value_name: Empty: the key itself is meant, or its default value.
        value_type: ``REG_SZ`` and so on; counts only for `Operator.EXISTS`.
        data: What to compare with.
    """

    key_path: str
    operator: Operator
    value_name: str = ""
    value_type: str = ""
    data: str = ""


class WmiExpression(msgspec.Struct, frozen=True):
    """A WMI query answers with at least one instance."""

    query: str
    namespace: str = "root\\cimv2"


class OtherExpression(msgspec.Struct, frozen=True):
    """An expression of a type that is not known here; all its parameters are kept."""

    type: str
    parameters: FrozenVariables


Expression: TypeAlias = (
    VariableExpression
    | FileExpression
    | FolderExpression
    | RegistryExpression
    | WmiExpression
    | OtherExpression
)


class And(msgspec.Struct, frozen=True):
    """True if every operand is."""

    operands: tuple[Condition, ...]


class Or(msgspec.Struct, frozen=True):
    """True if any operand is."""

    operands: tuple[Condition, ...]


class Not(msgspec.Struct, frozen=True):
    """True if the operand is not."""

    operand: Condition


Condition: TypeAlias = And | Or | Not | Expression


class Reference(msgspec.Struct, frozen=True):
    """An entry of the sequence's own list of what it refers to.

    Attributes:
        package: Package or child task sequence id; empty for an application.
        program: Program name; ``*`` marks any program, and child sequences.
        application: Application id; empty for a package.
    """

    package: str = ""
    program: str = ""
    application: str = ""


class Step(msgspec.Struct, frozen=True):
    """One action.

    Attributes:
        index: Place in `TaskSequence.steps`.
        name: As the author named it.
        description: As the author described it.
        type: ``SMS_TaskSequence_RunCommandLineAction`` and so on.
        action: Command text of the step; may be empty.
        path: Names of the groups around it, outermost first, without the sequence itself.
        groups: Indices of the groups around it, outermost first; begins with the root, 0.
        enabled: Neither the step nor any group around it is disabled.
        continue_on_error: The sequence goes on if the step fails.
        success_codes: Exit codes that count as success.
        retry_count: How many times a failed step is run again.
        timeout_s: Seconds the step may run; None: no limit.
        start_in: Working directory; may quote variables.
        run_in: ``WinPE``, ``FullOS`` or ``WinPEandFullOS``.
        condition: The step's own; groups have theirs.
        variables: The step's parameters by variable name.
        listed_packages: Ids that a step of a type that is not known names, and that the reference
            list has too.
    """

    index: int
    name: str
    type: str
    action: str = ""
    description: str = ""
    path: tuple[str, ...] = ()
    groups: tuple[int, ...] = (0,)
    enabled: bool = True
    continue_on_error: bool = False
    success_codes: tuple[int, ...] = (0,)
    retry_count: int = 0
    timeout_s: int | None = None
    start_in: str = ""
    run_in: str = "WinPEandFullOS"
    condition: Condition | None = None
    variables: FrozenVariables = FrozenVariables()
    listed_packages: tuple[str, ...] = ()

    @property
    def is_for_windows_pe(self) -> bool:
        """Whether it runs in Windows PE only, and so never here."""
        return self.run_in.strip().lower() == "winpe"


class Group(msgspec.Struct, frozen=True):
    """Steps and groups that share a condition and a fate.

    Attributes:
        index: Place in `TaskSequence.groups`; the root is 0.
        name: As the author named it; the root bears the sequence's name.
        description: As the author described it.
        enabled: Neither the group nor any group around it is disabled.
        continue_on_error: The sequence goes on behind the group if a step in it fails.
        condition: The group's own.
        parent: Index of the group around it; None for the root.
        children: In order of execution.
    """

    index: int
    name: str
    description: str = ""
    enabled: bool = True
    continue_on_error: bool = False
    condition: Condition | None = None
    parent: int | None = None
    children: tuple[Node, ...] = ()


class Subsequence(msgspec.Struct, frozen=True):
    """A child task sequence that is part of the export.

    Attributes:
        package_id: The child's own id; never content.
        group: The child's root, which carries the name, condition and flags of its step.
    """

    package_id: str
    group: Group


Node: TypeAlias = Step | Group | Subsequence


class TaskSequence(msgspec.Struct, frozen=True):
    """A task sequence, with its child sequences inlined.

    Attributes:
        name: Empty if the export does not tell.
        version: Of the format: ``3.00`` (MDT), ``3.10``.
        package_id: The sequence's own id; empty if the export does not tell.
        root: The tree.
        references: What the sequence itself says it refers to; disabled steps are not in it.
        boot_image_id: Empty if there is none.
        steps: All steps, disabled ones too, in order of execution.
        groups: All groups, disabled ones too, in order of execution.
        variables: The sequence's global variables.
        digest: SHA-256 of the document that was read, in hex.
    """

    name: str
    version: str
    package_id: str
    root: Group
    references: tuple[Reference, ...]
    boot_image_id: str
    steps: tuple[Step, ...]
    groups: tuple[Group, ...]
    variables: FrozenVariables
    digest: str
