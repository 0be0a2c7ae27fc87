"""When the command line in ``SMSTSPostAction`` is started: once, when a run has ended."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from dlcore.engine.state_file import STATE_FILE
from dlcore.steps.interface import Outcome
from dlcore.tasksequence import Variables
from tests.engine.machine import Acting, Machine, exits, parsed
from tests.engine.scene import step

LINE = "shutdown.exe /r /t 30 %Force%"


class Noted:
    """Starts nothing. Implements `PostAction`.

    Attributes:
        started: The lines.
        had_state: Whether the run's state was still on disk then.
    """

    def __init__(self, state: Path) -> None:
        self.started: list[str] = []
        self.had_state: list[bool] = []
        self._state = state

    def start(self, line: str, variables: Variables, folder: Path) -> None:
        assert folder.is_dir()
        assert variables["Force"] == "/f"
        self.started.append(line)
        self.had_state.append((self._state / STATE_FILE).exists())


@pytest.fixture
def noted(machine: Machine) -> Noted:
    machine.variables = {"SMSTSPostAction": LINE, "Force": "/f"}
    machine.post_action = noted = Noted(machine.state)
    return noted


@pytest.mark.parametrize("code", [0, 7])
def test_it_is_started_when_the_run_has_ended_however_it_ended(
    machine: Machine, noted: Noted, code: int
) -> None:
    """Fault: the post action restarts the machine at once. The next run does not repeat it."""
    machine.run(parsed(step("last")), exits(last=code))
    assert noted.started == [LINE]
    assert noted.had_state == [False], "a restart that it causes finds a run that has ended"


def test_it_is_not_started_before_the_run_has_ended(machine: Machine, noted: Noted) -> None:
    executor = Acting(lambda step, *_: Outcome(restart=step.name == "boot"))
    tree = parsed(step("boot"), step("last"))
    machine.run(tree, executor)
    assert noted.started == []
    machine.run(tree, executor)
    assert noted.started == [LINE]


def test_a_step_may_say_what_it_is(machine: Machine, noted: Noted) -> None:
    sets = step("set", "SetVariableAction", VariableName="SMSTSPostAction", VariableValue="other")
    machine.run(parsed(sets))
    assert noted.started == ["other"]


def test_without_one_to_start_it_it_is_told(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    machine.variables = {"SMSTSPostAction": LINE}
    machine.run(parsed())
    assert "SMSTSPostAction is not started" in caplog.text
