"""The step *Upgrade Operating System*: starts Windows Setup of the upgrade package.

Guarantees: ``_SMSTSOSUpgradeActionReturnCode`` is Windows Setup's exit code, unsigned and in
decimal, whether the step succeeds or fails, and empty if Setup did not come to an end. The step
succeeds with Setup's 0, 3 or 3010 or, in a scan, with the code that says that nothing was found.
``_SMSTSSetupRollback`` is false after a successful upgrade; the scripts of `post_upgrade` correct
it if the upgrade is rolled back later. The machine is not restarted by the step: the sequence
restarts it with *Restart Computer*, as the editor's template does.

Sources: Microsoft Learn, "Task sequence steps: Upgrade Operating System", "Task sequence variables"
and "Create a task sequence to upgrade an OS". That a scan without findings succeeds, and that the
code is compared in decimal, is how published task sequences use it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from dlcore.printable import quoted
from dlcore.steps.exit_codes import (
    COMPATIBLE,
    PATH_NOT_FOUND,
    RESTART_REQUIRED,
    UPGRADED,
    explain_setup,
)
from dlcore.steps.interface import CANNOT_RUN, Job, Outcome, unsigned_code
from dlcore.steps.post_upgrade import ROLLBACK, write_scripts
from dlcore.steps.setup_command import SetupOptions, is_package, options_from, setup_line
from dlcore.steps.setup_runner import SetupRunner
from dlcore.tasksequence import Step, StepParameters, package_id
from dlcore.waiting import in_thread

RETURN_CODE: Final = "_SMSTSOSUpgradeActionReturnCode"
_PROGRAM: Final = "setup.exe"
_FEATURE_UPDATE: Final = (
    "OSDFeatureUpdateAssignmentID",
    "OSDUpgradeFeatureUpdateAssignmentId",
    "OSDUpgradeFeatureUpdateName",
)
"""The first is what exports have; the second is what the name of the property suggests."""


class _NotThereError(ValueError):
    """A folder does not exist. ConfigMgr's step ends with 0x80070003 then (observed)."""


class UpgradeOperatingSystem:
    """Runs Windows Setup. Implements `Executor`.

    Args:
        runner: Starts it.
        resume_command: The command line that goes on with the run after the upgrade; empty: it
            goes on when somebody or something else starts it again.
    """

    def __init__(self, runner: SetupRunner, *, resume_command: str = "") -> None:
        self._runner = runner
        self._resume_command = resume_command

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        """Whether the step installs a feature update, or Windows Setup does not run here."""
        parameters = StepParameters(step, variables)
        if not _has_media(parameters) and any(map(parameters.expanded, _FEATURE_UPDATE)):
            return (
                "it installs a feature update, whose content only the management point can name;"
                " use an upgrade package"
            )
        return self._runner.obstacle()

    async def run(self, job: Job) -> Outcome:
        """Run Windows Setup and judge how it ended."""
        job.variables[RETURN_CODE] = ""  # that of an earlier scan says nothing about this one
        obstacle = self.obstacle(job.step, job.variables)
        if obstacle:
            return Outcome(CANNOT_RUN, message=obstacle)
        try:
            options = await in_thread(self._options, job)
            program = await in_thread(_program, job)
            line = setup_line(str(program), options)
            timed = msgspec.structs.replace(job, step=_with_time(job.step, job.parameters))
        except _NotThereError as error:
            return Outcome(PATH_NOT_FOUND, message=str(error))
        except ValueError as error:
            return Outcome(CANNOT_RUN, message=str(error))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            return Outcome(CANNOT_RUN, message=f"cannot prepare the upgrade: {reason}")
        outcome = await self._runner.run(timed, program, line)
        return outcome if outcome.message else _judged(job, options, outcome)

    def _options(self, job: Job) -> SetupOptions:
        options = options_from(job.parameters, job.variables)
        drivers = _drivers(job)
        if options.scans_only or job.work_folder is None:
            return msgspec.structs.replace(options, drivers=drivers)
        scripts = write_scripts(
            job.work_folder,
            pause_s=job.parameters.expanded("SetupCompletePause").strip(),
            resume_command=self._resume_command,
        )
        return msgspec.structs.replace(
            options,
            drivers=drivers,
            when_complete=str(scripts.when_complete),
            when_rolled_back=str(scripts.when_rolled_back),
        )


