"""Which executor runs which step type."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from dlcore.machine import this_machine
from dlcore.steps.bitlocker import DisableBitLocker, EnableBitLocker, ManageBde
from dlcore.steps.command_line import RunCommandLine
from dlcore.steps.commands.process import Commands
from dlcore.steps.commands.secret_variables import secret_names
from dlcore.steps.install_package import InstallPackage
from dlcore.steps.installed import GROUP, ExecutorContext, installed_executors
from dlcore.steps.interface import CANNOT_RUN, Executor, Job, Outcome
from dlcore.steps.powershell import RunPowerShellScript
from dlcore.steps.readiness import CheckReadiness
from dlcore.steps.refused import refusing_executors
from dlcore.steps.restart import RestartComputer
from dlcore.steps.setup_runner import WindowsSetup
from dlcore.steps.upgrade import UpgradeOperatingSystem
from dlcore.tasksequence import Step
from dlcore.tasksequence.step_types import (
    DISABLE_BITLOCKER,
    ENABLE_BITLOCKER,
    INSTALL_SOFTWARE,
    PRESTART_CHECK,
    RESTART,
    RUN_COMMAND_LINE,
    RUN_POWERSHELL,
    UPGRADE,
)


class StepExecutors:
    """Runs each step by the executor of its type. Implements `Executor`.

    Args:
        executors: By step type, such as ``SMS_TaskSequence_RunCommandLineAction``.
    """

    def __init__(self, executors: Mapping[str, Executor]) -> None:
        self._executors = dict(executors)

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        """Why a step cannot be run on this machine; empty if it can."""
        executor = self._executors.get(step.type)
        return executor.obstacle(step, variables) if executor else _no_executor(step)

    async def run(self, job: Job) -> Outcome:
        """Run a step by the executor of its type."""
        executor = self._executors.get(job.step.type)
        if executor is None:
            return Outcome(CANNOT_RUN, message=_no_executor(job.step))
        return await executor.run(job)

    def with_executors(self, executors: Mapping[str, Executor]) -> StepExecutors:
        """These executors, with other ones for some step types."""
        return StepExecutors({**self._executors, **executors})


def standard_executors(secret_variables: Collection[str] = ()) -> StepExecutors:
    """The executors that come with dlcore, and those that other packages install.

    Args:
        secret_variables: Names of environment variables that hold credentials, as
            `dlcore.Deployment.secret_variables` tells them. No command gets them.
    """
    own = _own_executors(Commands(secret_variables))
    secret = secret_names(os.environ, secret_variables).union(secret_variables)
    context = ExecutorContext(secret)
    installed = installed_executors(context, built_in=own)
    return StepExecutors({**refusing_executors(), **own, **installed})


def _own_executors(commands: Commands) -> dict[str, Executor]:
    return {
        DISABLE_BITLOCKER: DisableBitLocker(ManageBde(commands)),
        ENABLE_BITLOCKER: EnableBitLocker(ManageBde(commands), this_machine()),
        INSTALL_SOFTWARE: InstallPackage(commands),
        PRESTART_CHECK: CheckReadiness(this_machine()),
        RUN_COMMAND_LINE: RunCommandLine(commands),
        RUN_POWERSHELL: RunPowerShellScript(commands),
        RESTART: RestartComputer(),
        UPGRADE: UpgradeOperatingSystem(WindowsSetup(commands)),
    }


def _no_executor(step: Step) -> str:
    return (
        f"no executor is installed for steps of the type {step.type}; install a package with an"
        f" entry point of that name in the group {GROUP}"
    )
