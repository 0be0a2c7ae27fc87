"""What a condition will come to: what is told beforehand comes true."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.tasksequence import (
    And,
    Condition,
    Expression,
    FileExpression,
    FolderExpression,
    Not,
    Operator,
    Or,
    RegistryExpression,
    VariableExpression,
    Verdict,
    WmiExpression,
    evaluate,
    from_facts,
    undecided,
)
from dlcore.tasksequence.foreseen_conditions import ConditionForesight
from tests.tasksequence.documents import LAW

YES, NO, OPEN = Verdict.TRUE, Verdict.FALSE, Verdict.UNDECIDED
WMI = WmiExpression("SELECT 1")
FILE = FileExpression("C:\\x")
ON_DISK = [FILE, FolderExpression("C:\\y"), RegistryExpression("HKLM\\z", Operator.EXISTS)]
X_IS_1 = VariableExpression("X", Operator.EQUALS, "1")


def foresee(
    foresight: ConditionForesight,
    condition: Condition,
    unknown: set[str] | None = None,
    *,
    disk: bool = False,
) -> Verdict:
    return foresight.foresee(
        condition,
        {"X": "1"},
        lambda names: not names.isdisjoint(unknown or ()),
        disk_may_change=disk,
    )


def test_no_condition_holds() -> None:
    assert (
        ConditionForesight(undecided).foresee(None, {}, lambda _: True, disk_may_change=True) is YES
    )


@pytest.mark.parametrize("unanswered", Verdict)
def test_what_nobody_will_ever_decide_counts_as_the_caller_says(unanswered: Verdict) -> None:
    assert foresee(ConditionForesight(undecided, unanswered), WMI, {"X"}, disk=True) is unanswered


def test_a_variable_that_nobody_writes_is_foreseen() -> None:
    assert foresee(ConditionForesight(undecided), X_IS_1, {"Y"}) is YES


def test_a_variable_that_somebody_writes_is_not() -> None:
    assert foresee(ConditionForesight(undecided), X_IS_1, {"X"}) is OPEN


@pytest.mark.parametrize("expression", ON_DISK, ids=lambda e: type(e).__name__)
def test_the_disk_is_foreseen_until_it_may_change(expression: Expression) -> None:
    foresight = ConditionForesight(lambda e, v: YES)
    assert foresee(foresight, expression) is YES
    assert foresee(foresight, expression, disk=True) is OPEN


def test_hardware_does_not_change() -> None:
    assert foresee(ConditionForesight(from_facts({"SELECT 1": True})), WMI, disk=True) is YES


def test_an_open_operand_need_not_leave_the_whole_open() -> None:
    foresight = ConditionForesight(from_facts({"SELECT 1": True}))
    assert foresee(foresight, Or((FILE, WMI)), disk=True) is YES
    assert foresee(foresight, And((FILE, Not(WMI))), disk=True) is NO
    assert foresee(foresight, And((FILE, WMI)), disk=True) is OPEN


EXPRESSIONS: st.SearchStrategy[Condition] = st.sampled_from(
    [X_IS_1, VariableExpression("Y", Operator.EXISTS), WMI, *ON_DISK]
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    EXPRESSIONS,
    lambda inner: st.one_of(
        st.builds(And, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
)
VERDICTS = st.dictionaries(
    st.sampled_from([WMI, *ON_DISK]), st.sampled_from([YES, NO, OPEN]), max_size=4
)


@LAW
@given(
    condition=CONDITIONS,
    now=VERDICTS,
    changed=VERDICTS,
    y=st.sampled_from(["", "1"]),
    unanswered=st.sampled_from([YES, NO]),
)
def test_what_is_foreseen_comes_true(
    condition: Condition,
    now: dict[Expression, Verdict],
    changed: dict[Expression, Verdict],
    y: str,
    unanswered: Verdict,
) -> None:
    """Whatever becomes of the disk and of the variable Y, which may both change."""
    later = {**now, **{e: v for e, v in changed.items() if e in ON_DISK}}

    foresight = ConditionForesight(lambda expression, _: now.get(expression, OPEN), unanswered)
    foreseen = foresee(foresight, condition, {"Y"}, disk=True)
    decided = evaluate(
        condition, {"X": "1", "Y": y}, lambda expression, _: later.get(expression, OPEN)
    )
    if decided is OPEN:
        decided = unanswered
    if foreseen is not OPEN:
        assert (decided is YES) == (foreseen is YES)
