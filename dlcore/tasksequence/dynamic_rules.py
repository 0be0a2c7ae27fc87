"""The rules of a *Set Dynamic Variables* step: a document inside the step's parameters.

Guarantees: a rule is either read as a whole or refused by its place; what restricts it in a way
that is not known here becomes an `OtherExpression`, which no evaluator decides, and so the rule
does not match. Rules are evaluated in their order, and each sees what the ones before it have set.
Pure.

Sources: Microsoft Learn, "Task sequence steps: Set Dynamic Variables" for the meaning. The form of
the document is observed in exports, and not documented: ``<Rules>`` holds rules, a rule holds
``<Variables><Variable Name="..." IsSecret="false">value</Variable></Variables>`` and, if it has a
condition, the elements that the conditions of steps have. Case does not matter in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element

import msgspec

from dlcore.errors import TaskSequenceError
from dlcore.printable import quoted
from dlcore.tasksequence.conditions import ConditionEvaluator, Verdict, evaluate
from dlcore.tasksequence.expressions import read_condition
from dlcore.tasksequence.markup import parse
from dlcore.tasksequence.parameters import text_of
from dlcore.tasksequence.step_parameters import StepParameters
from dlcore.tasksequence.tree import And, Condition, OtherExpression, Step
from dlcore.tasksequence.variables import FrozenVariables, Variables, frozen

_RULES_SUFFIX: Final = "RULES"
_CONDITIONS: Final = frozenset({"condition", "conditions", "operator", "expression"})
_DESCRIPTIVE: Final = frozenset({"name", "type", "description", "id"})
"""Attributes of a rule that do not restrict it (assumed)."""


class Assignment(msgspec.Struct, frozen=True):
    """A variable that a rule sets.

    Attributes:
        name: Its name.
        value: Its value; may quote variables until the rule was evaluated. Empty: it is removed.
        is_secret: Whether the value is not to be shown.
    """

    name: str
    value: str
    is_secret: bool = False


class DynamicRule(msgspec.Struct, frozen=True):
    """One rule.

    Attributes:
        condition: When it applies; None: always.
        assignments: What it sets, in order.
    """

    condition: Condition | None
    assignments: tuple[Assignment, ...]


class Evaluated(NamedTuple):
    """What came of the rules.

    Attributes:
        assignments: What is to be set, in order, with the values of quoted variables.
        undecided: Numbers of the rules that could not be decided, from 1; they set nothing.
    """

    assignments: tuple[Assignment, ...]
    undecided: tuple[int, ...]


def dynamic_rules(
    step: Step, variables: Mapping[str, str] | None = None
) -> tuple[DynamicRule, ...]:
    """Read a step's rules.

    Args:
        step: Of the type `step_types.SET_DYNAMIC_VARIABLES`.
        variables: Task sequence variables; one of the parameter's name overrides it.

    Raises:
        TaskSequenceError: They cannot be read; the message says where. Their author's fault.
    """
    name = _parameter(step)
    document = StepParameters(step, variables).written(name).strip() if name else ""
    if not document:
        return ()
    place = f"step {quoted(step.name)}, {name}"
    root = parse(document, place)
    if root.tag.lower() != "rules":
        raise _refusal(place, f"begins with <{root.tag[:60]}> instead of <Rules>")
    return tuple(
        _rule(_in_lower_case(child), f"{place}, rule {number}")
        for number, child in enumerate(root, start=1)
    )


def names_assigned(step: Step, variables: Mapping[str, str] | None = None) -> frozenset[str]:
    """The names, as written, of all variables that a step's rules may set.

    Raises:
        TaskSequenceError: As `dynamic_rules`.
    """
    rules = dynamic_rules(step, variables)
    return frozenset(item.name for rule in rules for item in rule.assignments)


def evaluate_rules(
    rules: Sequence[DynamicRule], variables: Mapping[str, str], evaluator: ConditionEvaluator
) -> Evaluated:
    """Decide which rules apply, and what they set.

    Args:
        rules: In order.
        variables: Task sequence variables; they are not changed.
        evaluator: Decides what is not about variables.

    Raises:
        TaskSequenceError: A value becomes too long.
    """
    known = Variables(frozen(variables))
    assignments: list[Assignment] = []
    undecided: list[int] = []
    for number, rule in enumerate(rules, start=1):
        verdict = evaluate(rule.condition, known, evaluator)
        if verdict is Verdict.UNDECIDED:
            undecided.append(number)
        if verdict is not Verdict.TRUE:
            continue
        for item in rule.assignments:
            name, value = known.expand(item.name).strip(), known.expand(item.value)
            if value:
                known[name] = value
            else:
                known.pop(name, None)
            assignments.append(Assignment(name, value, item.is_secret))
    return Evaluated(tuple(assignments), tuple(undecided))


def _parameter(step: Step) -> str:
    """The parameter that holds the rules: by its name, else by its value; empty if none does."""
    named = [name for name in step.variables if name.upper().endswith(_RULES_SUFFIX)]
    by_value = (
        name for name, value in step.variables.items() if value.lstrip()[:6].lower() == "<rules"
    )
    return named[0] if named else next(by_value, "")


def _refusal(place: str, fault: str) -> TaskSequenceError:
    return TaskSequenceError(
        f"{place}: {fault}", remedy="Save the step again in the editor, and export the sequence."
    )


def _in_lower_case(element: Element) -> Element:
    """A copy with tags and the names of attributes in lower case."""
    copy = Element(
        element.tag.lower(), {name.lower(): value for name, value in element.attrib.items()}
    )
    copy.text = element.text
    copy.extend(_in_lower_case(child) for child in element)
    return copy


def _rule(element: Element, place: str) -> DynamicRule:
    conditions = [condition for condition in _conditions(element) if condition is not None]
    assignments = tuple(
        _assignment(item, place) for item in element.iterfind("./variables/variable")
    )
    if not conditions:
        return DynamicRule(None, assignments)
    whole = conditions[0] if len(conditions) == 1 else And(tuple(conditions))
    return DynamicRule(whole, assignments)


def _conditions(rule: Element) -> Iterator[Condition | None]:
    """All that restricts a rule; every one of them must hold."""
    restricting = {name: rule.attrib[name] for name in rule.attrib.keys() - _DESCRIPTIVE}
    if restricting:
        yield OtherExpression("attributes of a rule", FrozenVariables(restricting))
    for child in rule:
        if child.tag in _CONDITIONS:
            holder = Element("condition")
            holder.extend(child if child.tag.startswith("condition") else [child])
            yield read_condition(holder)
        elif child.tag != "variables":
            yield OtherExpression(child.tag, FrozenVariables(child.attrib))


def _assignment(element: Element, place: str) -> Assignment:
    name = element.get("name", "").strip()
    if not name:
        raise _refusal(place, "a variable without a name")
    return Assignment(name, text_of(element), element.get("issecret", "").strip().lower() == "true")
