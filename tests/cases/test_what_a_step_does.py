"""Where and whether a step runs, what it sets, and what a restart means."""

from __future__ import annotations

import pytest

from tests.cases.client import Client, steps_of
from tests.cases.shell import shell_line
from tests.cases.test_what_a_step_needs import command, download, set_variable
from tests.tasksequence.documents import (
    export_zip,
    group,
    sequence,
    step,
    subsequence,
    when,
)

RESTART = 16
PREFLIGHT = 14
RULES = (
    '<Rules><Rule><Variables><Variable Name="Ring" IsSecret="false">Pilot</Variable></Variables>'
    "</Rule></Rules>"
)
UPGRADE = step(
    "UpgradeOperatingSystemAction",
    "Upgrade",
    action="OSDUpgradeOS.exe",
    parameters={"OSDUpgradeInstallPackageID": "ABC00003"},
)


def test_a_step_for_windows_pe_does_not_run(client: Client) -> None:
    """Fault: a step is meant for Windows PE. dlcore leaves it out, and fetches nothing for it."""
    text = sequence(
        group(
            "Full OS only",
            command("echo ran >> %Trace%", "upgrade", "ABC00001"),
            condition=when("_SMSTSInWinPE", "false"),
        ),
        command("echo in-pe >> %Trace%", "winpe only", "ABC00003", runIn="WinPE"),
        command("echo also >> %Trace%", "everywhere", runIn="WinPEandFullOS"),
        command("echo full >> %Trace%", "full OS", runIn="FullOS"),
    )
    ended = client.run(text)
    assert ended.status == 0, ended.err
    assert client.traced() == ["ran", "also", "full"]
    assert steps_of(ended)["winpe only"] not in ("succeeded", "failed")
    assert not list(client.state.glob("packages/ABC00003*"))


def test_a_group_for_windows_pe_does_not_run(client: Client) -> None:
    text = sequence(
        group(
            "PE",
            command("echo in-pe >> %Trace%", package="ABC00003"),
            condition=when("_SMSTSInWinPE", "true"),
        )
    )
    assert client.run(text).status == 0
    assert client.traced() == []


def test_a_restart_that_a_step_asks_for_by_a_variable(client: Client) -> None:
    text = sequence(
        command("echo SMSTSRebootRequested=HD >> $DLCORE_VARIABLES", "firmware"),
        command("echo next >> %Trace%", "next"),
    )
    ended = client.run(text)
    assert ended.status == RESTART, ended.err
    assert client.traced() == []
    assert client.run(text).status == 0
    assert client.traced() == ["next"]


@pytest.mark.posix_only(reason="its command counts lines in a shell")
def test_a_step_that_asks_to_be_run_again_after_the_restart(client: Client) -> None:
    ask = (
        "echo try >> %Trace%; if [ $(wc -l < %Trace%) -lt 2 ]; then "
        "printf 'SMSTSRebootRequested=true\\nSMSTSRetryRequested=true\\n' >> $DLCORE_VARIABLES; fi"
    )
    text = sequence(command(ask, "firmware"), command("echo next >> %Trace%", "next"))
    assert client.run(text).status == RESTART
    assert client.run(text).status == 0
    assert client.traced() == ["try", "try", "next"]


def test_an_exit_code_that_asks_for_a_restart(client: Client) -> None:
    text = sequence(
        command("exit 16", "sixteen bits are not here", successCodeList="0 16"),
        command("echo next >> %Trace%", "next"),
    )
    assert client.run(text).status == 0
    assert client.traced() == ["next"]


def test_a_run_goes_on_behind_the_restart_with_what_is_on_disk(client: Client) -> None:
    text = sequence(
        command("ls > %Trace%", "a", "ABC00001"),
        step("RebootAction", "restart", action="smsboot.exe /target:HD"),
        command("ls >> %Trace%", "b", "ABC00001"),
    )
    assert client.run(text).status == RESTART
    assert client.run(text).status == 0
    assert client.traced().count("file-ABC00001.txt") == 2


def test_the_rules_of_set_dynamic_variables_are_evaluated(client: Client) -> None:
    text = sequence(
        step("SetDynamicVariablesAction", parameters={"OSDSetDynamicVariablesRules": RULES}),
        step(
            name="pilot",
            condition=when("Ring", "Pilot"),
            parameters={"CommandLine": shell_line("echo %Ring% > %Trace%")},
        ),
    )
    ended = client.run(text)
    assert ended.status == 0, ended.err
    assert client.traced() == ["Pilot"]


def test_the_last_action_is_told(client: Client) -> None:
    text = sequence(
        command("exit 5", "fails", continueOnError="true"),
        command("echo never", "left out", disable="true"),
        command(
            "echo %_SMSTSLastActionName% %_SMSTSLastActionRetCode% %_SMSTSLastActionSucceeded%"
            " %_SMSTSCurrentActionName% > %Trace%",
            "tells",
        ),
    )
    assert client.run(text).status == 0
    assert client.traced() == ["fails 5 false tells"]


