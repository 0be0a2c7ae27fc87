"""The step *Upgrade Operating System*, with a script in the place of Windows Setup."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from dlcore.steps.commands.process import TIMED_OUT, Commands
from dlcore.steps.exit_codes import PATH_NOT_FOUND
from dlcore.steps.interface import CANNOT_RUN, Job, Outcome
from dlcore.steps.post_upgrade import RESULT_FILE, SCRIPT_FOLDER, setup_result, write_scripts
from dlcore.steps.setup_runner import StandInSetup, WindowsSetup
from dlcore.steps.upgrade import UpgradeOperatingSystem
from dlcore.tasksequence import FrozenVariables, Step, Variables
from dlcore.tasksequence.step_types import UPGRADE

OS, DRIVERS = "ABC00003", "ABC00004"
CODE = "_SMSTSOSUpgradeActionReturnCode"
SETUP = """
import json, os, pathlib, sys
told = pathlib.Path(__file__).parent.parent / "arguments.json"
told.write_text(json.dumps(sys.argv[1:]))
pathlib.Path(os.environ["DLCORE_EXIT_CODE"]).write_text(os.environ.get("ENDS_WITH", ""))
sys.exit(int(os.environ.get("EXITS_WITH", "0")))
"""


class Site:
    """A machine with an upgrade package."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.media = root / "media of Windows"
        self.media.mkdir(parents=True)
        (self.media / "Setup.EXE").write_text(SETUP)
        self.drivers = root / "my drivers"
        self.drivers.mkdir()
        self.work = root / "work folder"
        self.variables = Variables()
        self.content: Mapping[str, Path] = {OS: self.media, DRIVERS: self.drivers}

    async def run(self, *, resume_command: str = "", **parameters: str) -> Outcome:
        named = {f"OSDUpgrade{name}": value for name, value in parameters.items()}
        step = Step(0, "upgrade", UPGRADE, variables=FrozenVariables(named))
        runner = StandInSetup([sys.executable])
        executor = UpgradeOperatingSystem(runner, resume_command=resume_command)
        job = Job(step, self.variables, self.content, work_folder=self.work)
        return await executor.run(job)

    @property
    def arguments(self) -> list[str]:
        """What the script was started with."""
        found: list[str] = json.loads((self.root / "arguments.json").read_text())
        return found


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "a machine")


async def test_an_upgrade_succeeds_and_is_not_rolled_back(site: Site) -> None:
    outcome = await site.run(InstallPackageID=OS, InstallEditionIndex="3")
    scripts = site.work / SCRIPT_FOLDER
    assert (outcome.exit_code, outcome.restart) == (0, False)
    assert site.variables == {CODE: "0", "_SMSTSSetupRollback": "false"}
    assert site.arguments == [
        *("/ImageIndex", "3", "/auto", "Upgrade", "/quiet", "/noreboot"),
        *("/postoobe", str(scripts / "SetupComplete.cmd")),
        *("/postrollback", str(scripts / "SetupRollback.cmd")),
        *("/DynamicUpdate", "Disable", "/postrollbackcontext", "system"),
    ]


async def test_a_scan_without_findings_succeeds(site: Site) -> None:
    site.variables["ENDS_WITH"] = "0xC1900210"
    outcome = await site.run(InstallPackageID=OS, ScanOnly="true")
    assert outcome.exit_code == 0
    assert site.variables[CODE] == "3247440400"
    assert "_SMSTSSetupRollback" not in site.variables
    assert site.arguments[-2:] == ["/compat", "ScanOnly"]
    assert "/postoobe" not in site.arguments


@pytest.mark.parametrize(
    ("scans", "code", "told"),
    [
        ("true", 0xC1900208, "Windows Setup ended with 0xC1900208: MOSETUP_E_COMPAT_INSTALLREQ_BL"),
        ("false", 0xC1900101, "Windows Setup ended with 0xC1900101: MOSETUP_E_SETUP_PLATFORM: "),
        ("false", 0xC1900210, "Windows Setup ended with 0xC1900210: MOSETUP_E_COMPAT_SCANONLY: "),
        ("true", 77, "Windows Setup ended with 0x0000004D"),
    ],
)
async def test_a_failure_is_explained_and_its_code_kept(
    site: Site, scans: str, code: int, told: str
) -> None:
    """Fault: Windows Setup fails. dlcore fails the step, keeps the code and says what it means."""
    site.variables["ENDS_WITH"] = hex(code)
    outcome = await site.run(InstallPackageID=OS, ScanOnly=scans)
    assert outcome.exit_code == code
    assert site.variables[CODE] == str(code)
    assert outcome.message.startswith(told)
    assert "_SMSTSSetupRollback" not in site.variables


