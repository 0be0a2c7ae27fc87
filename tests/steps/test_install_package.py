"""Install Package: one program, or a dynamic list of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dlcore.steps.commands.process import Commands
from dlcore.steps.install_package import InstallPackage, unpublished
from dlcore.steps.interface import CANNOT_RUN, Job, Outcome
from dlcore.tasksequence import Step, Variables, read
from tests.engine.scene import sequence, step

ONE, TWO = "ABC00001", "ABC00002"
PROGRAMS = {
    ONE: {"works": "echo $PWD >> ../ran", "fails": "echo bad; exit 7", "Works": "exit 9"},
    TWO: {"works": "echo $PWD >> ../ran", "reads": 'echo "$Reads" %Reads%'},
}
if sys.platform == "win32":
    NOTES = r"cmd.exe /c echo %CD%>>..\ran"
    READS = "import os, sys; print(os.environ['Reads'], *sys.argv[1:])"
    PROGRAMS = {
        ONE: {
            "works": NOTES,
            "fails": "cmd.exe /c echo bad& exit 7",
            "Works": "cmd.exe /c exit 9",
        },
        TWO: {"works": NOTES, "reads": f'"{sys.executable}" -c "{READS}" %Reads%'},
    }


def single(package: str, program: str) -> str:
    return step("i", "InstallSoftwareAction", PackageID=package, _SMSSWDProgramName=program)


def of_list(goes_on: str = "false") -> str:
    return (
        '<step type="SMS_TaskSequence_InstallSoftwareAction" name="list">'
        f"<action>smsswd.exe /pkg: /install /basevar:LIST /continueOnError:{goes_on}</action>"
        "</step>"
    )


class Installer:
    """Runs steps over two packages, and tells which programs ran in which folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._content = {package: folder / package for package in PROGRAMS}
        for path in self._content.values():
            path.mkdir()
        self.executor = InstallPackage(Commands())

    async def __call__(self, xml: str, **variables: str) -> Outcome:
        job = Job(self.step(xml), Variables(variables), self._content, PROGRAMS)
        return await self.executor.run(job)

    @staticmethod
    def step(xml: str) -> Step:
        return read(sequence(xml), source="test").steps[0]

    @property
    def ran_in(self) -> list[str]:
        noted = self._folder / "ran"
        return [Path(line).name for line in noted.read_text().split()] if noted.exists() else []


@pytest.fixture
def install(tmp_path: Path) -> Installer:
    return Installer(tmp_path)


async def test_a_program_runs_in_its_packages_folder(install: Installer) -> None:
    assert await install(single(TWO, "works")) == Outcome()
    assert install.ran_in == [TWO]


async def test_a_variable_overrides_the_program(install: Installer) -> None:
    outcome = await install(single(ONE, "fails"), _SMSSWDProgramName="works", PackageID=TWO)
    assert (outcome, install.ran_in) == (Outcome(), [TWO])


async def test_the_case_of_a_programs_name_counts(install: Installer) -> None:
    assert (await install(single(ONE, "Works"))).exit_code == 9


async def test_a_failure_names_program_and_package(install: Installer) -> None:
    assert await install(single(ONE, "fails")) == Outcome(
        7, message="program 'fails' of package ABC00001: exit code 7", output="bad"
    )


@pytest.mark.parametrize(("package", "program"), [(ONE, "other"), ("ABC00009", "works")])
async def test_a_program_that_is_not_published_fails_with_the_remedy(
    install: Installer, package: str, program: str
) -> None:
    """Fault: a step names a program that nobody published. dlcore names it and the remedy."""
    outcome = await install(single(package, program))
    assert outcome.exit_code == CANNOT_RUN
    assert f"program '{program}' of package {package} is not published" in outcome.message
    assert f"--program '{program}=COMMAND'" in outcome.message


async def test_the_value_of_a_variable_is_data(install: Installer) -> None:
    outcome = await install(single(TWO, "reads"), Reads="a; exit 3")
    assert outcome == Outcome(output="a; exit 3 a; exit 3")


async def test_3010_is_a_success_that_asks_for_a_restart(install: Installer) -> None:
    class Asks(Commands):
        async def run(self, *_: object, **__: object) -> Outcome:
            return Outcome(3010, output="said")

    install.executor = InstallPackage(Asks())
    assert await install(single(ONE, "works")) == Outcome(restart=True, output="said")
    outcome = await install(of_list(), LIST001=f"{ONE}:works", LIST002=f"{TWO}:works")
    assert outcome == Outcome(restart=True, output="said\nsaid")


