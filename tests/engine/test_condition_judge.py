"""What is decided for good, and what a condition that nobody can decide counts as."""

from __future__ import annotations

import pytest

from dlcore.deployment import Undecided
from dlcore.engine.running.condition_judge import Judge
from dlcore.errors import StepError
from dlcore.tasksequence import Verdict, WmiExpression, undecided

WMI = WmiExpression("SELECT 1")


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [(Undecided.SKIP, Verdict.UNDECIDED), (Undecided.RUN, Verdict.TRUE)],
    ids=str,
)
def test_the_settings_say_what_an_undecided_condition_means(
    policy: Undecided, verdict: Verdict
) -> None:
    assert Judge(undecided, policy).decide(WMI, {}, "step") is verdict


def test_the_settings_may_say_to_fail() -> None:
    with pytest.raises(StepError, match="'my step'"):
        Judge(undecided, Undecided.FAIL).decide(WMI, {}, "my step")


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [
        (Undecided.SKIP, Verdict.FALSE),
        (Undecided.RUN, Verdict.TRUE),
        (Undecided.FAIL, Verdict.FALSE),
    ],
)
def test_what_nobody_will_ever_decide_is_foreseen_by_the_settings(
    policy: Undecided, verdict: Verdict
) -> None:
    assert Judge(undecided, policy).foreseen() is verdict
