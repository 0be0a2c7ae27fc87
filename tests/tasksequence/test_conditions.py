"""Conditions: how they are read, and how they are decided in three values."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.tasksequence import (
    And,
    Condition,
    Expression,
    FileExpression,
    FolderExpression,
    FrozenVariables,
    Not,
    Operator,
    Or,
    OtherExpression,
    RegistryExpression,
    VariableExpression,
    Verdict,
    WmiExpression,
    evaluate,
    undecided,
)
from tests.tasksequence.conditions import conditions_of
from tests.tasksequence.documents import (
    LAW,
    element,
    expression,
    group,
    operator,
    read_steps,
    step,
    variables,
    when,
)

T, F, U = Verdict.TRUE, Verdict.FALSE, Verdict.UNDECIDED
ANSWERS = {"yes": T, "no": F, "unknown": U}
YES, NO, UNKNOWN = (WmiExpression(query) for query in ANSWERS)


def answering(expression: Expression, variables: Mapping[str, str]) -> Verdict:
    del variables
    assert isinstance(expression, WmiExpression)
    return ANSWERS[expression.query]


def decide(condition: Condition | None) -> Verdict:
    return evaluate(condition, {}, answering)


def condition_of(text: str) -> Condition | None:
    return read_steps(step(condition=text)).steps[0].condition


# reading


def test_every_expression_keeps_its_parameters() -> None:
    assert condition_of(when("Model", "%x%", "like")) == VariableExpression(
        "Model", Operator.LIKE, "%x%"
    )
    assert condition_of(
        expression(
            "File",
            Path="C:\\a",
            Version="1.2",
            VersionOperator="greaterEqual",
            DateTime="20200105014820.000000+000",
            DateTimeOperator="less",
        )
    ) == FileExpression(
        "C:\\a", "1.2", Operator.GREATER_EQUAL, "20200105014820.000000+000", Operator.LESS
    )
    assert condition_of(expression("Folder", Path="C:\\b")) == FolderExpression("C:\\b")
    assert condition_of(
        expression(
            "Registry", KeyPath="HKLM\\S", Operator="exists", Type="REG_SZ", Value="V", Data="D"
        )
    ) == RegistryExpression("HKLM\\S", Operator.EXISTS, "V", "REG_SZ", "D")
    assert condition_of(expression("WMI", Namespace="root\\wmi", Query="Q")) == WmiExpression(
        "Q", "root\\wmi"
    )
    assert condition_of(expression("WMI", Query="Q")) == WmiExpression("Q", "root\\cimv2")


def test_an_unknown_expression_is_kept_and_nobody_decides_it() -> None:
    software = condition_of(expression("Software", ProductCode="{1}"))
    assert software == OtherExpression(
        "SMS_TaskSequence_SoftwareConditionExpression", FrozenVariables({"ProductCode": "{1}"})
    )
    assert evaluate(software, {}, undecided) is U
    for odd in (
        when("A", "b", "resembles"),
        expression("Registry", KeyPath="k", Operator="?"),
        expression("File", Path="p", VersionOperator="?"),
        expression("Folder", Path="p", DateTimeOperator="?"),
        operator("xor", when("A"), when("B")),
    ):
        found = condition_of(odd)
        assert isinstance(found, OtherExpression)


def test_several_expressions_without_an_operator_must_all_hold() -> None:
    found = condition_of(when("A", "1") + when("B", "2"))
    assert isinstance(found, And)
    assert evaluate(found, {"a": "1", "b": "2"}, undecided) is T
    assert evaluate(found, {"a": "1"}, undecided) is F


def test_operators_nest() -> None:
    found = condition_of(
        operator("or", operator("and", when("A", "1"), when("B", "1")), when("C", "1"))
    )
    for a, b, c in itertools.product("01", repeat=3):
        expected = Verdict.of((a == "1" and b == "1") or c == "1")
        assert evaluate(found, {"A": a, "B": b, "C": c}, undecided) is expected


def test_not_over_several_means_that_none_holds() -> None:
    found = condition_of(operator("not", when("A", "1"), when("B", "1")))
    for a, b in itertools.product("01", repeat=2):
        expected = Verdict.of(a == "0" and b == "0")
        assert evaluate(found, {"A": a, "B": b}, undecided) is expected


@pytest.mark.parametrize("text", ["", operator("and"), operator("or", operator("not"))])
def test_a_condition_without_expressions_always_holds(text: str) -> None:
    found = read_steps(group("G", f"<condition>{text}</condition>")).groups[1].condition
    assert found is None
    assert evaluate(found, {}, undecided) is T


def test_operating_system_groups_are_operators() -> None:
    def system(name: str, *inside: str) -> str:
        return element("osExpressionGroup", {"Name": name}, *inside)

    query = expression("WMI", Query="yes")
    found = condition_of(
        element("osConditionGroup", {"type": "or"}, system("10", query, query), system("11", query))
    )
    assert found == Or((And((YES, YES)), YES))
    bare = condition_of(element("osConditionGroup", {"type": "or"}, system("10"), system("11")))
    assert isinstance(bare, Or)
    assert all(isinstance(o, OtherExpression) for o in bare.operands)


def test_parameters_beside_expressions_are_no_operands() -> None:
    assert condition_of(variables({"Name": "x"}) + when("A", "1")) == VariableExpression(
        "A", Operator.EQUALS, "1"
    )


# variable expressions


@pytest.mark.parametrize(
    ("actual", "operator_name", "value", "holds"),
    [
        ("True", "equals", "TRUE", True),
        ("True", "notEquals", "true", False),
        ("10", "equals", "10.0", False),
        ("10", "greater", "9", True),
        ("10", "less", "9", False),
        ("-1", "less", "0", True),
        ("1.5", "greaterEqual", "1.25", True),
        ("9007199254740993", "greater", "9007199254740992", True),
        ("10", "lessEqual", "10", True),
        ("b", "greater", "A", True),
        ("10.0.19045", "greaterEqual", "10.0.9600", True),
        ("10.0.19041", "less", "10.0.2", False),
        ("10.0.9600", "greater", "6.3", True),
        ("10.0.19045", "greater", "9", True),
        ("10.0.0", "lessEqual", "10.0", True),
        ("10.0.0", "equals", "10.0", False),
        ("10.0.x", "less", "10.0.2", False),  # not a version, so text
        ("x", "exists", "", True),
        ("", "exists", "", False),
        ("", "notExists", "", True),
        (None, "exists", "", False),
        (None, "notExists", "", True),
        (None, "equals", "", True),
        (None, "equals", "x", False),
        (None, "notEquals", "x", True),
        (None, "less", "5", False),
        (None, "greaterEqual", "", False),
        ("Latitude E7270", "like", "%e7270%", True),
        ("Latitude E7270", "like", "Lat*", True),
        ("Latitude E7270", "like", "Latitude E72?0", True),
        ("Latitude E7270", "like", "Latitude", False),
        ("Latitude E7270", "notLike", "*HP*", True),
        ("a[b]", "like", "A[B]", True),
        ("", "like", "*", True),
        ("value", "equals", "%other%", True),
        ("%other%", "equals", "%unknown%", False),
    ],
)
def test_variables_compare_without_regard_to_case(
    actual: str | None, operator_name: str, value: str, holds: bool
) -> None:
    known = {"OTHER": "VALUE"} | ({} if actual is None else {"tested": actual})
    found = condition_of(when("Tested", value, operator_name))
    assert evaluate(found, known, undecided) is Verdict.of(holds)


@pytest.mark.parametrize("name", ["EQUALS", "notequals", "greaterThan", "LessEquals"])
def test_operators_are_known_in_every_spelling(name: str) -> None:
    assert isinstance(condition_of(when("A", "1", name)), VariableExpression)


def test_matching_a_hostile_pattern_takes_no_exponential_time() -> None:
    found = VariableExpression("A", Operator.LIKE, "*a" * 200 + "b")
    assert evaluate(found, {"A": "a" * 2000}, undecided) is F


# the logic

VERDICTS = st.sampled_from([YES, NO, UNKNOWN])
CONDITIONS = conditions_of(VERDICTS, fewest=1, max_leaves=12)


@pytest.mark.parametrize(
    ("left", "right", "both", "either"),
    [
        (YES, YES, T, T),
        (YES, NO, F, T),
        (YES, UNKNOWN, U, T),
        (NO, NO, F, F),
        (NO, UNKNOWN, F, U),
        (UNKNOWN, UNKNOWN, U, U),
    ],
)
def test_the_tables_are_those_of_kleene(
    left: Expression, right: Expression, both: Verdict, either: Verdict
) -> None:
    for pair in ((left, right), (right, left)):
        assert decide(And(pair)) is both
        assert decide(Or(pair)) is either
    assert [decide(Not(c)) for c in (YES, NO, UNKNOWN)] == [F, T, U]


@LAW
@given(CONDITIONS, CONDITIONS, CONDITIONS)
def test_the_laws_of_the_logic_hold(a: Condition, b: Condition, c: Condition) -> None:
    assert decide(Not(Not(a))) is decide(a)
    assert decide(Not(And((a, b)))) is decide(Or((Not(a), Not(b))))
    assert decide(Not(Or((a, b)))) is decide(And((Not(a), Not(b))))
    assert decide(And((a, b))) is decide(And((b, a)))
    assert decide(Or((a, And((b, c))))) is decide(And((Or((a, b)), Or((a, c)))))
    assert decide(And((a, Or((a, b))))) is decide(a)
    assert decide(And((a, b, c))) is decide(And((And((a, b)), c)))
    assert decide(And(())) is T
    assert decide(Or(())) is F


@LAW
@given(CONDITIONS)
def test_a_decided_verdict_stays_whatever_the_unknown_turns_out_to_be(a: Condition) -> None:
    now = decide(a)
    for later in (T, F):

        def answer(
            expression: Expression, variables: Mapping[str, str], later: Verdict = later
        ) -> Verdict:
            known = answering(expression, variables)
            return later if known is U else known

        assert now in (U, evaluate(a, {}, answer))


@LAW
@given(st.text("aAbB*", max_size=8), st.text("aAbB", max_size=8))
def test_like_agrees_with_its_definition(pattern: str, text: str) -> None:
    def matches(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "*":
            return any(matches(pattern[1:], text[n:]) for n in range(len(text) + 1))
        return bool(text) and pattern[0] == text[0] and matches(pattern[1:], text[1:])

    found = evaluate(VariableExpression("V", Operator.LIKE, pattern), {"V": text}, undecided)
    assert found is Verdict.of(matches(pattern.lower(), text.lower()))


@LAW
@given(st.text("019.-aZ", min_size=1), st.text("019.-aZ", min_size=1))
def test_the_orderings_agree_with_each_other(left: str, right: str) -> None:
    def holds(name: Operator) -> bool:
        return evaluate(VariableExpression("V", name, right), {"V": left}, undecided) is T

    assert holds(Operator.LESS) is not holds(Operator.GREATER_EQUAL)
    assert holds(Operator.GREATER) is not holds(Operator.LESS_EQUAL)
    assert not (holds(Operator.LESS) and holds(Operator.GREATER))
    assert holds(Operator.EQUALS) is not holds(Operator.NOT_EQUALS)
