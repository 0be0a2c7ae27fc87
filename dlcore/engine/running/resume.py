"""Decides whether a run that is under way goes on, and with which task sequence."""

from __future__ import annotations

import enum
import logging
from pathlib import Path

from dlcore.deployment import Download
from dlcore.engine.running.identity import SequenceIdentity, changes
from dlcore.engine.running.state import RunState
from dlcore.engine.state_file import START_OVER_REMEDY, STATE_FILE, load
from dlcore.errors import ConfigError, RunStateError, RunStateFault

_log = logging.getLogger(__name__)

MAX_TOLD = 10  # changed steps in one message; a person reads no more


class Resume(enum.StrEnum):
    """What to do with a run that is under way in the state directory."""

    ASK = "ask"  # go on if nothing has changed, else refuse and say what has
    CONTINUE = "continue"  # go on with the edited sequence or the other setting, if possible
    START_OVER = "restart"  # at the first step, whatever the state is
    RESTART = START_OVER  # its earlier name


def take_up(
    state: Path,
    sequence: SequenceIdentity,
    download: Download,
    resume: Resume,
    *,
    simulated: bool = False,
) -> RunState | None:
    """The run to go on with; None if one starts over. Nothing is written.

    Args:
        state: The state directory, whose run this process holds.
        sequence: What is to run now.
        download: The deployment's download setting now.
        resume: What the caller has decided.
        simulated: Whether the steps are to be simulated.

    Raises:
        RunStateError: The state is damaged or of another version; or the sequence or the setting
            has changed, and the caller has not decided, or the run cannot go on with it; or only
            one of the two simulates its steps.
        ConfigError: No run is under way, and the caller has asked to go on with one.
        StorageError: The disk failed.
    """
    if resume is Resume.START_OVER:
        _log.info("the run starts over, as asked")
        return None
    run = load(state)
    if run is None and resume is Resume.CONTINUE:
        raise ConfigError(
            f"no run is under way in {state} that could be continued",
            remedy="Run without --continue (resume='ask'): a new run begins at the first step.",
        )
    if run is None:
        return None
    if run.simulated != simulated:
        raise _of_another_kind(state, run)
    if run.sequence == sequence and run.download == download:
        return run
    what = _differences(run, sequence, download)
    fault = RunStateFault.SETTING if run.sequence == sequence else RunStateFault.SEQUENCE
    obstacle = run.why_not(sequence)
    if resume is Resume.ASK or obstacle:
        raise _undecided(state, run, what, fault, obstacle)
    _log.warning("the run goes on at step %d, although %s", run.position, what)
    run.go_on_with(sequence, download)
    return run


def _of_another_kind(state: Path, run: RunState) -> RunStateError:
    """A simulated run never becomes a real one: none of its steps so far was executed."""
    how, option = ("simulates", "with") if run.simulated else ("executes", "without")
    return RunStateError(
        f"a run is under way in {state / STATE_FILE}, at step {run.position}, and it {how} its"
        " steps, which this one would not do",
        fault=RunStateFault.SIMULATED,
        remedy=f"To go on with it, run {option} --simulate. {START_OVER_REMEDY}",
    )


def _differences(run: RunState, sequence: SequenceIdentity, download: Download) -> str:
    found = [str(change) for change in changes(run.sequence, sequence)]
    if len(found) > MAX_TOLD:
        found[MAX_TOLD:] = [f"{len(found) - MAX_TOLD} more steps differ"]
    if not found and run.sequence != sequence:
        found.append("groups or global variables of the task sequence were changed")
    if run.download != download:
        found.append(f"the download setting was {run.download} and is {download} now")
    return "; ".join(found)


def _undecided(
    state: Path, run: RunState, what: str, fault: RunStateFault, obstacle: str | None
) -> RunStateError:
    message = (
        f"a run is under way in {state / STATE_FILE}, at step {run.position}, and it began with "
        f"another task sequence or setting: {what}"
    )
    if obstacle:
        message += f". It cannot go on with this one: {obstacle}"
        return RunStateError(message, fault=fault, remedy=START_OVER_REMEDY)
    return RunStateError(
        message,
        fault=fault,
        remedy=f"To go on at step {run.position} with the current sequence and setting, "
        f"run with --continue (resume='continue'). {START_OVER_REMEDY}",
    )
