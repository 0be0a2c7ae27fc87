"""The variables of the task sequence that Windows' own engine runs, wherever they come from."""

from __future__ import annotations

from typing import Protocol

from dlcore.errors import DlcoreError


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
