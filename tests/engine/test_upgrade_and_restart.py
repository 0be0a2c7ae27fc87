"""An upgrade, the restart behind it, and what Windows Setup's scripts tell the run that goes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from dlcore.engine.running.work_folders import work_folder
from dlcore.steps.interface import Job, Outcome
from dlcore.steps.post_upgrade import RESULT_FILE, SCRIPT_FOLDER
from dlcore.steps.registry import StepExecutors
from dlcore.steps.restart import RestartComputer
from dlcore.steps.upgrade import UpgradeOperatingSystem
from dlcore.tasksequence import Step, Variables, read
from dlcore.tasksequence.step_types import RESTART, RUN_COMMAND_LINE, UPGRADE
from tests.engine.machine import Acting, Machine
from tests.engine.scene import sequence, step


class GoodSetup:
    """Succeeds. Implements `SetupRunner`."""

    def obstacle(self) -> str:
        return ""

    async def run(self, job: Job, program: Path, line: str) -> Outcome:
        return Outcome()


@pytest.mark.parametrize(
    ("note", "rolled_back"), [("", "false"), ("completed", "false"), ("rolled back", "true")]
)
def test_the_run_knows_after_the_restart_whether_the_upgrade_was_rolled_back(
    machine: Machine, tmp_path: Path, note: str, rolled_back: str
) -> None:
    """Fault: the upgrade is rolled back after the restart. dlcore knows it when the run goes on."""
    media = tmp_path / "media"
    media.mkdir()
    (media / "setup.exe").touch()
    told: list[str] = []

    def act(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        told.append(variables["_SMSTSSetupRollback"])
        return Outcome()

    executors = StepExecutors(
        {
            UPGRADE: UpgradeOperatingSystem(GoodSetup()),
            RESTART: RestartComputer(),
            RUN_COMMAND_LINE: Acting(act),
        }
    )
    tree = read(
        sequence(
            step("upgrade", "UpgradeOperatingSystemAction", OSDUpgradeInstallPath=str(media)),
            step("before"),
            step("restart", "RebootAction"),
            step("after"),
        ),
        source="test",
    )
    assert machine.run(tree, executors).outcome == "restart"
    if note:
        (work_folder(machine.state) / SCRIPT_FOLDER / RESULT_FILE).write_text(note + "\r\n")
    assert machine.run(tree, executors).outcome == "succeeded"
    assert told == ["false", rolled_back]
