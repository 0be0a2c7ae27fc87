"""Decides the expressions that are about the computer rather than about variables.

Guarantees: an evaluator that does not know answers undecided; it never guesses. Off Windows every
expression is undecided unless an operator or a test states the fact.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from dlcore.tasksequence.conditions import ConditionEvaluator, Verdict
from dlcore.tasksequence.tree import (
    Expression,
    FileExpression,
    FolderExpression,
    OtherExpression,
    RegistryExpression,
    VariableExpression,
    WmiExpression,
)
from dlcore.tasksequence.variables import frozen


def undecided(expression: Expression, variables: Mapping[str, str]) -> Verdict:
    """Answers nothing: every expression is undecided."""
    del expression, variables
    return Verdict.UNDECIDED


def default_evaluator() -> ConditionEvaluator:
    """The one for the system this runs on."""
    if sys.platform == "win32":
        from dlcore.tasksequence.windows import windows_evaluator
        from dlcore.tasksequence.windows_probes import SystemProbes

        return windows_evaluator(SystemProbes())
    return undecided


def from_facts(
    facts: Mapping[str, bool], fallback: ConditionEvaluator = undecided
) -> ConditionEvaluator:
    r"""An evaluator that knows stated facts and asks ``fallback`` for the rest.

    Args:
        facts: By WMI query, file or folder path, or registry key path (``key\\value`` where a
            value is named); case and runs of white space do not matter. Where the expression
            quotes variables, either the text as written or as expanded may be stated.
        fallback: Decides what is not stated.
    """
    stated = {_plain(text): answer for text, answer in facts.items()}

    def evaluator(expression: Expression, variables: Mapping[str, str]) -> Verdict:
        subject = _subject(expression)
        for text in (subject, frozen(variables).expand(subject)):
            answer = stated.get(_plain(text))
            if answer is not None:
                return Verdict.of(answer)
        return fallback(expression, variables)

    return evaluator


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _subject(expression: Expression) -> str:
    match expression:
        case WmiExpression(query=query):
            return query
        case FileExpression(path=path) | FolderExpression(path=path):
            return path
        case RegistryExpression(key_path=key, value_name=value):
            return f"{key}\\{value}" if value else key
        case VariableExpression(name=name):
            return name
        case OtherExpression(type=kind, parameters=parameters):
            return parameters.get("Name", kind)
