"""Steps that start ConfigMgr's own programs, and programs that are published with packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.client import Client, client_with, needs_of, steps_of
from tests.cases.shell import shell_line
from tests.cases.test_what_a_step_needs import LIST, WHERE, command, download, set_variable
from tests.tasksequence.documents import export_zip, reference, sequence, step, subsequence

PREFLIGHT = 14
FAILED = 15


def install(name: str = "install", package: str = "ABC00001", program: str = "install") -> str:
    parameters = {"PackageID": package, "_SMSSWDProgramName": program}
    return step("InstallSoftwareAction", name, parameters=parameters)


def install_list(**more: str) -> str:
    parameters = {"BaseVariableName": "APPS", **more}
    return step("InstallSoftwareAction", "install list", parameters=parameters)


@pytest.mark.parametrize(
    "line", ["OSDDownloadContent.exe", "osddownloadcontent", "cmd /c OSDDownloadContent.exe"]
)
def test_the_downloader_as_a_command_downloads_what_the_variables_say(
    client: Client, line: str
) -> None:
    text = sequence(
        set_variable(LIST, "ABC00003,ABC00001"),
        set_variable(WHERE, "Drivers"),
        command(line, "download"),
        command("ls %Drivers01% > %Trace%; ls %Drivers02% >> %Trace%"),
    )
    assert needs_of(client.plan(text))["download"] == ["ABC00003", "ABC00001"]
    ended = client.run(text)
    assert ended.status == 0, ended.err
    names = [line for line in client.traced() if line.startswith("file-")]
    assert names == ["file-ABC00003.txt", "file-ABC00001.txt"]


def test_a_step_behind_the_downloader_gets_its_own_list_again(client: Client) -> None:
    text = sequence(
        set_variable(LIST, "ABC00003"),
        command("OSDDownloadContent.exe", "modern drivers"),
        set_variable(LIST, "", "forget"),
        download("ABC00002", "later"),
    )
    assert needs_of(client.plan(text))["modern drivers"] == ["ABC00003"]
    assert needs_of(client.plan(text))["later"] == ["ABC00002"]


def test_the_downloader_without_a_list_names_the_variable(client: Client) -> None:
    """Fault: no script has set the downloader's list. dlcore fails the step, by its name."""
    text = sequence(command("OSDDownloadContent.exe", "modern drivers"))
    assert [need["name"] for need in client.plan(text).document["unresolved"]] == ["modern drivers"]
    ended = client.run(text)
    assert ended.status == FAILED
    assert LIST in steps_of(ended)["modern drivers"]


@pytest.mark.parametrize("package", ["ABC00002", "%Chosen%"])
def test_the_package_in_the_action_of_a_command(client: Client, package: str) -> None:
    text = sequence(
        set_variable("Chosen", "ABC00002"),
        step(name="use", action=f"smsswd.exe /run:{package} {shell_line('ls > %Trace%')}"),
    )
    assert needs_of(client.plan(text))["use"] == ["ABC00002"]
    ended = client.run(text)
    assert ended.status == 0, ended.err
    assert "file-ABC00002.txt" in client.traced()


def test_a_command_that_starts_the_package_runner_needs_its_package(client: Client) -> None:
    text = sequence(command("smsswd.exe /run:ABC00003 setup.cmd", "nested"))
    assert needs_of(client.plan(text))["nested"] == ["ABC00003"]


@pytest.mark.parametrize("written", ["abc00002", " ABC00002 ;", "ABC00002,,ABC00002"])
def test_a_list_is_read_as_people_write_it(client: Client, written: str) -> None:
    assert needs_of(client.plan(sequence(download(written))))["download"] == ["ABC00002"]


def test_a_variable_chooses_the_drivers_of_an_upgrade(client: Client) -> None:
    upgrade = step(
        "UpgradeOperatingSystemAction",
        "Upgrade",
        parameters={"OSDUpgradeInstallPackageID": "ABC00003", "OSDUpgradeDriverPackageID": ""},
    )
    text = sequence(set_variable("OSDUpgradeDriverPackageID", "ABC00002"), upgrade)
    assert sorted(needs_of(client.plan(text))["Upgrade"]) == ["ABC00002", "ABC00003"]


def test_references_to_children_and_to_what_they_need_are_explained(client: Client) -> None:
    references = reference("ABC00102", "*") + reference("ABC00002") + reference("ABC00003")
    export = export_zip(
        {
            "ABC00101": sequence(subsequence("ABC00102", "child"), references=references),
            "ABC00102": sequence(command("true", package="ABC00002")),
        }
    )
    plan = client.plan(export).document
    assert [entry["package"] for entry in plan["unexplained"]] == ["ABC00003"]


def test_a_program_that_was_published_is_run(client: Client) -> None:
    text = sequence(install(), command("echo next >> %Trace%"))
    assert needs_of(client.plan(text))["install"] == ["ABC00001"]
    ended = client.run(text)
    assert ended.status == 0, ended.err
    assert client.traced() == ["installed", "next"]


def test_the_exit_code_of_a_program_is_that_of_its_step(client: Client) -> None:
    ended = client.run(sequence(install(program="ask")))
    assert ended.status == FAILED
    assert ended.document["steps"][0]["exit_code"] == 7


def test_a_program_that_was_not_published_stops_all_before_anything(client: Client) -> None:
    """Fault: a program is not published. dlcore refuses before anything, and says how to."""
    text = sequence(command("echo ran > %Trace%"), install(program="setup"))
    ended = client.run(text)
    assert ended.status == PREFLIGHT, ended.err
    assert "--program 'setup=COMMAND'" in ended.err
    assert client.traced() == []


def test_a_list_of_programs_ends_at_its_first_gap(published: Path, tmp_path: Path) -> None:
    programs = {f"APPS00{number}": "ABC00001:install" for number in (1, 2, 4)}
    client = client_with(published, tmp_path, **programs)
    ended = client.run(sequence(install_list()))
    assert ended.status == 0, ended.err
    assert client.traced() == ["installed", "installed"]


@pytest.mark.parametrize(("goes_on", "ran"), [("True", ["installed"]), ("False", [])])
def test_a_list_goes_on_after_a_failure_if_it_is_to(
    published: Path, tmp_path: Path, goes_on: str, ran: list[str]
) -> None:
    client = client_with(published, tmp_path, APPS001="ABC00001:ask", APPS002="ABC00001:install")
    client.run(sequence(install_list(ContinueOnInstallError=goes_on)))
    assert client.traced() == ran


def test_a_list_that_nobody_fills_installs_nothing(client: Client) -> None:
    text = sequence(install_list(), command("echo next >> %Trace%"))
    assert client.run(text).status == 0
    assert client.traced() == ["next"]
