"""Decides conditions in three values: true, false, and undecided.

Guarantees: Kleene's strong logic, so a verdict that is not undecided stays whatever the undecided
operands turn out to be. Variable expressions are decided here from the variables given; the others
by an evaluator, whose answer may be undecided. Assumes that the variables are those at the moment
in question: ask ``dataflow`` whether an earlier step may still change them.

As the engine of ConfigMgr does, a variable that is not set counts as empty: it equals the empty
text, differs from any other and does not exist. Ordered against anything it is false (assumed:
not documented).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from dlcore.tasksequence.tree import (
    And,
    Condition,
    Expression,
    Not,
    Operator,
    Or,
    VariableExpression,
)
from dlcore.tasksequence.variables import FrozenVariables, frozen


class Verdict(enum.Enum):
    """What is known of a condition."""

    TRUE = "true"
    FALSE = "false"
    UNDECIDED = "undecided"

    def __invert__(self) -> Verdict:
        return _INVERSE[self]

    @classmethod
    def of(cls, answer: bool) -> Verdict:
        """The verdict of a plain answer."""
        return cls.TRUE if answer else cls.FALSE


_INVERSE = {
    Verdict.TRUE: Verdict.FALSE,
    Verdict.FALSE: Verdict.TRUE,
    Verdict.UNDECIDED: Verdict.UNDECIDED,
}

ConditionEvaluator: TypeAlias = Callable[[Expression, Mapping[str, str]], Verdict]


def evaluate(
    condition: Condition | None, variables: Mapping[str, str], evaluator: ConditionEvaluator
) -> Verdict:
    """Decide a condition as far as it can be.

    Args:
        condition: None is true.
        variables: Current values; looked up without regard to case.
        evaluator: Decides every expression that is not about a variable.
    """
    if condition is None:
        return Verdict.TRUE
    known = frozen(variables)
    match condition:
        case And(operands):
            return _all(evaluate(operand, known, evaluator) for operand in operands)
        case Or(operands):
            return ~_all(~evaluate(operand, known, evaluator) for operand in operands)
        case Not(operand):
            return ~evaluate(operand, known, evaluator)
        case VariableExpression():
            return Verdict.of(_holds(condition, known))
        case _:
            return evaluator(condition, known)


def _all(verdicts: Iterable[Verdict]) -> Verdict:
    result = Verdict.TRUE
    for verdict in verdicts:
        if verdict is Verdict.FALSE:
            return verdict
        if verdict is Verdict.UNDECIDED:
            result = verdict
    return result


def _holds(expression: VariableExpression, variables: FrozenVariables) -> bool:
    actual = variables.get(expression.name, "")
    match expression.operator:
        case Operator.EXISTS:
            return actual != ""
        case Operator.NOT_EXISTS:
            return actual == ""
        case Operator.EQUALS | Operator.NOT_EQUALS | Operator.LIKE | Operator.NOT_LIKE:
            return compare(actual, expression.operator, variables.expand(expression.value))
        case ordering:
            return actual != "" and compare(actual, ordering, variables.expand(expression.value))


def compare(actual: str, operator: Operator, wanted: str) -> bool:
    """Compare two texts without regard to case; if ordered, as numbers or versions if both are.

    That versions such as ``10.0.19045`` are compared place by place is assumed: the documentation
    does not say, and as texts they would have an order that no author means.

    Args:
        actual: What is.
        operator: Any but the two about existence, which compare nothing.
        wanted: What the condition names.
    """
    left, right = actual.casefold(), wanted.casefold()
    match operator:
        case Operator.EQUALS:
            return left == right
        case Operator.NOT_EQUALS:
            return left != right
        case Operator.LIKE:
            return _like(left, right)
        case Operator.NOT_LIKE:
            return not _like(left, right)
        case _:
            return ordered(_order(left, right), operator)


def ordered(sign: int, operator: Operator) -> bool:
    """Whether two things satisfy ``operator``, where ``sign`` is that of their difference."""
    match operator:
        case Operator.EQUALS:
            return sign == 0
        case Operator.NOT_EQUALS:
            return sign != 0
        case Operator.GREATER:
            return sign > 0
        case Operator.GREATER_EQUAL:
            return sign >= 0
        case Operator.LESS:
            return sign < 0
        case Operator.LESS_EQUAL:
            return sign <= 0
        case _:
            raise ValueError(f"{operator} does not order")


_NUMBER = re.compile(r"[+-]?[0-9]{1,300}(\.[0-9]{1,300})?", re.ASCII)


_VERSION = re.compile(r"[0-9]{1,300}(\.[0-9]{1,300}){0,30}", re.ASCII)


def _order(left: str, right: str) -> int:
    if _NUMBER.fullmatch(left) and _NUMBER.fullmatch(right):
        return sign(_number(left), _number(right))
    if _VERSION.fullmatch(left) and _VERSION.fullmatch(right):
        return version_sign(left, right)
    return sign(left, right)


def version_sign(left: str, right: str) -> int:
    """Sign of the difference of two versions; missing places count as 0.

    Raises:
        ValueError: A place is not a number.
    """
    ours, theirs = ([int(place) for place in text.strip().split(".")] for text in (left, right))
    width = max(len(ours), len(theirs))
    ours += [0] * (width - len(ours))
    theirs += [0] * (width - len(theirs))
    return sign(ours, theirs)


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)


def sign(left: Any, right: Any) -> int:
    """Sign of the difference of two values that have an order: 1, 0 or -1."""
    if left == right:
        return 0
    return 1 if left > right else -1


def _like(text: str, pattern: str) -> bool:
    """Match ``*`` and ``%`` with any text, ``?`` with any character; never backtracks twice."""
    star: int | None = None
    at = place = resume = 0
    while at < len(text):
        if place < len(pattern) and pattern[place] in "*%":
            star, resume = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("?", text[at]):
            at, place = at + 1, place + 1
        elif star is not None:
            resume += 1
            at, place = resume, star + 1
        else:
            return False
    return all(mark in "*%" for mark in pattern[place:])
