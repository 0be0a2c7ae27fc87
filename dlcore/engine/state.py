"""Where a run stands, kept on disk so that it survives a restart of the machine.

Guarantees: the file is replaced by one rename after it was synced, so after any crash it is the
old one or the new one. It is readable by its owner only: variables may hold secrets.

A run belongs to one task sequence document (by digest) and one download setting; another one
begins anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from dlcore.engine.disk import guarded
from dlcore.engine.download.figures import EndpointFigures
from dlcore.store.files import Files, read_document, write_document

STATE_FILE = "run.json"
SCHEMA = 1

Ended = Literal["succeeded", "failed", "skipped"]


class StepResult(msgspec.Struct, frozen=True):
    """What became of one step.

    Attributes:
        index: Of the step.
        name: Of the step.
        outcome: ``succeeded``, ``failed`` or ``skipped``.
        why: Why it was skipped or failed; empty if it succeeded.
        exit_code: 0 if nothing was executed.
        stall_s: Seconds it waited for its content.
        run_s: Seconds it ran, all attempts together.
        packages: What it needed.
    """

    index: int
    name: str
    outcome: Ended
    why: str = ""
    exit_code: int = 0
    stall_s: float = 0.0
    run_s: float = 0.0
    packages: tuple[str, ...] = ()


class RunState(msgspec.Struct, forbid_unknown_fields=True):
    """Everything a run needs to go on.

    Attributes:
        sequence: Digest of the task sequence document.
        download: The deployment's download setting.
        variables: All task sequence variables.
        position: Index of the step whose turn it is.
        entered: Group index -> whether its condition was met, once decided.
        abandoned: Groups in which a step failed and whose rest does not run.
        results: Of the steps that have ended.
        elapsed_s: Seconds the run has been under way, without the time between restarts.
        busy_s: Of these, seconds in which the link was at work.
        fetched_bytes: Payload bytes received, by package.
        wasted_bytes: Of those received, the ones that turned out not to be needed.
        endpoints: What each endpoint did.
        reused_bytes: Verified bytes found on disk when the run began.
        renewals: Tokens and locations renewed.
        restarts: How often the run was begun again.
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


def load(state: Path, sequence: str, download: str) -> RunState | None:
    """The run that was under way in this state directory, if it is the same one.

    A file that cannot be read as such is as good as none: the run begins anew, and content that
    is on disk is found there all the same.

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
        return None
    same = (run.schema, run.sequence, run.download) == (SCHEMA, sequence, download)
    return run if same else None


def save(state: Path, run: RunState) -> None:
    """Put the run's state on disk, durably.

    Raises:
        StorageError: The disk failed; the old state is still there.
    """
    document = msgspec.json.encode(run)
    with guarded("save the run's state", state, len(document)):
        write_document(Files(), state / STATE_FILE, document)


def forget(state: Path) -> None:
    """The run has ended: the next one begins anew.

    Raises:
        StorageError: The disk failed.
    """
    with guarded("remove the run's state", state):
        (state / STATE_FILE).unlink(missing_ok=True)
        Files().sync_folder(state)
