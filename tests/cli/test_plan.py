"""``dlcore plan``: what it prints, and that it changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Site
from tests.cli.helpers import Here
from tests.engine.scene import group, sequence, step, when

SAMPLES = Path(__file__).parents[3] / "shared" / "task-sequences"


def test_the_document_has_exactly_these_members(here: Here, site: Site, tmp_path: Path) -> None:
    path = tmp_path / "sequence.xml"
    off = 'disable="true"'
    path.write_bytes(
        sequence(
            group(
                "Prepare",
                group("Inner", step("First", package="ABC00002", CommandLine="true")),
                step("Off", package="ABC00003", attributes=off),
            ),
            step("Last", package="ABC00001", CommandLine="true"),
        )
    )
    before = set(tmp_path.iterdir())
    where = ("--config", site.gateway.config, "--state", tmp_path / "state")
    plan = here("plan", path, *where, "--json").document
    assert plan.keys() == {
        *("name", "package_id", "steps", "packages", "maybe_packages", "unresolved"),
        *("unexplained", "unrunnable", "checks"),
    }
    always = {
        "type": "SMS_TaskSequence_RunCommandLineAction",
        "maybe_packages": [],
        "unresolved": [],
        "content_note": "",
    }
    runs = {"enabled": True, "runs": "yes", "reason": "", **always}
    assert plan["steps"] == [
        {
            "index": 0,
            "path": ["Prepare", "Inner"],
            "name": "First",
            "packages": ["ABC00002"],
            **runs,
        },
        {
            "index": 1,
            "path": ["Prepare"],
            "name": "Off",
            "packages": ["ABC00003"],
            **always,
            "enabled": False,
            "runs": "no",
            "reason": "disabled",
        },
        {"index": 2, "path": [], "name": "Last", "packages": ["ABC00001"], **runs},
    ]
    assert plan["packages"] == ["ABC00002", "ABC00001"]
    assert plan["maybe_packages"] == plan["unresolved"] == plan["unexplained"] == []
    assert all(c.keys() == {"name", "outcome", "detail", "remedy"} for c in plan["checks"])
    assert [c["name"] for c in plan["checks"] if c["outcome"] == "failed"] == ["upgrade-sequence"]
    assert set(tmp_path.iterdir()) == before


def read_plan(here: Here, path: Path, *children: str) -> dict[str, Any]:
    path.write_bytes(sequence(*children))
    return dict(here("plan", path, "--json").document)


def test_what_no_step_explains_is_listed(here: Here, tmp_path: Path) -> None:
    """Fault: the sequence lists a package that no step names. dlcore says so."""
    listed = '<reference package="ABC00001"/><reference package="ABC00009" program="setup"/>'
    children = (f"<referenceList>{listed}</referenceList>", step("First", package="ABC00001"))
    path = tmp_path / "sequence.xml"
    plan = read_plan(here, path, *children)
    assert plan["unexplained"] == [{"package": "ABC00009", "program": "setup"}]
    assert (
        "the sequence refers to ABC00009 (program setup), but none of its steps names it"
        in here("plan", path).out
    )


def test_a_need_that_is_not_known_yet_names_its_variable(here: Here, tmp_path: Path) -> None:
    path = tmp_path / "sequence.xml"
    plan = read_plan(here, path, step("First"), step("Second", package="%CHOSEN%"))
    need = {"reference": "%CHOSEN%", "variables": ["CHOSEN"]}
    assert plan["steps"][1]["unresolved"] == [need]
    assert plan["unresolved"] == [{"index": 1, "name": "Second", **need}]
    shown = "step 1 Second: the package %CHOSEN%: the variable CHOSEN is not set"
    assert shown in here("plan", path).out


def test_a_step_for_windows_pe_is_planned_as_not_running(here: Here, tmp_path: Path) -> None:
    path = tmp_path / "sequence.xml"
    for_windows_pe = step("Format", package="ABC00003", attributes='runIn="WinPE"')
    plan = read_plan(here, path, for_windows_pe)
    assert (plan["steps"][0]["runs"], plan["steps"][0]["reason"]) == ("no", "Windows PE")
    assert plan["packages"] == []
    assert "no: for Windows PE" in here("plan", path).out


def test_content_that_no_sequence_tells_is_noted(here: Here, tmp_path: Path) -> None:
    path = tmp_path / "sequence.xml"
    plan = read_plan(here, path, step("Updates", "InstallUpdateAction"))
    note = plan["steps"][0]["content_note"]
    assert "the ConfigMgr client and its update deployments would be needed" in note
    assert f"step 0 Updates: {note}" in here("plan", path).out


def test_the_settings_decide_conditions(here: Here, site: Site, tmp_path: Path) -> None:
    path = tmp_path / "sequence.xml"
    chosen = step("Chosen", package="ABC00001", condition=when("Ring", "Pilot"))
    maybe = sequence(
        step("set", "SetVariableAction", VariableName="PackageID", VariableValue="ABC00002"),
        chosen,
    )
    path.write_bytes(maybe)
    (_, open_step) = here("plan", path, "--json").document["steps"]
    assert (open_step["runs"], open_step["packages"]) == ("undecided", ["ABC00002"])
    where = ("--config", site.gateway.config, "--state", tmp_path / "state")
    (_, decided) = here("plan", path, *where, "--json").document["steps"]
    assert (decided["runs"], decided["reason"]) == ("no", "condition")


def test_steps_that_this_machine_cannot_run_are_told_without_settings_too(
    here: Here, tmp_path: Path
) -> None:
    path = tmp_path / "sequence.xml"
    restart = step("to PE", "RebootAction", SMSRebootTarget="WinPE")
    off = step("off", "RebootAction", SMSRebootTarget="WinPE", attributes='disable="true"')
    plan = read_plan(here, path, off, step("first", CommandLine="true"), restart)
    (told,) = plan["unrunnable"]
    assert (told["index"], told["name"]) == (2, "to PE")
    assert "Windows PE" in told["reason"]
    assert "step 2 to PE: cannot be run on this machine: " in here("plan", path).out


def test_without_settings_there_are_no_checks(here: Here, site: Site) -> None:
    assert "checks" not in here("plan", site.sequence, "--json").document


def test_a_missing_prerequisite_is_shown_with_its_remedy(
    here: Here, site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "sequence.xml"
    path.write_bytes(sequence(step("Unknown", package="ABC00099")))
    where = ("--config", site.gateway.config, "--state", tmp_path / "state")
    ended = here("plan", path, *where)
    assert ended.status == 14
    assert ended.err == (
        "error (preflight): a run would not begin; failed: upgrade-sequence, unrunnable-steps,"
        " catalog\n"
    )
    assert "FAIL" in ended.out
    remedies = [line for line in ended.out.splitlines() if line.startswith("catalog: ")]
    assert len(remedies) == 1


def test_a_row_of_a_table_is_one_line_where_there_is_no_terminal(
    here: Here, tmp_path: Path
) -> None:
    name = "a step whose name is long [red]and says[/red] :smile: " * 8
    path = tmp_path / "sequence.xml"
    path.write_bytes(sequence(step(name.strip())))
    lines = here("plan", path).out.splitlines()
    assert [line for line in lines if name.strip() in line]
    assert lines == [line.rstrip() for line in lines]


@pytest.mark.parametrize(
    ("name", "packages"),
    [
        ("windows-10-upgrade.object.xml", ["PS10005C", "PS100241", "PS10024D"]),
        ("boundary-group-test.xml", ["OPC00318", "OPC00319", "OPC0031A"]),
        ("upgrade-compatibility-checks.xml", ["OPC0024C"]),
    ],
)
def test_a_real_sequence_needs_these_packages(name: str, packages: list[str], here: Here) -> None:
    if not (SAMPLES / name).exists():
        pytest.skip(f"no sample {name} beside the project")
    plan = here("plan", SAMPLES / name, "--json").document
    assert plan["packages"] == packages
    assert {package for item in plan["steps"] for package in item["packages"]} == set(packages)


@pytest.mark.parametrize(
    ("command", "takes_settings"),
    [("fetch", False), ("verify", False), ("plan", True), ("run", True)],
)
def test_the_help_names_the_deployment_file_only_where_it_is_taken(
    here: Here, command: str, takes_settings: bool
) -> None:
    assert ("of the deployment file" in " ".join(here(command, "--help").out.split())) == (
        takes_settings
    )
