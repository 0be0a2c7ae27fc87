"""Which packages a step gets: lists, variables that override, references that do not resolve."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.client import Client, client_with, needs_of, steps_of
from tests.cases.shell import shell_line
from tests.tasksequence.documents import reference, sequence, step

LIST = "OSDDownloadDownloadPackages"
WHERE = "OSDDownloadDestinationVariable"


def download(packages: str, name: str = "download", **more: str) -> str:
    return step(
        "DownloadPackageContentAction", name, parameters={LIST: packages, WHERE: "D"}, **more
    )


def command(line: str, name: str = "use", package: str = "", **more: str) -> str:
    return step(
        name=name, parameters={"CommandLine": shell_line(line), "PackageID": package}, **more
    )


def set_variable(name: str, value: str, title: str = "set") -> str:
    parameters = {"VariableName": name, "VariableValue": value}
    return step("SetVariableAction", title, parameters=parameters)


SHOW = command("ls %D01% > %Trace%; echo '|' >> %Trace%; ls %D02% >> %Trace%")


def shown(client: Client) -> tuple[str, str]:
    """What `SHOW` has found in the first package, and in the second one."""
    first, _, second = "\n".join(client.traced()).partition("|")
    return first, second


def test_a_list_in_a_variable_is_split_after_it_was_expanded(client: Client) -> None:
    text = sequence(set_variable("DRV", "ABC00001,ABC00002"), download("%DRV%"), SHOW)
    assert needs_of(client.plan(text))["download"] == ["ABC00001", "ABC00002"]
    ended = client.run(text)
    assert ended.status == 0, ended.err
    assert "file-ABC00001.txt" in shown(client)[0]
    assert "file-ABC00002.txt" in shown(client)[1]


def test_a_list_in_a_variable_of_the_settings(published: Path, tmp_path: Path) -> None:
    client = client_with(published, tmp_path, DRV="ABC00001, ABC00002")
    text = sequence(download("%DRV%"), SHOW)
    plan = client.plan(text).document
    assert plan["steps"][0]["packages"] == ["ABC00001", "ABC00002"]
    assert {c["name"]: c["outcome"] for c in plan["checks"]}["references-resolved"] == "passed"
    assert client.run(text).status == 0
    assert "file-ABC00002.txt" in shown(client)[1]


def test_a_list_that_is_put_together_of_two_variables(published: Path, tmp_path: Path) -> None:
    client = client_with(published, tmp_path, Base="ABC00001", Model="ABC00003")
    text = sequence(download("%Base%,%Model%"), SHOW)
    assert needs_of(client.plan(text))["download"] == ["ABC00001", "ABC00003"]
    assert client.run(text).status == 0
    assert "file-ABC00003.txt" in shown(client)[1]


def test_a_variable_overrides_the_packages_of_a_download(client: Client) -> None:
    text = sequence(
        set_variable(LIST, "ABC00002"),
        download("ABC00001"),
        command('ls "%D01%" > %Trace%'),
    )
    assert needs_of(client.plan(text))["download"] == ["ABC00002"]
    ended = client.run(text)
    assert ended.status == 0, ended.err
    assert "file-ABC00002.txt" in client.traced()
    assert not list(client.state.glob("packages/ABC00001*"))


@pytest.mark.parametrize("name", ["PackageID", "packageid"])
def test_a_variable_overrides_the_package_of_a_command(client: Client, name: str) -> None:
    text = sequence(set_variable(name, "ABC00003"), command("ls > %Trace%", package="ABC00001"))
    assert needs_of(client.plan(text))["use"] == ["ABC00003"]
    assert client.run(text).status == 0
    assert "file-ABC00003.txt" in client.traced()


def test_a_variable_that_was_emptied_does_not_override(client: Client) -> None:
    text = sequence(
        set_variable(LIST, "ABC00002", "choose"),
        set_variable(LIST, "", "forget"),
        download("ABC00001"),
        command('ls "%D01%" > %Trace%'),
    )
    assert needs_of(client.plan(text))["download"] == ["ABC00001"]
    assert client.run(text).status == 0
    assert "file-ABC00001.txt" in client.traced()


def test_a_variable_overrides_a_parameter_that_is_no_package(client: Client) -> None:
    text = sequence(
        set_variable("CommandLine", shell_line("echo overridden > %Trace%")),
        command("echo own > %Trace%"),
    )
    assert client.run(text).status == 0
    assert client.traced() == ["overridden"]


def test_a_reference_that_does_not_resolve_fails_its_step(client: Client) -> None:
    """Fault: a script was to choose a package, and has not. dlcore fails the step, by name."""
    text = sequence(
        command("true", "script that chooses nothing"),
        download("%DRIVERPACKAGE%"),
        command("echo ran > %Trace%", "install", "%DRIVERPACKAGE%"),
    )
    ended = client.run(text)
    assert ended.status == 15, ended.err
    message = steps_of(ended)["download"]
    assert "%DRIVERPACKAGE%" in message
    assert "not set" in message
    assert "install" not in steps_of(ended)
    assert client.traced() == []


def test_a_command_never_runs_without_its_package(client: Client) -> None:
    """Fault: a command's package does not resolve. dlcore runs it in no other folder."""
    text = sequence(
        command("echo ran > %Trace%", "install", "%DRIVERPACKAGE%", continueOnError="true"),
        command("echo after >> %Trace%", "after"),
    )
    ended = client.run(text)
    assert ended.status == 0, ended.err
    assert "DRIVERPACKAGE" in steps_of(ended)["install"]
    assert client.traced() == ["after"]


