"""Conditions over versions and results, what the machine is asked, and restarts in children."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.client import Client, client_with, steps_of
from tests.cases.shell import shell_line
from tests.cases.test_what_a_step_needs import command, set_variable
from tests.tasksequence.documents import (
    export_zip,
    group,
    operator,
    sequence,
    step,
    subsequence,
    when,
)

RESTART = 16
PREFLIGHT = 14
FAILED = 15
NOT_READY = 4316
SCAN = step(
    "UpgradeOperatingSystemAction",
    "Scan",
    parameters={"OSDUpgradeInstallPackageID": "ABC00003", "OSDUpgradeScanOnly": "true"},
)


def traces(word: str, condition: str) -> str:
    parameters = {"CommandLine": shell_line(f"echo {word} >> %Trace%")}
    return step(name=word, condition=condition, parameters=parameters)


def readiness(**parameters: str) -> str:
    return step("PrestartCheckAction", "ready", parameters=parameters, continueOnError="true")


@pytest.mark.parametrize(
    ("version", "comparison", "other", "ran"),
    [
        ("10.0.19045", "greaterEqual", "10.0.9600", True),
        ("10.0.9600", "less", "10.0.19045", True),
        ("10.0.22631.10", "greater", "10.0.22631.9", True),
        ("10.0", "less", "9.9", False),
        ("10.0.19045", "equals", "10.0.19045", True),
        ("9", "less", "10", True),
    ],
)
def test_versions_are_compared_place_by_place(
    client: Client, version: str, comparison: str, other: str, ran: bool
) -> None:
    condition = when("OSBuild", other, comparison)
    text = sequence(set_variable("OSBuild", version), traces("ran", condition))
    planned = client.plan(text).document["steps"][1]["runs"]
    assert planned == ("yes" if ran else "no")
    assert client.run(text).status == 0
    assert client.traced() == (["ran"] if ran else [])


def test_groups_of_conditions_are_put_together(client: Client) -> None:
    text = sequence(
        set_variable("Model", "A"),
        traces("all", operator("and", when("Model", "a"), when("_SMSTSInWinPE", "false"))),
        traces("any", operator("or", when("Model", "B"), when("Model", operator="exists"))),
        traces("none", operator("not", when("Model", "B"), when("Missing", operator="exists"))),
        traces("never", operator("not", when("Model", "B"), when("Model", "A"))),
    )
    assert client.run(text).status == 0
    assert client.traced() == ["all", "any", "none"]


def test_a_condition_on_what_a_script_decides_is_undecided_in_the_plan(client: Client) -> None:
    text = sequence(
        command("echo Ring=Pilot >> $DLCORE_VARIABLES", "choose"),
        traces("pilot", when("Ring", "Pilot")),
        traces("other", when("Ring", "Pilot", "notEquals")),
    )
    plan = {step["name"]: step["runs"] for step in client.plan(text).document["steps"]}
    assert plan["pilot"] == "undecided"
    assert client.run(text).status == 0
    assert client.traced() == ["pilot"]


def test_a_machine_that_is_ready(client: Client) -> None:
    text = sequence(
        readiness(OSDCheckMemory="true", OSDMemory="1"),
        traces("ready", when("_TS_CRMEMORY", "1")),
        traces("not asked", when("_TS_CRDISK", operator="exists")),
    )
    ended = client.run(text)
    assert ended.status == 0, ended.err
    assert client.traced() == ["ready"]


def test_a_machine_that_is_not_ready(client: Client) -> None:
    text = sequence(
        readiness(
            OSDCheckMemory="true",
            OSDMemory="999999999",
            OSDCheckFreeDiskSpace="true",
            OSDFreeDiskSpace="1",
        ),
        traces("memory", when("_TS_CRMEMORY", "0")),
    )
    ended = client.run(text)
    assert ended.status == 0, ended.err
    assert ended.document["steps"][0]["exit_code"] == NOT_READY
    assert client.traced() == ["memory"]


def test_a_variable_overrides_a_parameter_of_check_readiness(client: Client) -> None:
    text = sequence(
        set_variable("OSDMemory", "1"),
        readiness(OSDCheckMemory="true", OSDMemory="999999999"),
        traces("ready", when("_TS_CRMEMORY", "1")),
    )
    assert client.run(text).status == 0
    assert client.traced() == ["ready"]


def test_a_simulated_scan_leaves_the_code_that_says_that_nothing_was_found(client: Client) -> None:
    text = sequence(
        SCAN,
        group(
            "No issues",
            command("true", "upgrade now"),
            condition=when("_SMSTSOSUpgradeActionReturnCode", "3247440400"),
        ),
        step(
            name="never",
            condition=when("_SMSTSOSUpgradeActionReturnCode", "3247440400", "notEquals"),
        ),
    )
    ended = client.run(text, "--simulate", "0")
    assert ended.status == 0, ended.err
    assert steps_of(ended)["upgrade now"] == "succeeded"
    assert steps_of(ended)["never"] == "condition"


def test_a_simulated_run_never_becomes_a_real_one(client: Client) -> None:
    text = sequence(
        command("echo one >> %Trace%", "one"),
        step("RebootAction", "restart", action="smsboot.exe /target:HD"),
        command("echo two >> %Trace%", "two"),
    )
    assert client.run(text).status == RESTART
    rehearsed = client.run(text, "--simulate", "0")
    assert rehearsed.status not in (0, RESTART), rehearsed
    assert client.run(text).status == 0
    assert client.traced() == ["one", "two"]


def test_a_restart_in_a_child_goes_on_behind_it(client: Client) -> None:
    export = export_zip(
        {
            "ABC00101": sequence(
                subsequence("ABC00102", "child"), command("echo %FromChild% >> %Trace%", "last")
            ),
            "ABC00102": sequence(
                set_variable("FromChild", "kept"),
                step("RebootAction", "restart", action="smsboot.exe /target:HD"),
                command("echo child >> %Trace%", "after the restart"),
            ),
        }
    )
    assert client.run(export).status == RESTART
    assert client.traced() == []
    assert client.run(export).status == 0
    assert client.traced() == ["child", "kept"]


def test_a_restart_into_windows_pe_stops_all_before_anything(client: Client) -> None:
    """Fault: a step restarts into Windows PE. dlcore refuses before anything is run."""
    text = sequence(
        command("echo ran > %Trace%"),
        step("RebootAction", "to PE", action="smsboot.exe /target:WinPE"),
    )
    ended = client.run(text)
    assert ended.status == PREFLIGHT
    assert "Windows PE" in ended.err
    assert client.traced() == []


def test_a_script_that_asks_for_windows_pe_fails_its_step(client: Client) -> None:
    text = sequence(
        command("echo SMSTSRebootRequested=WinPE >> $DLCORE_VARIABLES", "firmware"),
        command("echo next >> %Trace%"),
    )
    ended = client.run(text)
    assert ended.status == FAILED
    assert "Windows PE" in steps_of(ended)["firmware"]
    assert client.traced() == []


def test_a_built_in_variable_that_the_settings_set_counts_more(
    published: Path, tmp_path: Path
) -> None:
    client = client_with(published, tmp_path, OSDComputerName="PC-0815")
    assert client.run(sequence(command("echo %OSDComputerName% > %Trace%"))).status == 0
    assert client.traced() == ["PC-0815"]


def test_a_read_only_variable_is_not_set(client: Client) -> None:
    text = sequence(set_variable("_SMSTSInWinPE", "true"), command("echo ran > %Trace%"))
    ended = client.run(text)
    assert ended.status == FAILED
    assert "_SMSTSInWinPE" in ended.err
    assert client.traced() == []


def test_a_value_that_is_not_to_be_shown_is_in_no_output(client: Client) -> None:
    parameters = {
        "VariableName": "Key",
        "VariableValue": "hunter22",
        "DoNotShowVariableValue": "true",
    }
    text = sequence(
        step("SetVariableAction", "hide", parameters=parameters),
        command("echo %Key% > %Trace%; echo the key is %Key%; exit 9", "use"),
    )
    ended = client.run(text, "-vv")
    assert ended.status == FAILED
    assert client.traced() == ["hunter22"]
    assert "hunter22" not in ended.out + ended.err