async def test_a_list_runs_in_order_up_to_its_first_gap(install: Installer) -> None:
    members = {"LIST001": f"{TWO}:works", "LIST002": f"{ONE}:works", "LIST004": f"{ONE}:fails"}
    assert await install(of_list(), **members) == Outcome()
    assert install.ran_in == [TWO, ONE]


async def test_an_empty_list_installs_nothing(install: Installer) -> None:
    assert await install(of_list()) == Outcome()
    assert await install(of_list(), LIST001="", LIST002=f"{ONE}:works") == Outcome()
    assert install.ran_in == []


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (f"{ONE}:fails", "program 'fails' of package ABC00001: exit code 7"),
        ("abc00001:works", "'abc00001' is not a package id in upper case"),
        ("works", "'works' is not PACKAGE:program"),
        (f"{ONE}:", "'ABC00001:' is not PACKAGE:program"),
        (f"{ONE}:gone", "program 'gone' of package ABC00001 is not published"),
    ],
)
async def test_a_failed_entry_ends_the_step_unless_it_goes_on(
    install: Installer, entry: str, why: str
) -> None:
    """Fault: an entry of a dynamic list is wrong. dlcore ends the step there, or goes on."""
    members = {"LIST001": f"{ONE}:works", "LIST002": entry, "LIST003": f"{TWO}:works"}
    outcome = await install(of_list("False"), **members)
    assert outcome.exit_code
    assert why in outcome.message
    assert install.ran_in == [ONE]
    outcome = await install(of_list("False"), **members, ContinueOnInstallError="True")
    assert (outcome.exit_code, outcome.message) == (0, "")
    assert why in outcome.output
    assert install.ran_in == [ONE, ONE, TWO]


async def test_the_base_name_may_be_a_parameter(install: Installer) -> None:
    item = step("l", "InstallSoftwareAction", BaseVariableName="%Kind%PKG")
    assert await install(item, Kind="LAB", LABPKG001=f"{ONE}:works") == Outcome()
    assert install.ran_in == [ONE]


@pytest.mark.parametrize(
    ("xml", "variables", "missing"),
    [
        (single(ONE, "works"), {}, ""),
        (single(ONE, "other"), {}, "program 'other' of package ABC00001"),
        (single(ONE, "works"), {"_SMSSWDProgramName": "other"}, "program 'other'"),
        (single("ABC00009", "works"), {}, ""),  # nothing is known of that package
        (of_list(), {}, ""),
        (of_list(), {"LIST001": f"{ONE}:works", "LIST002": f"{TWO}:fails"}, "ABC00002"),
        (of_list(), {"LIST001": "wrong"}, ""),  # the step may go on after it
        (step("c", CommandLine="x", PackageID=ONE, _SMSSWDProgramName="other"), {}, ""),
    ],
)
def test_a_program_that_is_not_published_is_told_before_the_run(
    install: Installer, xml: str, variables: dict[str, str], missing: str
) -> None:
    """Fault: a step names a program that nobody published. dlcore can tell it before the run."""
    told = unpublished(install.step(xml), variables, PROGRAMS)
    assert missing in told
    assert bool(missing) == ("--program '" in told)


async def test_a_step_that_names_no_program_is_told_before_the_run(install: Installer) -> None:
    item = install.step(step("i", "InstallSoftwareAction", PackageID=ONE))
    why = (
        "the step names no program (_SMSSWDProgramName) and no list of programs"
        " (BaseVariableName): name one in the step"
    )
    assert install.executor.obstacle(item, {}) == why
    assert install.executor.obstacle(item, {"_SMSSWDProgramName": "works"}) == ""
    assert install.executor.obstacle(install.step(of_list()), {}) == ""
    assert await install(step("i", "InstallSoftwareAction")) == Outcome(CANNOT_RUN, message=why)


async def test_a_program_without_a_package_is_told_before_the_run(install: Installer) -> None:
    """Fault: a step names a program and no package. dlcore refuses before the run."""
    item = install.step(step("i", "InstallSoftwareAction", _SMSSWDProgramName="install"))
    assert install.executor.obstacle(item, {}) == "the step names a program but no package"
    assert install.executor.obstacle(item, {"PackageID": ONE}) == ""
    assert (await install(single("", "works"))).message == "the step names a program but no package"