def test_one_unresolved_package_of_a_list_fails_the_step(client: Client) -> None:
    text = sequence(download("ABC00001,%Missing%"))
    ended = client.run(text)
    assert ended.status == 15
    assert "%Missing%" in steps_of(ended)["download"]


def test_a_script_that_chooses_a_package_is_obeyed(client: Client) -> None:
    text = sequence(
        command("echo DRIVERPACKAGE=ABC00002 >> $DLCORE_VARIABLES", "choose"),
        command("ls > %Trace%", "install", "%DRIVERPACKAGE%"),
    )
    plan = client.plan(text).document
    assert plan["steps"][1]["packages"] == []
    assert [need["reference"] for need in plan["unresolved"]] == ["%DRIVERPACKAGE%"]
    assert client.run(text).status == 0
    assert "file-ABC00002.txt" in client.traced()


def test_a_reference_that_no_step_explains_is_told(client: Client) -> None:
    references = reference("ABC00001") + reference("ABC00003")
    text = sequence(command("true", package="ABC00001"), references=references)
    plan = client.plan(text).document
    assert [entry["package"] for entry in plan["unexplained"]] == ["ABC00003"]
    outcomes = {check["outcome"] for check in plan["checks"]}
    assert "warning" in outcomes
    assert "failed" not in outcomes


def test_a_custom_action_explains_what_the_references_name(client: Client) -> None:
    text = sequence(
        step(
            "Vendor_Action",
            "firmware",
            action="smsswd.exe /run:ABC00003 flash.exe",
            parameters={"Firmware": "ABC00003"},
        ),
        step("BDD_Something", "toolkit", parameters={"PackageID": "ABC00002"}),
        references=reference("ABC00002") + reference("ABC00003"),
    )
    plan = client.plan(text).document
    assert needs_of(client.plan(text)) == {"firmware": ["ABC00003"], "toolkit": ["ABC00002"]}
    assert plan["unexplained"] == []


def test_text_that_only_looks_like_a_package_is_not_one(client: Client) -> None:
    text = sequence(
        step("Vendor_Action", "firmware", parameters={"Code": "C1900200", "Bios": "E7450A17"})
    )
    assert needs_of(client.plan(text)) == {"firmware": []}


def test_a_child_that_is_not_in_the_file_is_named(client: Client) -> None:
    parameters = {
        "OSDSubTasksequencePackageID": "ABC00090",
        "OSDSubTasksequenceTsReferencePackages": "ABC00001,ABC00002",
    }
    text = sequence(
        step("SMS_TaskSequence_SubTasksequence", "Child: drivers", parameters=parameters),
        references=reference("ABC00090", "*") + reference("ABC00001") + reference("ABC00002"),
    )
    plan = client.plan(text).document
    assert plan["unexplained"] == []
    ended = client.run(text)
    assert ended.status not in (0, 15), ended
    assert "ABC00090" in ended.err
    assert not client.state.exists() or not list(client.state.glob("packages/*"))


def test_a_list_that_an_earlier_step_may_fill_is_not_empty(client: Client) -> None:
    install = step(
        "InstallSoftwareAction",
        "install list",
        action="smsswd.exe /pkg: /install /basevar:LIST /continueOnError:False",
        parameters={"BaseVariableName": "LIST"},
    )
    fill = command("echo LIST001=ABC00002:prog >> $DLCORE_VARIABLES", "choose")
    plan = client.plan(sequence(fill, install)).document
    assert [need["name"] for need in plan["unresolved"]] == ["install list"]


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("InstallApplicationAction", {"ApplicationName": "ScopeId_X/Application_Y"}),
        ("InstallUpdateAction", {}),
        ("AutoApplyAction", {}),
        ("UpgradeOperatingSystemAction", {"OSDFeatureUpdateAssignmentID": "16777220"}),
    ],
)
def test_content_that_the_sequence_does_not_tell_is_said_to_be_so(
    client: Client, kind: str, parameters: dict[str, str]
) -> None:
    (planned,) = client.plan(sequence(step(kind, parameters=parameters))).document["steps"]
    assert planned["content_note"]
    assert planned["packages"] == []
