"""``dlcore publish --program``: the programs of a package are published, checked and kept."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from dlcore.errors import PreflightError
from tests.cli.helpers import Here
from tests.engine.scene import sequence, step

ID = "ABC00004"
PROGRAMS = {"install": "setup.exe /q A=B", "remove": "setup.exe /u"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "setup.exe").write_bytes(b"setup")
    return folder


@pytest.fixture
def site(here: Here, source: Path, tmp_path: Path) -> Path:
    options = [f"--program={name}={line}" for name, line in PROGRAMS.items()]
    ended = here("publish", source, "--package-id", ID, "--to", tmp_path / "site", *options)
    assert ended.status == 0, ended
    return tmp_path / "site"


def programs_at(site: Path) -> dict[str, str]:
    entry = json.loads((site / "catalog.json").read_bytes())["packages"][ID]
    manifest = json.loads((site / "manifests" / f"{entry['manifest']}.json").read_bytes())
    return {program["name"]: program["command"] for program in manifest["programs"]}


def test_programs_are_published_verified_and_fetched(here: Here, site: Path) -> None:
    assert programs_at(site) == PROGRAMS
    assert here("verify", site).status == 0
    to = site.parent / "to"
    assert here("fetch", ID, "--from", site, "-o", to).status == 0
    assert [path.name for path in to.iterdir()] == ["setup.exe"]


def test_repair_makes_a_manifest_with_programs_again(here: Here, source: Path, site: Path) -> None:
    """Fault: a manifest with programs is lost. `publish --repair` makes it again with them."""
    (manifest,) = (site / "manifests").iterdir()
    manifest.unlink()
    repair = ("publish", source, "--package-id", ID, "--to", site, "--repair")
    for wrong in ([], ["--program=install=other"]):
        ended = here(*repair, *wrong)
        assert (ended.status, "the options" in ended.err) == (2, True)
    options = [f"--program={name}={line}" for name, line in PROGRAMS.items()]
    assert here(*repair, *options).status == 0
    assert programs_at(site) == PROGRAMS


def test_repair_keeps_the_programs_of_a_manifest_that_is_right(
    here: Here, source: Path, site: Path
) -> None:
    (found,) = (site / "objects").iterdir()
    found.write_bytes(b"wrong")
    assert here("publish", source, "--package-id", ID, "--to", site, "--repair").status == 0
    assert programs_at(site) == PROGRAMS


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["setup.exe"], "'setup.exe' is not NAME=COMMAND"),
        (["a=x", " a =y"], "the program 'a' is given twice"),
        (["a="], "its command line is not 1 to 8191 visible characters"),
        (["=x"], "its name is not 1 to 50 visible characters"),
    ],
)
def test_a_program_that_cannot_be_published_is_refused(
    here: Here, source: Path, tmp_path: Path, given: list[str], why: str
) -> None:
    options = [f"--program={text}" for text in given]
    ended = here("publish", source, "--package-id", ID, "--to", tmp_path / "site", *options)
    assert (ended.status, why in ended.err) == (2, True)
    assert not (tmp_path / "site").exists()


@pytest.fixture
def settings(tmp_path: Path) -> tuple[object, ...]:
    """Options that name the settings and the state directory of a client of the site."""
    (tmp_path / "c.toml").write_text(
        '[client]\non_internet = false\n[catalog]\npath = "site/catalog.json"\n'
        '[[endpoint]]\nname = "site"\nkind = "file"\npath = "site"\n'
    )
    return ("--config", tmp_path / "c.toml", "--state", tmp_path / "state")


def test_a_program_that_is_not_published_is_told_before_anything_runs(
    here: Here, site: Path, settings: tuple[object, ...]
) -> None:
    """Fault: a step installs a program that nobody published. dlcore refuses before the run."""
    document = site.parent / "s.xml"
    document.write_bytes(
        sequence(
            step("first", CommandLine="echo ran"),
            step("i", "InstallSoftwareAction", PackageID=ID, _SMSSWDProgramName="other"),
        )
    )
    ended = here("run", document, *settings)
    assert ended.status == PreflightError.exit_status
    assert f"program 'other' of package {ID} is not published" in ended.err
    assert "--program 'other=COMMAND'" in ended.err
    assert here("run", document, *settings, "--simulate", "0").status == 0


@pytest.mark.skipif(sys.platform == "win32", reason="the command lines are for a POSIX shell")
def test_a_list_that_a_step_fills_is_installed(
    here: Here, source: Path, tmp_path: Path, settings: tuple[object, ...]
) -> None:
    choose = f"echo LIST001={ID}:install >> $DLCORE_VARIABLES"
    document = sequence(
        step("choose", CommandLine=choose),
        step("install", "InstallSoftwareAction", BaseVariableName="LIST"),
    )
    (tmp_path / "s.xml").write_bytes(document)
    program = "--program=install=echo installing; ls; exit 3"
    site = tmp_path / "site"
    assert here("publish", source, "--package-id", ID, "--to", site, program).status == 0
    ended = here("run", tmp_path / "s.xml", *settings, "--json")
    last = ended.document["steps"][-1]
    assert last["message"] == f"program 'install' of package {ID}: exit code 3"
    assert last["output"] == "installing\nsetup.exe"
