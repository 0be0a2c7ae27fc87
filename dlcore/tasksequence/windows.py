"""Deciding file, folder, registry and WMI expressions on Windows.

Guarantees: what cannot be asked, or answers in a form that cannot be compared, is undecided;
asking changes nothing on the computer. All questions go through `Probes`, so the rules hold and
are tested anywhere. Registry data is compared as text, or as numbers where an order is asked for,
whatever its type: the SDK says that the type counts only for existence.

A timestamp is the time of creation, compared in UTC; CIM's form (``20200105014820.000000+000``) and
ISO 8601 are understood. A missing file, key or value makes every comparison false.

Source: SDK classes SMS_TaskSequence_{File,Folder,Registry,WMI}ConditionExpression.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from dlcore.tasksequence.conditions import (
    ConditionEvaluator,
    Verdict,
    compare,
    ordered,
    sign,
    version_sign,
)
from dlcore.tasksequence.tree import (
    Expression,
    FileExpression,
    FolderExpression,
    Operator,
    RegistryExpression,
    WmiExpression,
)
from dlcore.tasksequence.variables import FrozenVariables, frozen


class RegistryValue(NamedTuple):
    """A value of the registry; ``text`` is None for data that is neither one text nor a number."""

    type: str
    text: str | None


class Probes(Protocol):
    """The questions asked of the computer. Each raises OSError if it cannot find out."""

    def file_exists(self, path: str) -> bool:
        """Whether there is a file; ``path`` may quote environment variables, as below."""
        ...

    def folder_exists(self, path: str) -> bool:
        """Whether there is a folder."""
        ...

    def created(self, path: str) -> datetime.datetime:
        """When the file or folder was created, with its time zone."""
        ...

    def file_version(self, path: str) -> str:
        """The version in the file's resources, ``10.0.19041.1``; empty if it has none."""
        ...

    def key_exists(self, key_path: str) -> bool:
        """Whether there is a registry key."""
        ...

    def registry_value(self, key_path: str, name: str) -> RegistryValue | None:
        """A registry value; None if there is none."""
        ...

    def wmi_answers(self, namespace: str, query: str) -> bool:
        """Whether a query gives at least one instance."""
        ...


def windows_evaluator(probes: Probes) -> ConditionEvaluator:
    """An evaluator that asks ``probes``."""

    def evaluator(expression: Expression, variables: Mapping[str, str]) -> Verdict:
        try:
            return _decide(expression, frozen(variables), probes)
        except (OSError, ValueError):  # not known, or known in a form that cannot be compared
            return Verdict.UNDECIDED

    return evaluator


def _decide(expression: Expression, known: FrozenVariables, probes: Probes) -> Verdict:
    match expression:
        case WmiExpression(query=query, namespace=namespace):
            return Verdict.of(probes.wmi_answers(known.expand(namespace), known.expand(query)))
        case RegistryExpression():
            return Verdict.of(_registry_holds(expression, known, probes))
        case FileExpression():
            return Verdict.of(_file_holds(expression, known, probes))
        case FolderExpression():
            path = known.expand(expression.path)
            operator = expression.timestamp_operator
            return Verdict.of(
                probes.folder_exists(path)
                and _time_holds(path, operator, expression.timestamp, probes)
            )
        case _:
            return Verdict.UNDECIDED


def _file_holds(expression: FileExpression, known: FrozenVariables, probes: Probes) -> bool:
    path = known.expand(expression.path)
    if not probes.file_exists(path):
        return False
    if expression.version_operator is not None:
        difference = version_sign(probes.file_version(path), known.expand(expression.version))
        if not ordered(difference, expression.version_operator):
            return False
    return _time_holds(path, expression.timestamp_operator, expression.timestamp, probes)


def _time_holds(path: str, operator: Operator | None, wanted: str, probes: Probes) -> bool:
    if operator is None:
        return True
    actual, other = probes.created(path).replace(microsecond=0), parse_time(wanted)
    return ordered(sign(actual, other), operator)


_CIM_TIME = re.compile(r"(\d{14})\.\d{6}([+-]\d{3})", re.ASCII)


def parse_time(text: str) -> datetime.datetime:
    """A point in time from CIM's form (DMTF DSP0004) or ISO 8601; UTC unless it says otherwise.

    Raises:
        ValueError: It is neither.
    """
    found = _CIM_TIME.fullmatch(text.strip())
    if found:
        zone = datetime.timezone(datetime.timedelta(minutes=int(found[2])))
        return datetime.datetime.strptime(found[1], "%Y%m%d%H%M%S").replace(tzinfo=zone)
    time = datetime.datetime.fromisoformat(text.strip()).replace(microsecond=0)
    return time if time.tzinfo else time.replace(tzinfo=datetime.UTC)


def _registry_holds(expression: RegistryExpression, known: FrozenVariables, probes: Probes) -> bool:
    key, name = known.expand(expression.key_path), known.expand(expression.value_name)
    if expression.operator in (Operator.EXISTS, Operator.NOT_EXISTS):
        exists = _registry_exists(key, name, expression.value_type, probes)
        return exists == (expression.operator is Operator.EXISTS)
    value = probes.registry_value(key, name)
    if value is None:
        return False
    if value.text is None:
        raise ValueError(f"{value.type} does not compare")
    return compare(value.text, expression.operator, known.expand(expression.data))


def _registry_exists(key: str, name: str, value_type: str, probes: Probes) -> bool:
    if not name:
        return probes.key_exists(key)
    value = probes.registry_value(key, name)
    return value is not None and value_type.upper() in ("", value.type.upper())
