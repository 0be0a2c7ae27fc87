"""The folders of a step's command: the one in which it starts, and one of its own."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from dlcore.disk.clearing import clear
from dlcore.disk.faults import guarded
from dlcore.steps.interface import SCRATCH_FOLDER, Job
from dlcore.tasksequence import FrozenVariables, needs
from dlcore.tasksequence.step_types import RUN_COMMAND_LINE, RUN_POWERSHELL

_PARAMETERS: Final = {
    RUN_COMMAND_LINE: "WorkingDirectory",
    RUN_POWERSHELL: "SMSTSRunPowerShellWorkingDirectory",
}
"""Source: Microsoft Learn, "Task sequence variables"; exports, property WorkingDirectory."""


def package_folder(job: Job) -> Path | None:
    """The folder of the first package that the step needs; None if it needs none."""
    for package in needs(job.step, job.variables):
        if package in job.content:
            return job.content[package]
    return None


def working_folder(job: Job, environment: Mapping[str, str], scratch: Path) -> Path:
    """Where the step's command starts.

    The parameter of the step's type counts, which a variable may override, else the attribute
    *Start in*, else the folder of its package, else that of the run. A relative path begins in one
    of the latter two.

    Args:
        job: The step and its content.
        environment: On Windows, answers the names that no task sequence variable has.
        scratch: In the place of the folder of the run, if the job has none.

    Raises:
        TaskSequenceError: The path becomes too long.

    Source: Microsoft Learn, "Task sequence steps", Run Command Line, *Start in*.
    """
    base = package_folder(job) or job.work_folder or scratch
    named = job.parameters.written(_PARAMETERS.get(job.step.type, ""))
    written = named or job.step.start_in
    if os.name == "posix":
        return base / job.variables.expand(written).strip().replace("\\", "/")
    return base / FrozenVariables({**environment, **job.variables}).expand(written).strip()


@contextlib.contextmanager
def scratch_folder(job: Job) -> Iterator[Path]:
    """A new folder of a command's own, which is removed at the end of the ``with`` statement.

    It lies in the folder of the run, or else where the system keeps temporary files. What cannot be
    removed stays there: on Windows, that is the folder in which a process works that the command
    has left behind.

    Raises:
        StorageError: It cannot be made.
    """
    parent = job.work_folder and job.work_folder / SCRATCH_FOLDER
    with guarded("make the folder of a command", parent or Path()):
        if parent:
            parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.mkdtemp(prefix="dlcore-step-", dir=parent)
    try:
        yield Path(folder)
    finally:
        clear(Path(folder))
