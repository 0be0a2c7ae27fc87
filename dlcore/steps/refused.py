"""The documented step types that dlcore does not run, and why.

Every one of them is refused before a run, with the reason and with what to do instead. A package
that installs an executor for such a type takes its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dlcore.steps.interface import CANNOT_RUN, Executor, Job, Outcome
from dlcore.tasksequence import Step
from dlcore.tasksequence import step_types as types

_WINDOWS_PE: Final = (
    "it runs in Windows PE, and dlcore runs in the full operating system only; disable it, or let"
    " ConfigMgr deploy the sequence"
)
_CAPTURE: Final = (
    "it prepares or captures an image, and dlcore only upgrades machines; disable it, or let"
    " ConfigMgr run the sequence"
)
_CLIENT: Final = (
    "it needs the ConfigMgr client, which knows {}; disable it, or install {} with Install Package"
    " or Run Command Line"
)
_USER_STATE: Final = (
    "it needs a state migration point or USMT with its own rules; an in-place upgrade keeps the"
    " users' data, so disable it"
)
_MDT: Final = (
    "it runs scripts of the MDT toolkit in MDT's own environment; use {} of ConfigMgr instead"
)

REFUSALS: Final[Mapping[str, str]] = {
    types.CONNECT_NETWORK_FOLDER: (
        "it connects a share with a password from the sequence, which dlcore does not pass on;"
        " publish the folder as a package, or connect it in a Run Command Line step"
    ),
    types.JOIN_DOMAIN: (
        "it changes the machine's domain with a password from the sequence, which dlcore does not"
        " pass on; an in-place upgrade stays in its domain, so disable it"
    ),
    types.INSTALL_APPLICATION: _CLIENT.format(
        "the application's deployment types and detection rules", "the application"
    ),
    types.INSTALL_UPDATES: _CLIENT.format("which updates the machine needs", "the updates"),
    types.PARTITION_DISK: _WINDOWS_PE,
    types.CONVERT_DISK: (
        "it converts a disk with a tool that ConfigMgr no longer has; disable it, or convert the"
        " disk in a Run Command Line step"
    ),
    types.PRE_PROVISION_BITLOCKER: _WINDOWS_PE,
    types.APPLY_OPERATING_SYSTEM: _WINDOWS_PE,
    types.APPLY_DATA_IMAGE: _WINDOWS_PE,
    types.APPLY_DRIVER_PACKAGE: (
        "it runs in Windows PE, and dlcore runs in the full operating system only; name the driver"
        " package in Upgrade Operating System instead"
    ),
    types.AUTO_APPLY_DRIVERS: (
        "it runs in Windows PE and asks a management point for drivers; name a driver package in"
        " Upgrade Operating System instead"
    ),
    types.APPLY_NETWORK_SETTINGS: _WINDOWS_PE,
    types.APPLY_WINDOWS_SETTINGS: _WINDOWS_PE,
    types.SETUP_WINDOWS: _WINDOWS_PE,
    types.CAPTURE_IMAGE: _CAPTURE,
    types.INSTALL_DEPLOYMENT_TOOLS: _CAPTURE,
    types.PREPARE_CLIENT: _CAPTURE,
    types.PREPARE_WINDOWS: _CAPTURE,
    types.CAPTURE_NETWORK_SETTINGS: (
        "it captures settings for a new installation; an in-place upgrade keeps them, so disable it"
    ),
    types.CAPTURE_WINDOWS_SETTINGS: (
        "it captures settings for a new installation; an in-place upgrade keeps them, so disable it"
    ),
    types.REQUEST_STATE_STORE: _USER_STATE,
    types.CAPTURE_USER_STATE: _USER_STATE,
    types.RESTORE_USER_STATE: _USER_STATE,
    types.RELEASE_STATE_STORE: _USER_STATE,
    types.SUBSEQUENCE: (
        "the child sequence is not in this file; export it together with the sequence that runs it"
    ),
    types.MDT_GATHER: _MDT.format("Set Dynamic Variables"),
    types.MDT_RUN_POWERSHELL: _MDT.format("Run PowerShell Script"),
    types.MDT_USE_PACKAGE: _MDT.format("Download Package Content"),
    types.MDT_VALIDATE: _MDT.format("Check Readiness"),
}
"""Why dlcore does not run the steps of a type, and what to do; by step type."""


class RefusedStep:
    """Runs nothing. Implements `Executor`.

    Args:
        reason: Why not, and what to do.
    """

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        """The reason."""
        del step, variables
        return self._reason

    async def run(self, job: Job) -> Outcome:
        """Fail with the reason."""
        del job
        return Outcome(CANNOT_RUN, message=self._reason)


def refusing_executors() -> dict[str, Executor]:
    """An executor for each type in `REFUSALS`."""
    return {kind: RefusedStep(reason) for kind, reason in REFUSALS.items()}