@pytest.mark.parametrize(
    ("written", "code"), [("010", 10), ("0000000000", 0), ("09\n", 9), ("0X0a", 10), ("007", 7)]
)
async def test_a_code_may_begin_with_zeros(site: Site, written: str, code: int) -> None:
    """Fault: the script of a setup writes its exit code with zeros before it. dlcore reads it."""
    site.variables["ENDS_WITH"] = written
    assert (await site.run(InstallPackageID=OS)).exit_code == code


@pytest.mark.parametrize("written", ["4294967296", "4294967299", "8589937602"])
async def test_a_number_of_more_than_32_bits_is_no_code_of_setup(site: Site, written: str) -> None:
    """Fault: the script of a setup writes a number whose last 32 bits are a success code. dlcore
    does not take it for that code: the step has failed.
    """
    site.variables["ENDS_WITH"] = written
    outcome = await site.run(InstallPackageID=OS)
    assert outcome.exit_code == CANNOT_RUN
    assert f"{written}, which is not an exit code" in outcome.message
    assert site.variables[CODE] == ""


async def test_a_short_exit_code_needs_no_file(site: Site) -> None:
    site.variables["EXITS_WITH"] = "7"
    assert (await site.run(InstallPackageID=OS)).exit_code == 7


@pytest.mark.parametrize(("code", "restart"), [("3", False), ("3010", True)])
async def test_setup_may_succeed_with_other_codes(site: Site, code: str, restart: bool) -> None:
    site.variables["ENDS_WITH"] = code
    outcome = await site.run(InstallPackageID=OS)
    assert (outcome.exit_code, outcome.restart) == (0, restart)
    assert site.variables[CODE] == code


async def test_drivers_come_from_a_package_or_from_a_folder(site: Site) -> None:
    await site.run(InstallPackageID=OS, DriverPackageID=DRIVERS)
    assert site.arguments[-2:] == ["/installdrivers", str(site.drivers)]
    site.variables["OSDUpgradeStagedContent"] = f"{site.drivers}\\"
    if sys.platform != "win32":  # where this is another name
        site.drivers.with_name("my drivers\\").mkdir()
    await site.run(InstallPackageID=OS, StagedContent="")
    assert site.arguments[-2:] == ["/installdrivers", str(site.drivers)]


async def test_the_media_may_be_a_folder(site: Site) -> None:
    site.content = {}
    site.variables["MyContent01"] = str(site.media)
    outcome = await site.run(InstallPackageID="", InstallPath="%MyContent01%")
    assert outcome.exit_code == 0


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({}, "neither an upgrade package nor a path"),
        ({"InstallPackageID": "ABC00009"}, "OSDUpgradeInstallPackageID is 'ABC00009'"),
        ({"InstallPackageID": "%NOT_SET%"}, "OSDUpgradeInstallPackageID is '%NOT_SET%'"),
        ({"InstallPath": "/not/there"}, "upgrade package does not exist"),
        ({"InstallPackageID": DRIVERS}, "has no setup.exe"),
        ({"InstallPackageID": OS, "StagedContent": "/not/there"}, "drivers does not exist"),
        ({"InstallPackageID": OS, "SetupTimeout": "soon"}, "OSDUpgradeSetupTimeout is 'soon'"),
    ],
)
async def test_what_is_missing_is_named_and_setup_is_not_started(
    site: Site, parameters: dict[str, str], told: str
) -> None:
    """Fault: media, drivers or a setting is missing. dlcore names it and does not start Setup."""
    site.variables[CODE] = "3247440400"  # of an earlier scan
    outcome = await site.run(**parameters)
    assert outcome.exit_code == (PATH_NOT_FOUND if "not exist" in told else CANNOT_RUN)
    assert told in outcome.message
    assert site.variables[CODE] == ""
    assert not (site.root / "arguments.json").exists()


