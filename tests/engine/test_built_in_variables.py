"""The variables that the engine sets by itself, and the table of all that are documented."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from dlcore.engine.running.built_in_variables import initial_variables
from dlcore.engine.running.documented_variables import DOCUMENTED_VARIABLES, Use
from dlcore.steps.interface import Outcome
from dlcore.tasksequence import Step, Variables, read
from dlcore.tasksequence.set_variable import is_read_only
from tests.engine.machine import OS, Acting, Machine, parsed
from tests.engine.scene import deployment, sequence, step, upgrade
from tests.machine.told import LAPTOP, ToldMachine

PC = ToldMachine(**LAPTOP)

TREE = read(
    b'<sequence version="3.10" name="In-place upgrade"><globalVarList><variable name="_smstsTYPE">'
    b'7</variable><variable name="Ring">global</variable></globalVarList>'
    b'<step type="SMS_TaskSequence_RebootAction" name="x"/></sequence>',
    source="test",
)


def test_what_is_set_before_the_first_step_is_what_the_table_says(tmp_path: Path) -> None:
    tree = read(sequence(upgrade(OS)), source="test")
    names = {*initial_variables(tree, None, tmp_path, PC)}
    listed = {row.name for row in DOCUMENTED_VARIABLES if row.use is Use.START}
    told_by_some_exports = {"_SMSTSPackageID", "_SMSTSPackageName", "_SMSTSBootImageID"}
    assert names == listed - told_by_some_exports


def test_the_table_names_each_variable_once_and_says_something_of_each() -> None:
    names = [row.name.upper() for row in DOCUMENTED_VARIABLES]
    assert len(set(names)) == len(names) > 200
    assert all(row.note for row in DOCUMENTED_VARIABLES)


def test_values_come_from_the_sequence_the_deployment_and_the_machine(tmp_path: Path) -> None:
    settings = deployment(tmp_path, variables={"ring": "pilot", "OSDComputerName": "PC-NEW"})
    found = initial_variables(TREE, settings, tmp_path, PC)
    assert found["_SMSTSInWinPE"] == "false"
    assert found["_SMSTSLaunchMode"] == "SMS"
    assert found["_SMSTSPackageName"] == "In-place upgrade"
    assert found["_SMSTSMachineName"] == "PC0042"
    assert found["OSDComputerName"] == "PC-NEW", (
        "the deployment's counts more than what is built in"
    )
    assert found["_SMSTSType"] == "7", "the sequence's counts more than what is built in"
    assert found["Ring"] == "pilot", "the deployment's counts more than the sequence's"
    assert found["_SMSTSMDataPath"] == str(tmp_path / "work")
    assert initial_variables(TREE, settings, tmp_path, PC)["_SMSTSDownloadOnDemand"] == "true"
    first = deployment(tmp_path, download="before-start")
    assert initial_variables(TREE, first, tmp_path, PC)["_SMSTSDownloadOnDemand"] == "false"


@pytest.mark.parametrize(("installs", "told"), [(True, "2"), (False, "1")])
def test_a_sequence_that_installs_a_system_is_of_the_other_type(installs: bool, told: str) -> None:
    tree = read(sequence(upgrade(OS) if installs else step("x")), source="test")
    assert initial_variables(tree, machine=PC)["_SMSTSType"] == told


def test_what_the_machine_does_not_tell_is_not_set() -> None:
    """Fault: the machine does not answer a question. dlcore leaves its variable unset."""
    found = initial_variables(TREE, machine=ToldMachine())
    of_machine = {"_SMSTSMachineName", "OSDComputerName", "_SMSTSBootUEFI", "_TSSecureBoot"}
    of_state = {"_SMSTSMDataPath", "_SMSTSLogPath"}
    assert not {*of_machine, *of_state, "_SMSTSTimezone"} & {*found}
    assert initial_variables(TREE, machine=ToldMachine(is_uefi=False))["_SMSTSBootUEFI"] == "false"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("_SMSTSType", True), (" _x", True), ("OSD_x", False), ("_osdMigrateUsmtPackageID", False)],
)
def test_names_that_begin_with_an_underscore_are_read_only(name: str, expected: bool) -> None:
    assert is_read_only(name) is expected


def test_what_a_restart_changed_is_told_anew_unless_it_was_given(machine: Machine) -> None:
    machine.variables = {"_TSSecureBoot": "Disabled"}
    seen: list[tuple[str, str, str]] = []

    def act(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        names = ("_SMSTSBootUEFI", "_TSSecureBoot", "OSDComputerName")
        seen.append(tuple(variables[name] for name in names))  # type: ignore[arg-type]
        variables["OSDComputerName"] = "PC-NEW"
        return Outcome(restart=step.name == "mbr2gpt")

    machine.computer.tell(is_uefi=False)
    tree = parsed(step("mbr2gpt"), step("last"))
    machine.run(tree, Acting(act))
    machine.computer.tell(is_uefi=True)
    machine.run(tree, Acting(act))
    assert seen[0] == ("false", "Disabled", "PC0042")
    assert seen[-1] == ("true", "Disabled", "PC-NEW")


def test_no_setting_makes_steps_for_windows_pe_run(tmp_path: Path) -> None:
    """Fault: a setting says that Windows PE runs. dlcore takes no step for one that fits."""
    settings = deployment(tmp_path, variables={"_smstsinwinpe": "true"})
    assert initial_variables(TREE, settings, tmp_path)["_SMSTSInWinPE"] == "false"
