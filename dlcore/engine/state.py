"""Where a run stands, kept on disk so that it survives a restart of the machine.

Guarantees: the file is replaced by one rename after it was synced, so after any crash it is the
old one or the new one. Only its owner can read it: variables may hold secrets.

A run belongs to one task sequence document (by digest) and one download setting; another one
begins anew.
"""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import msgspec

from dlcore.engine.disk import guarded
from dlcore.engine.download.figures import EndpointFigures, added
from dlcore.engine.outcomes import SkipReason, StepOutcome
from dlcore.store.files import Files, read_document, write_document

_log = logging.getLogger(__name__)

STATE_FILE = "run.json"
SCHEMA = 2


class StepResult(msgspec.Struct, frozen=True):
    """What became of one step.

    Attributes:
        index: Of the step.
        name: Of the step.
        outcome: How it ended.
        skip_reason: Why it was skipped; None if it was not.
        message: Why it failed, for people; empty if it did not fail.
        exit_code: Of its last attempt; 0 if nothing was executed.
        stall_s: Seconds it waited for its content.
        run_s: Seconds it ran, all attempts together.
        packages: Ids of the packages it needed.
    """

    index: int
    name: str
    outcome: StepOutcome
    skip_reason: SkipReason | None = None
    message: str = ""
    exit_code: int = 0
    stall_s: float = 0.0
    run_s: float = 0.0
    packages: tuple[str, ...] = ()

    @property
    def why(self) -> str:
        """Why it was skipped or failed, for people; empty if it succeeded."""
        return self.skip_reason.value if self.skip_reason else self.message


class LifeFigures(NamedTuple):
    """What the process that runs now has measured; a run may take several processes.

    Attributes:
        elapsed_s: Seconds since it began.
        busy_s: Of these, seconds in which the link was at work.
        fetched_bytes: Payload bytes received, by package.
        wasted_bytes: Of those received, the ones that turned out not to be needed.
        reused_bytes: Verified bytes found on disk.
        endpoints: What each endpoint did.
        renewals: Tokens and locations renewed.
    """

    elapsed_s: float
    busy_s: float
    fetched_bytes: Counter[str]
    wasted_bytes: int
    reused_bytes: int
    endpoints: dict[str, EndpointFigures]
    renewals: int


class RunState(msgspec.Struct, forbid_unknown_fields=True):
    """Everything a run needs to go on; changed only by its own methods.

    Attributes:
        sequence: Digest of the task sequence document.
        download: The deployment's download setting.
        variables: All task sequence variables.
        position: Index of the first step that has not ended.
        entered: Group index -> whether its condition was met, once decided.
        abandoned: Groups in which a step failed, and whose other steps do not run.
        results: Of the steps that have ended.
        elapsed_s: Seconds the run has been under way, without the time between restarts.
        busy_s: Of these, seconds in which the link was at work.
        fetched_bytes: Payload bytes received, by package.
        wasted_bytes: Of those received, the ones that turned out not to be needed.
        endpoints: What each endpoint did.
        reused_bytes: Verified bytes found on disk when the run began.
        renewals: Tokens and locations renewed.
        restarts: How many times the run was begun again.
    """

    sequence: str
    download: str
    variables: dict[str, str]
    position: int = 0
    entered: dict[int, bool] = msgspec.field(default_factory=dict)
    abandoned: list[int] = msgspec.field(default_factory=list)
    results: list[StepResult] = msgspec.field(default_factory=list)
    elapsed_s: float = 0.0
    busy_s: float = 0.0
    fetched_bytes: dict[str, int] = msgspec.field(default_factory=dict)
    wasted_bytes: int = 0
    endpoints: dict[str, EndpointFigures] = msgspec.field(default_factory=dict)
    reused_bytes: int = 0
    renewals: int = 0
    restarts: int = 0
    schema: int = SCHEMA

    def begin_again(self) -> None:
        """Take note that another process goes on with the run."""
        self.restarts += 1

    def enter(self, group: int, *, met: bool) -> None:
        """Take note of how a group's condition was decided: for good."""
        self.entered[group] = met

    def abandon(self, group: int) -> None:
        """Take note that the other steps of a group do not run."""
        self.abandoned.append(group)

    def end_step(self, result: StepResult) -> None:
        """Take note of what became of the step at `position`, and move on behind it."""
        self.results.append(result)
        self.position = result.index + 1

    def set_variables(self, variables: dict[str, str]) -> None:
        """Take note of the task sequence variables as they are between two steps."""
        self.variables = variables

    def measure(self, earlier: RunState, life: LifeFigures) -> None:
        """Bring the figures up to date.

        Args:
            earlier: The run as it was when the process that runs now took it over.
            life: What this process has measured.
        """
        self.elapsed_s = earlier.elapsed_s + life.elapsed_s
        self.busy_s = earlier.busy_s + life.busy_s
        self.fetched_bytes = dict(Counter(earlier.fetched_bytes) + life.fetched_bytes)
        self.wasted_bytes = earlier.wasted_bytes + life.wasted_bytes
        self.endpoints = added(earlier.endpoints, life.endpoints)
        self.renewals = earlier.renewals + life.renewals
        if not self.restarts:
            self.reused_bytes = life.reused_bytes


def load(state: Path, sequence: str, download: str) -> RunState | None:
    """The run that was under way in this state directory, if it is the same one.

    A file that cannot be read counts as none: the run begins anew, and content that is on disk is
    found there all the same.

    Raises:
        StorageError: The file is there but the disk fails.
    """
    path = state / STATE_FILE
    with guarded(f"read {path}", state):
        document = read_document(Files(), path)
    if document is None:
        return None
    try:
        run = msgspec.json.decode(document, type=RunState)
    except (msgspec.DecodeError, UnicodeDecodeError):
        _log.warning("%s cannot be read: the run begins anew", path)
        return None
    same = (run.schema, run.sequence, run.download) == (SCHEMA, sequence, download)
    if not same:
        _log.warning("%s is of another task sequence or setting: the run begins anew", path)
        return None
    return run


def save(state: Path, run: RunState) -> None:
    """Put the run's state on disk, durably.

    Raises:
        StorageError: The disk failed; the old state is still there.
    """
    document = msgspec.json.encode(run)
    with guarded("save the run's state", state, len(document)):
        write_document(Files(), state / STATE_FILE, document)


def forget(state: Path) -> None:
    """Remove the state: the run has ended, and the next one begins anew.

    Raises:
        StorageError: The disk failed.
    """
    with guarded("remove the run's state", state):
        (state / STATE_FILE).unlink(missing_ok=True)
        Files().sync_folder(state)
