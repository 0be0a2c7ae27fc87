"""``dlcore plan``: what it prints, and that it changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Site
from tests.cli.helpers import Here
from tests.engine.scene import group, sequence, step

SAMPLES = Path(__file__).parents[3] / "shared" / "task-sequences"


def test_the_document_has_exactly_these_members(here: Here, site: Site, tmp_path: Path) -> None:
    path = tmp_path / "sequence.xml"
    off = 'disable="true"'
    path.write_bytes(
        sequence(
            group(
                "Prepare",
                group("Inner", step("First", package="ABC00002")),
                step("Off", package="ABC00003", attributes=off),
            ),
            step("Last", package="ABC00001"),
        )
    )
    before = set(tmp_path.iterdir())
    where = ("--config", site.gateway.config, "--state", tmp_path / "state")
    plan = here("plan", path, *where, "--json").document
    assert plan.keys() == {"name", "package_id", "steps", "packages", "unresolved", "checks"}
    kind = "SMS_TaskSequence_RunCommandLineAction"
    assert plan["steps"] == [
        {
            "index": 0,
            "path": ["Prepare", "Inner"],
            "name": "First",
            "type": kind,
            "enabled": True,
            "packages": ["ABC00002"],
        },
        {
            "index": 1,
            "path": ["Prepare"],
            "name": "Off",
            "type": kind,
            "enabled": False,
            "packages": ["ABC00003"],
        },
        {
            "index": 2,
            "path": [],
            "name": "Last",
            "type": kind,
            "enabled": True,
            "packages": ["ABC00001"],
        },
    ]
    assert plan["packages"] == ["ABC00002", "ABC00001"]
    assert all(c.keys() == {"name", "outcome", "detail", "remedy"} for c in plan["checks"])
    assert [c["name"] for c in plan["checks"] if c["outcome"] == "failed"] == ["upgrade-sequence"]
    assert set(tmp_path.iterdir()) == before


def test_without_settings_there_are_no_checks(here: Here, site: Site) -> None:
    assert "checks" not in here("plan", site.sequence, "--json").document


def test_a_missing_prerequisite_is_shown_with_its_remedy(
    here: Here, site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "sequence.xml"
    path.write_bytes(sequence(step("Unknown", package="ABC00099")))
    where = ("--config", site.gateway.config, "--state", tmp_path / "state")
    ended = here("plan", path, *where)
    assert ended.status == 0
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