class HangingSetup:
    """Takes longer than it may. Implements `SetupRunner`.

    Attributes:
        times_s: How long it might have taken.
    """

    def __init__(self) -> None:
        self.times_s: list[int | None] = []

    def obstacle(self) -> str:
        return ""

    async def run(self, job: Job, program: Path, line: str) -> Outcome:
        self.times_s.append(job.step.timeout_s)
        return Outcome(TIMED_OUT, message="ran too long")


@pytest.mark.parametrize(("minutes", "time_s"), [("90", 5400), ("", 300), ("0", 300)])
async def test_an_upgrade_that_takes_too_long_fails(site: Site, minutes: str, time_s: int) -> None:
    """Fault: Windows Setup hangs. dlcore ends it after the step's time and fails the step."""
    setup = HangingSetup()
    named = {"OSDUpgradeInstallPackageID": OS, "OSDUpgradeSetupTimeout": minutes}
    step = Step(0, "upgrade", UPGRADE, timeout_s=300, variables=FrozenVariables(named))
    outcome = await UpgradeOperatingSystem(setup).run(Job(step, site.variables, site.content))
    assert outcome == Outcome(TIMED_OUT, message="ran too long")
    assert site.variables == {CODE: ""}
    assert setup.times_s == [time_s]


def test_a_feature_update_is_refused(tmp_path: Path) -> None:
    """Fault: the step installs a feature update. dlcore says that its content cannot be told."""
    named = {"OSDUpgradeFeatureUpdateName": "Windows 11, version 23H2"}
    step = Step(0, "upgrade", UPGRADE, variables=FrozenVariables(named))
    executor = UpgradeOperatingSystem(StandInSetup(["sh"]))
    assert "feature update" in executor.obstacle(step, {})
    assert executor.obstacle(step, {"OSDUpgradeInstallPath": str(tmp_path)}) == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows Setup runs there")
def test_windows_setup_runs_on_windows_only() -> None:
    """Fault: a sequence upgrades Windows, and this system is not Windows. dlcore refuses it."""
    executor = UpgradeOperatingSystem(WindowsSetup(Commands()))
    step = Step(
        0, "upgrade", UPGRADE, variables=FrozenVariables({"OSDUpgradeInstallPackageID": OS})
    )
    assert executor.obstacle(step, {}) == "Windows Setup runs on Windows only"


# What Setup leaves


async def test_the_scripts_note_the_end_and_go_on_with_the_run(site: Site) -> None:
    site.variables["SetupCompletePause"] = "180"
    await site.run(InstallPackageID=OS, resume_command='"C:\\dlcore.exe" run --name 100%')
    complete = (site.work / SCRIPT_FOLDER / "SetupComplete.cmd").read_bytes().decode()
    assert complete.split("\r\n") == [
        "@echo off",
        "chcp 65001 >nul",
        f'>"{site.work / SCRIPT_FOLDER / RESULT_FILE}" echo completed',
        "timeout /t 180 /nobreak >nul",
        '"C:\\dlcore.exe" run --name 100%%',
        "",
    ]
    rolled_back = (site.work / SCRIPT_FOLDER / "SetupRollback.cmd").read_bytes().decode()
    assert "echo rolled back\r\n" in rolled_back


@pytest.mark.parametrize(
    ("note", "variables"),
    [
        ("completed\r\n", {"_SMSTSSetupRollback": "false"}),
        ("rolled back\r\n", {"_SMSTSSetupRollback": "true"}),
        ("something else", {}),
        ("completed" + " " * 100 + "x", {"_SMSTSSetupRollback": "false"}),
    ],
)
def test_the_note_tells_how_the_upgrade_ended(
    tmp_path: Path, note: str, variables: dict[str, str]
) -> None:
    assert setup_result(tmp_path) == {}
    (tmp_path / SCRIPT_FOLDER).mkdir()
    (tmp_path / SCRIPT_FOLDER / RESULT_FILE).write_text(note)
    assert setup_result(tmp_path) == variables
    assert setup_result(tmp_path) == variables  # also if the process died after reading it


def test_the_note_of_an_earlier_upgrade_does_not_count(tmp_path: Path) -> None:
    """Fault: a note of an earlier upgrade is left. dlcore removes it before the next one."""
    write_scripts(tmp_path)
    (tmp_path / SCRIPT_FOLDER / RESULT_FILE).write_text("rolled back")
    assert setup_result(tmp_path)
    write_scripts(tmp_path)
    assert setup_result(tmp_path) == {}
