"""Restarts of the machine that a step asks for: by its exit code, or by variables that it sets.

Microsoft documents ``SMSTSRebootRequested``, ``SMSTSRetryRequested``, ``SMSTSRebootDelay``,
``SMSTSRebootDelayNext`` and ``SMSTSRebootMessage``, and leaves three things open. A retry without a
restart has no effect here. Any value but ``WinPE`` and ``false`` asks for a restart: scripts of MDT
set ``true``. A step that asks for a retry is repeated also if it failed, and a step that ends the
run by its failure restarts nothing. A limit of retries is not documented; here there is one, so
that no machine restarts for ever.

Source: Microsoft Learn, "Task sequence variables"; "Task sequence steps", for exit code 3010.
"""

from __future__ import annotations

import logging
from typing import Final, NamedTuple

from dlcore.steps.exit_codes import RESTART_REQUIRED
from dlcore.steps.interface import CANNOT_RUN, Outcome, RestartNotice
from dlcore.tasksequence import Step, Variables
from dlcore.tasksequence import step_types as types

_log = logging.getLogger(__name__)

REBOOT: Final = "SMSTSRebootRequested"
RETRY: Final = "SMSTSRetryRequested"

_RESTARTED_BY_CODE: Final = frozenset(
    (
        types.RUN_COMMAND_LINE,
        types.RUN_POWERSHELL,
        types.INSTALL_SOFTWARE,
        types.INSTALL_APPLICATION,
    )
)
_WINDOWS_PE: Final = "winpe"
_NOT_ASKED: Final = frozenset({"", "false"})


class RestartRequest(NamedTuple):
    """What a step asked for.

    Attributes:
        restart: Whether the machine is to restart.
        retry: Whether the same step is to run again afterwards.
    """

    restart: bool
    retry: bool


def judged(outcome: Outcome, variables: Variables) -> Outcome:
    """A step's outcome, which is a failure if the variables ask for a restart into Windows PE.

    The variables of such a request are removed.
    """
    reason = into_windows_pe(REBOOT, variables.get(REBOOT, ""))
    if reason:
        take_request(variables)
        return Outcome(CANNOT_RUN, message=reason, output=outcome.output)
    return outcome


def into_windows_pe(name: str, value: str) -> str | None:
    """Why a variable cannot get a value that asks for a restart into Windows PE; None if it can.

    Args:
        name: The variable that a step sets.
        value: What it sets it to.
    """
    if name.strip().upper() != REBOOT.upper() or value.strip().lower() != _WINDOWS_PE:
        return None
    return "the step asks for a restart into Windows PE, where dlcore does not run"


def without_end(outcome: Outcome, variables: Variables, repetitions: int) -> Outcome:
    """The failure of a step that asks once too often for being run again after a restart.

    The variables of its request are removed.

    Args:
        outcome: How the step ended.
        variables: Task sequence variables.
        repetitions: How often in a row it has been repeated.
    """
    take_request(variables)
    reason = (
        f"it was repeated after {repetitions} restarts in a row, and asks for another one. "
        f"Find out why it sets {RETRY} each time, then run the task sequence again"
    )
    return Outcome(CANNOT_RUN, message=reason, output=outcome.output)


def restarts_by_code(step: Step, exit_code: int) -> bool:
    """Whether the exit code of a step that succeeded asks for a restart, whatever has run it."""
    return step.type in _RESTARTED_BY_CODE and exit_code == RESTART_REQUIRED


def asks_for_retry(variables: Variables) -> bool:
    """Whether the step that has just ended asks for being run again after a restart."""
    return _is_set(variables, REBOOT) and _is_set(variables, RETRY)


def take_request(variables: Variables) -> RestartRequest:
    """What the step that has just ended asks for by variables; they are removed."""
    restart, retry = _is_set(variables, REBOOT), _is_set(variables, RETRY)
    if retry and not restart:
        _log.warning("%s has no effect without %s", RETRY, REBOOT)
    for name in (REBOOT, RETRY):
        variables.pop(name, None)
    return RestartRequest(restart, restart and retry)


def notice(variables: Variables, earlier_restarts: int) -> RestartNotice:
    """What people are told before a restart.

    Args:
        variables: Task sequence variables.
        earlier_restarts: How many restarts the run has asked for before.
    """
    delay_s = _seconds(variables, "SMSTSRebootDelay")
    if earlier_restarts:
        next_s = _seconds(variables, "SMSTSRebootDelayNext")
        delay_s = delay_s if next_s is None else next_s
    return RestartNotice(delay_s, variables.expand(variables.get("SMSTSRebootMessage", "")))


def _is_set(variables: Variables, name: str) -> bool:
    return variables.get(name, "").strip().lower() not in _NOT_ASKED


def _seconds(variables: Variables, name: str) -> int | None:
    text = variables.get(name, "").strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return int(text)
    if text:
        _log.warning("%s is not a number of seconds, and is ignored", name)
    return None