def _has_media(parameters: StepParameters) -> bool:
    package = parameters.expanded("OSDUpgradeInstallPackageID")
    return is_package(package) or bool(parameters.expanded("OSDUpgradeInstallPath").strip())


def _folder(job: Job, package_parameter: str, path_parameter: str) -> Path | None:
    """The folder that a step names by a package or by a path; None if it names none.

    Raises:
        ValueError: The package is not there.
    """
    package = job.parameters.expanded(package_parameter)
    if is_package(package):
        wanted = package_id(package)
        if wanted is None or wanted not in job.content:
            raise ValueError(
                f"{package_parameter} is {quoted(package.strip()[:60])}, which is not one of the"
                " packages that were fetched for the step"
            )
        return job.content[wanted]
    path = job.parameters.expanded(path_parameter).strip().strip('"')
    return Path(path) if path else None


def _program(job: Job) -> Path:
    """``setup.exe`` of the media, in whatever case it is written.

    Raises:
        ValueError: There is none.
        OSError: The media cannot be read.
    """
    media = _folder(job, "OSDUpgradeInstallPackageID", "OSDUpgradeInstallPath")
    if media is None:
        raise ValueError("the step names neither an upgrade package nor a path of one")
    if not media.is_dir():
        raise _NotThereError("the folder of the upgrade package does not exist")
    found = [file for file in sorted(media.iterdir()) if file.name.lower() == _PROGRAM]
    if not found:
        raise ValueError(f"the upgrade package has no {_PROGRAM} in its topmost folder")
    return found[0].absolute()


def _drivers(job: Job) -> str | None:
    """The folder of drivers.

    Raises:
        ValueError: It does not exist. Windows Setup would fail, too, and say less.
    """
    folder = _folder(job, "OSDUpgradeDriverPackageID", "OSDUpgradeStagedContent")
    if folder is None:
        return None
    if not folder.is_dir():
        raise _NotThereError("the folder of the drivers does not exist")
    return str(folder.absolute())


def _with_time(step: Step, parameters: StepParameters) -> Step:
    """The step with the time that Windows Setup may take.

    Raises:
        ValueError: The time cannot be used.
    """
    minutes = parameters.expanded("OSDUpgradeSetupTimeout").strip()
    if minutes in ("", "0"):
        return step
    if not re.fullmatch(r"[0-9]{1,6}", minutes):
        raise ValueError(
            f"OSDUpgradeSetupTimeout is {quoted(minutes[:60])}, which is not a number of minutes"
        )
    return msgspec.structs.replace(step, timeout_s=int(minutes) * 60)


def _judged(job: Job, options: SetupOptions, outcome: Outcome) -> Outcome:
    code = unsigned_code(outcome.exit_code)
    if code is None:
        told = f"Windows Setup ended with {outcome.exit_code}, which is not an exit code"
        return msgspec.structs.replace(outcome, exit_code=CANNOT_RUN, message=told)
    job.variables[RETURN_CODE] = str(code)
    good = (0, COMPATIBLE) if options.scans_only else (0, UPGRADED, RESTART_REQUIRED)
    if code not in good:
        meaning = explain_setup(code)
        told = f"Windows Setup ended with 0x{code:08X}{f': {meaning}' if meaning else ''}"
        return msgspec.structs.replace(outcome, exit_code=code, message=told)
    if not options.scans_only:
        job.variables[ROLLBACK] = "false"
    return msgspec.structs.replace(outcome, exit_code=0, restart=code == RESTART_REQUIRED)
