"""The task sequence variables that an engine sets by itself.

Some are set before the first step (`initial_variables`), some around each step. The table in
`documented_variables` lists every documented one, also those that are not set, with the reason.

Of values with one name the later of these counts: built in; the sequence's global variables; the
deployment's ``[variables]``; what a step sets.

Source: Microsoft Learn, "Task sequence variables" and "How to use task sequence variables".
"""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

from dlcore.deployment import Deployment, Download
from dlcore.machine import Machine, answer_or_none, this_machine
from dlcore.store.state_directory import WORK_FOLDER as WORK_FOLDER
from dlcore.tasksequence import FrozenVariables, Step, TaskSequence, Variables
from dlcore.tasksequence import step_types as types
from dlcore.tasksequence.set_variable import is_read_only

LOG_FOLDER: Final = "logs"
"""Where steps write their logs, in the state directory; ``_SMSTSLogPath`` names it."""

_IN_WINDOWS_PE: Final = "_SMSTSInWinPE"
_DEPLOYS: Final = frozenset({types.APPLY_OPERATING_SYSTEM, types.SETUP_WINDOWS, types.UPGRADE})
_GENERIC, _OPERATING_SYSTEM = "1", "2"


def initial_variables(
    sequence: TaskSequence,
    deployment: Deployment | None = None,
    state: Path | None = None,
    machine: Machine | None = None,
) -> Variables:
    """All variables that are set when the first step's turn comes.

    Args:
        sequence: The task sequence.
        deployment: Its settings; None if there are none, as in a plan.
        state: The state directory; None if it is not known.
        machine: The machine that runs it; None: this one. What it does not tell is not set.
    """
    built_in = built_in_variables(sequence, deployment, state, machine or this_machine())
    given = deployment.variables if deployment else {}
    found = merged(Variables(built_in), sequence.variables, Variables(given))
    found[_IN_WINDOWS_PE] = "false"  # no setting makes steps for Windows PE fit to run here
    return found


def facts_again(sequence: TaskSequence, deployment: Deployment, machine: Machine) -> Variables:
    """The variables about the machine, for a process that goes on with a run.

    A step may have changed it before a restart: MBR2GPT changes the firmware's mode. No step can
    set these variables, so what the sequence or the deployment says of them is left out.
    """
    given = merged(sequence.variables, Variables(deployment.variables))
    found = _of_machine(machine)
    return Variables({n: v for n, v in found.items() if is_read_only(n) and n not in given})


def merged(*sources: FrozenVariables) -> Variables:
    """The variables of all, with what is marked as secret; of one name the last value counts."""
    variables = Variables()
    for source in sources:
        variables.update(source)
        for name in source.secrets:
            variables.mark_secret(name)
    return variables


def built_in_variables(
    sequence: TaskSequence,
    deployment: Deployment | None,
    state: Path | None,
    machine: Machine,
) -> dict[str, str]:
    """The variables that the engine sets before the first step; see `initial_variables`."""
    on_demand = deployment is None or deployment.options.download == Download.WHEN_NEEDED
    deploys = any(step.type in _DEPLOYS for step in sequence.steps)
    found = {
        _IN_WINDOWS_PE: "false",
        "_SMSTSLaunchMode": "SMS",
        "_SMSTSUserStarted": "true",
        "_SMSTSDownloadOnDemand": _flag(on_demand),
        "_SMSTSRunFromDP": "false",
        "_SMSTSPackageID": sequence.package_id,
        "_SMSTSPackageName": sequence.name,
        "_SMSTSBootImageID": sequence.boot_image_id,
        "_SMSTSType": _OPERATING_SYSTEM if deploys else _GENERIC,
        "_TSAppInstallStatus": "Undefined",
        **_of_machine(machine),
    }
    if state is not None:
        found["_SMSTSMDataPath"] = str(state.absolute() / WORK_FOLDER)
        found["_SMSTSLogPath"] = str(state.absolute() / LOG_FOLDER)
    return {name: value for name, value in found.items() if value}


def _of_machine(machine: Machine) -> dict[str, str]:
    is_uefi, name = answer_or_none(machine.is_uefi), answer_or_none(machine.computer_name)
    found = {
        "_SMSTSMachineName": name,
        "OSDComputerName": name,
        "_SMSTSBootUEFI": None if is_uefi is None else _flag(is_uefi),
        "_TSSecureBoot": answer_or_none(machine.secure_boot),
        "_SMSTSTimezone": answer_or_none(machine.time_zone),
    }
    return {name: value for name, value in found.items() if value}


def set_before_step(variables: MutableMapping[str, str], step: Step) -> None:
    """Set the variables about a step that is about to run."""
    variables["_SMSTSCurrentActionName"] = step.name


def set_after_step(
    variables: MutableMapping[str, str], step: Step, exit_code: int, *, has_succeeded: bool
) -> None:
    """Set the variables about a step that has run; a step that is left out changes nothing."""
    variables["_SMSTSLastActionName"] = step.name
    variables["_SMSTSLastActionRetCode"] = str(exit_code)
    variables["_SMSTSLastActionSucceeded"] = _flag(has_succeeded)


def _flag(value: bool) -> str:
    return str(value).lower()
