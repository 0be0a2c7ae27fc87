"""Whether a step asks for another account than the one that dlcore runs as."""

from __future__ import annotations

from typing import NamedTuple

from dlcore.tasksequence import StepParameters


class RunAs(NamedTuple):
    """Where a step type says which account runs its command.

    Attributes:
        switch: The step's own parameter: ``true`` for another account.
        override: The variable that asks for it for all steps of the type.
        user: The parameter that names the account.

    Source: Microsoft Learn, "Task sequence variables", and the ConfigMgr SDK, property RunAsUser.
    """

    switch: str
    override: str
    user: str

    def obstacle(self, parameters: StepParameters) -> str:
        """Why the step cannot be run; empty if it asks for no other account."""
        asks = [name for name in (self.switch, self.override) if parameters.is_true(name)]
        if not asks:
            return ""
        return (
            f"it asks for the account in {self.user} ({asks[0]} is true), and dlcore runs commands"
            f" only as the account that it runs as itself; clear 'Run this step as the following"
            f" account' in the step"
        )


COMMAND_LINE = RunAs(
    "_SMSTSRunCommandLineAsUser", "SMSTSRunCommandLineAsUser", "SMSTSRunCommandLineUserName"
)
POWERSHELL = RunAs(
    "_SMSTSRunPowerShellAsUser", "SMSTSRunPowerShellAsUser", "SMSTSRunPowerShellUserName"
)