def test_built_in_variables_are_there_before_the_first_step(client: Client) -> None:
    names = ("_SMSTSInWinPE", "_SMSTSLaunchMode", "_SMSTSMachineName", "_SMSTSLogPath")
    line = " ".join(f"%{name}%" for name in names)
    assert client.run(sequence(command(f"echo {line} > %Trace%"))).status == 0
    (told,) = client.traced()
    assert told.startswith("false SMS ")
    assert "%" not in told


@pytest.mark.posix_only(reason="an upgrade can run on Windows")
@pytest.mark.parametrize("inside", [UPGRADE, group("Upgrade", UPGRADE)])
def test_an_upgrade_that_cannot_run_here_stops_all_before_anything(
    client: Client, inside: str
) -> None:
    """Fault: a step cannot be run on this machine. dlcore refuses before the first byte."""
    text = sequence(download("ABC00001"), command("echo ran > %Trace%"), inside)
    plan = client.plan(text).document
    failed = [check for check in plan["checks"] if check["outcome"] == "failed"]
    assert [check["name"] for check in failed] == ["unrunnable-steps"]
    assert "Upgrade" in failed[0]["detail"]
    ended = client.run(text)
    assert ended.status == PREFLIGHT, ended
    assert "Upgrade" in ended.err
    assert client.traced() == []
    assert not list(client.state.glob("packages/*"))


@pytest.mark.parametrize(
    "left_out",
    [
        {"disable": "true"},
        {"runIn": "WinPE"},
        {"condition": when("Never", "set")},
    ],
)
def test_a_step_that_certainly_does_not_run_stops_nothing(
    client: Client, left_out: dict[str, str]
) -> None:
    unknown = step("Vendor_Unknown", "vendor", parameters={}, **left_out)
    ended = client.run(sequence(unknown, command("echo ran > %Trace%")))
    assert ended.status == 0, ended.err
    assert client.traced() == ["ran"]


def test_a_step_that_may_run_and_cannot_stops_all(client: Client) -> None:
    """Fault: a step that cannot be run depends on a script. dlcore refuses before the first."""
    text = sequence(
        command("echo Ring=Pilot >> $DLCORE_VARIABLES; echo ran > %Trace%", "choose"),
        step("Vendor_Unknown", "vendor", condition=when("Ring", "Pilot")),
    )
    ended = client.run(text)
    assert ended.status == PREFLIGHT
    assert "vendor" in ended.err
    assert client.traced() == []


def test_an_edited_sequence_with_a_step_that_cannot_run_does_not_go_on(client: Client) -> None:
    """Fault: a step that cannot be run was added to a run. dlcore refuses before the next step."""
    done = (command("echo first >> %Trace%"), step("RebootAction", "restart"))
    last = command("echo last >> %Trace%", "last")
    assert client.run(sequence(*done, last)).status == RESTART
    edited = sequence(*done, last, step("Vendor_Unknown", "vendor"))
    ended = client.run(edited, "--continue")
    assert ended.status == PREFLIGHT, ended
    assert "vendor" in ended.err
    assert client.traced() == ["first"]
    corrected = sequence(*done, last, step("Vendor_Unknown", "vendor", disable="true"))
    assert client.run(corrected, "--continue").status == 0
    assert client.traced() == ["first", "last"]


def test_a_simulation_sets_variables_and_says_that_it_is_one(client: Client) -> None:
    text = sequence(
        set_variable("Ring", "Pilot"),
        UPGRADE,
        step(
            name="after",
            condition=when("_SMSTSOSUpgradeActionReturnCode", "0"),
            parameters={"CommandLine": shell_line("echo really > %Trace%")},
        ),
    )
    ended = client.run(text, "--simulate", "0")
    assert ended.status == 0, ended.err
    assert steps_of(ended)["after"] == "succeeded"
    assert ended.document["simulated"] is True
    assert "simulat" in ended.err
    assert client.traced() == []


def test_a_child_sequence_runs_in_place_of_its_step(client: Client) -> None:
    export = export_zip(
        {
            "ABC00101": sequence(
                command("echo parent >> %Trace%", "first"),
                subsequence("ABC00102", "child"),
                command("echo %FromChild% >> %Trace%", "last"),
            ),
            "ABC00102": sequence(
                command("echo child >> %Trace%", "in the child"), subsequence("ABC00103", "deeper")
            ),
            "ABC00103": sequence(set_variable("FromChild", "deep")),
        }
    )
    assert client.run(export).status == 0
    assert client.traced() == ["parent", "child", "deep"]
