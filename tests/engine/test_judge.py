"""What is decided for good, what beforehand, and what cannot be told yet."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.deployment import Undecided
from dlcore.engine.judge import Judge
from dlcore.errors import StepError
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
    from_facts,
    undecided,
)
from tests.schedule.packages import LAW

YES, NO, OPEN = Verdict.TRUE, Verdict.FALSE, Verdict.UNDECIDED
WMI = WmiExpression("SELECT 1")
FILE = FileExpression("C:\\x")
ON_DISK = [FILE, FolderExpression("C:\\y"), RegistryExpression("HKLM\\z", Operator.EXISTS)]
X_IS_1 = VariableExpression("X", Operator.EQUALS, "1")


def foresee(
    judge: Judge, condition: Condition, unknown: set[str] | None = None, *, disk: bool = False
) -> Verdict:
    return judge.foresee(condition, {"X": "1"}, frozenset(unknown or ()), disk_may_change=disk)


@pytest.mark.parametrize(
    ("policy", "verdict"), [(Undecided.SKIP, OPEN), (Undecided.RUN, YES)], ids=str
)
def test_the_settings_say_what_an_undecided_condition_means(
    policy: Undecided, verdict: Verdict
) -> None:
    assert Judge(undecided, policy).decide(WMI, {}, "step") is verdict


def test_the_settings_may_say_to_fail() -> None:
    with pytest.raises(StepError, match="'my step'"):
        Judge(undecided, Undecided.FAIL).decide(WMI, {}, "my step")


@pytest.mark.parametrize(
    ("policy", "verdict"), [(Undecided.SKIP, NO), (Undecided.RUN, YES), (Undecided.FAIL, NO)]
)
def test_what_nobody_will_ever_decide_is_foreseen_by_the_settings(
    policy: Undecided, verdict: Verdict
) -> None:
    assert foresee(Judge(undecided, policy), WMI, {"X"}, disk=True) is verdict


def test_a_variable_that_nobody_writes_is_foreseen() -> None:
    assert foresee(Judge(undecided), X_IS_1, {"Y"}) is YES


def test_a_variable_that_somebody_writes_is_not() -> None:
    assert foresee(Judge(undecided), X_IS_1, {"X"}) is OPEN


@pytest.mark.parametrize("expression", ON_DISK, ids=lambda e: type(e).__name__)
def test_the_disk_is_foreseen_until_it_may_change(expression: Expression) -> None:
    judge = Judge(lambda e, v: YES)
    assert foresee(judge, expression) is YES
    assert foresee(judge, expression, disk=True) is OPEN


def test_hardware_does_not_change() -> None:
    assert foresee(Judge(from_facts({"SELECT 1": True})), WMI, disk=True) is YES


def test_an_open_operand_need_not_leave_the_whole_open() -> None:
    judge = Judge(from_facts({"SELECT 1": True}))
    assert foresee(judge, Or((FILE, WMI)), disk=True) is YES
    assert foresee(judge, And((FILE, Not(WMI))), disk=True) is NO
    assert foresee(judge, And((FILE, WMI)), disk=True) is OPEN


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
    policy=st.sampled_from([Undecided.SKIP, Undecided.RUN]),
)
def test_what_is_foreseen_comes_true(
    condition: Condition,
    now: dict[Expression, Verdict],
    changed: dict[Expression, Verdict],
    y: str,
    policy: Undecided,
) -> None:
    """Whatever becomes of the disk and of the variable Y, which may both change."""
    later = {**now, **{e: v for e, v in changed.items() if e in ON_DISK}}

    def knowing(answers: Mapping[Expression, Verdict]) -> Judge:
        return Judge(lambda expression, _: answers.get(expression, OPEN), policy)

    foreseen = foresee(knowing(now), condition, {"Y"}, disk=True)
    decided = knowing(later).decide(condition, {"X": "1", "Y": y}, "step")
    if foreseen is not OPEN:
        assert (decided is YES) == (foreseen is YES)
