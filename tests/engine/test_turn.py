"""The times of one step: a wait ends with the step's start, and does not begin after it."""

from __future__ import annotations

import pytest

from dlcore.engine.running.state import StepResult
from dlcore.engine.running.turn import Turn
from dlcore.steps.interface import Outcome
from dlcore.tasksequence import read
from tests.engine.scene import sequence, step


def turn() -> Turn:
    return Turn(read(sequence(step("Apply settings")), source="test").steps[0], (), 1.0)


def result(of: Turn, now_s: float) -> StepResult:
    ended = of.end_attempt(Outcome(), now_s, is_final=False)
    assert ended is not None
    return ended


def test_a_wait_lasts_until_the_step_starts() -> None:
    item = turn()
    item.begin_wait(2.0)
    item.begin_wait(3.0)
    assert item.start(5.0, 5.0) == 3.0
    ended = result(item, 9.0)
    assert (ended.stall_s, ended.run_s) == (3.0, 4.0)


def test_a_step_that_has_started_does_not_wait_any_more() -> None:
    item = turn()
    assert item.start(1.0, 1.0) == 0.0
    item.begin_wait(2.0)
    ended = result(item, 5.0)
    assert (ended.stall_s, ended.run_s) == (0.0, 4.0)


def test_the_time_in_which_the_state_is_saved_is_no_wait() -> None:
    item = turn()
    item.begin_wait(2.0)
    assert item.start(5.0, 6.0) == 3.0
    ended = result(item, 9.0)
    assert (ended.stall_s, ended.run_s) == (3.0, 3.0)


def test_a_step_that_needs_no_content_does_not_wait() -> None:
    """Fault: the report names a step that waits for content, and it needs none. It has no wait."""
    item = turn()
    assert item.start(1.5, 2.0) == 0.0
    assert result(item, 5.0).stall_s == 0.0


@pytest.mark.parametrize(
    ("kind", "meaning"),
    [
        ("UpgradeOperatingSystemAction", "CONX_SETUP_EXITCODE_RESUME_AT_COMPAT_REPORT"),
        ("RunCommandLineAction", "ERROR_ACCESS_DENIED"),
    ],
)
def test_a_code_is_explained_as_the_program_of_the_step_means_it(kind: str, meaning: str) -> None:
    (only,) = read(sequence(step("x", kind)), source="test").steps
    ended = Turn(only, (), 1.0).end_attempt(Outcome(5), 2.0, is_final=True)
    assert ended is not None
    assert ended.explanation.startswith(meaning)
