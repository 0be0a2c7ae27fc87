"""Reads ``<condition>`` elements.

Guarantees: no parameter of an expression is lost, and one of an unknown type is kept as
`OtherExpression`, which no evaluator here decides. Several children without an operator must all
hold; ``not`` over several means that none holds, as the editor words it. An operator without
operands is dropped, as an empty condition is: the step runs.

Source: SDK classes SMS_TaskSequence_*ConditionExpression, SMS_TaskSequence_ConditionOperator.
"""

from __future__ import annotations

from collections.abc import Callable
from xml.etree.ElementTree import Element

from dlcore.tasksequence.parameters import variables_in
from dlcore.tasksequence.step_types import PREFIX
from dlcore.tasksequence.tree import (
    And,
    Condition,
    Expression,
    FileExpression,
    FolderExpression,
    Not,
    Operator,
    Or,
    OtherExpression,
    RegistryExpression,
    VariableExpression,
    WmiExpression,
)
from dlcore.tasksequence.variables import FrozenVariables

_OPERATORS = {operator.lower(): operator for operator in Operator} | {
    "nonexists": Operator.NOT_EXISTS,  # so spelt in the SDK's registry class
    "greaterequals": Operator.GREATER_EQUAL,
    "greaterthan": Operator.GREATER,
    "lessequals": Operator.LESS_EQUAL,
    "lessthan": Operator.LESS,
}


def read_condition(element: Element | None) -> Condition | None:
    """The condition of a step or group; None if it has none."""
    return None if element is None else _combine("and", _operands(element))


def _operands(holder: Element) -> tuple[Condition, ...]:
    operands = (_operand(child) for child in holder if child.tag != "variable")
    return tuple(operand for operand in operands if operand is not None)


def _operand(element: Element) -> Condition | None:
    if element.tag == "expression":
        return _expression(element)
    inside = _operands(element)
    if element.tag == "operator" or inside:  # operating system groups are operators too
        return _combine(element.get("type", "and").strip().lower(), inside)
    return OtherExpression(element.get("type", element.tag), FrozenVariables(element.attrib))


def _combine(kind: str, operands: tuple[Condition, ...]) -> Condition | None:
    if not operands:
        return None
    if kind not in ("and", "or", "not"):
        return OtherExpression(kind, FrozenVariables())
    if kind == "not":
        return Not(operands[0] if len(operands) == 1 else Or(operands))
    if len(operands) == 1:
        return operands[0]
    return And(operands) if kind == "and" else Or(operands)


def _expression(element: Element) -> Expression:
    kind = element.get("type", "")
    values = variables_in(element)
    read = _READERS.get(kind.removeprefix(PREFIX).removesuffix("ConditionExpression"))
    return (read and read(values)) or OtherExpression(kind, values)


def _operator(values: FrozenVariables, name: str) -> Operator | None:
    return _OPERATORS.get(values.get(name, "").strip().lower())


def _variable(values: FrozenVariables) -> Expression | None:
    operator = _operator(values, "Operator")
    name = values.get("Variable", "").strip()
    return VariableExpression(name, operator, values.get("Value", "")) if operator else None


def _file(values: FrozenVariables) -> Expression | None:
    if _unknown(values, "VersionOperator") or _unknown(values, "DateTimeOperator"):
        return None
    return FileExpression(
        path=values.get("Path", ""),
        version=values.get("Version", ""),
        version_operator=_operator(values, "VersionOperator"),
        timestamp=values.get("DateTime", ""),
        timestamp_operator=_operator(values, "DateTimeOperator"),
    )


def _folder(values: FrozenVariables) -> Expression | None:
    if _unknown(values, "DateTimeOperator"):
        return None
    return FolderExpression(
        path=values.get("Path", ""),
        timestamp=values.get("DateTime", ""),
        timestamp_operator=_operator(values, "DateTimeOperator"),
    )


def _registry(values: FrozenVariables) -> Expression | None:
    operator = _operator(values, "Operator")
    if operator is None:
        return None
    return RegistryExpression(
        key_path=values.get("KeyPath", ""),
        operator=operator,
        value_name=values.get("Value", ""),
        value_type=values.get("Type", ""),
        data=values.get("Data", ""),
    )


def _wmi(values: FrozenVariables) -> Expression:
    return WmiExpression(values.get("Query", ""), values.get("Namespace") or "root\\cimv2")


def _unknown(values: FrozenVariables, name: str) -> bool:
    return values.get(name, "").strip() != "" and _operator(values, name) is None


_READERS: dict[str, Callable[[FrozenVariables], Expression | None]] = {
    "Variable": _variable,
    "File": _file,
    "Folder": _folder,
    "Registry": _registry,
    "WMI": _wmi,
}
