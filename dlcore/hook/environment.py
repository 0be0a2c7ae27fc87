"""The variables of the task sequence that Windows' own engine runs, wherever they come from.

On Windows that is the COM object ``Microsoft.SMS.TSEnvironment``, which exists while a task
sequence runs. Where there is no such object, a file may stand in for it.

Source: Microsoft Learn, "How to use task sequence variables in a running task sequence".
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from dlcore.errors import DlcoreError

STAND_IN_VARIABLE: Final = "DLCORE_HOOK_ENVIRONMENT"
"""Environment variable of the process: a JSON file of variables, in place of the COM object."""


class EnvironmentUnavailableError(DlcoreError):
    """No task sequence runs on this machine, or its variables cannot be read.

    Nothing was changed. Raised within the hook only, and told in its log.
    """


class TaskSequenceEnvironment(Protocol):
    """The variables of a running task sequence. Names ignore case.

    All methods raise `EnvironmentUnavailableError` if the variables can no longer be read.
    """

    def get(self, name: str) -> str:
        """The value of a variable; empty if there is none of that name."""
        ...

    def set(self, name: str, value: str) -> None:
        """Set a variable; an empty value removes it."""
        ...

    def names(self) -> tuple[str, ...]:
        """The names of all variables."""
        ...


def open_environment(process: Mapping[str, str] = os.environ) -> TaskSequenceEnvironment:
    """The environment of the task sequence that runs now.

    Without a task sequence (somebody tries the program by hand), the variables of the process are
    taken: the hook then works with the settings that they give.

    Args:
        process: The environment variables of this process.

    Raises:
        EnvironmentUnavailableError: There is one, and it cannot be read.
    """
    from dlcore.hook.stand_in import VariablesInFile, VariablesInMemory

    stand_in = process.get(STAND_IN_VARIABLE)
    if stand_in:
        return VariablesInFile(Path(stand_in))
    if sys.platform == "win32":
        from dlcore.hook import com_environment

        if com_environment.is_registered():
            return com_environment.ComEnvironment()
    return VariablesInMemory(process)
