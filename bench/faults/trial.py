"""One fault for one tool, and what became of it."""

from __future__ import annotations

import enum
import functools
import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.faults import behaviours
from bench.faults.server import Site
from bench.faults.tools import Job, Way
from bench.web import Behaviour, right, serving

BOUND_S = 120.0  # a tool that has not ended by then hangs
LOST_SHARE = 0.1  # of the object, fetched again although it was there


class Verdict(enum.StrEnum):
    """What a tool said and did."""

    RIGHT = "right"
    REFUSED = "refused"  # ended with an error, and said so
    WRONG = "WRONG"  # claimed success; the file is missing or differs
    HUNG = "HUNG"


class Outcome(NamedTuple):
    """The verdict, and the share of the object that was fetched again after a kill."""

    verdict: Verdict
    lost_share: float = 0.0

    def __str__(self) -> str:
        lost = self.lost_share > LOST_SHARE
        return f"{self.verdict}, lost {self.lost_share:.0%}" if lost else str(self.verdict)


class Published(NamedTuple):
    """What is fetched."""

    root: Path
    object_key: str
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


Between = Callable[[Path], None]
"""What happens to the files of a tool between two runs of it."""


class Case(NamedTuple):
    """A fault.

    Attributes:
        name: What goes wrong.
        behaviour: Of the server.
        is_killed: Whether the tool is killed when half of the object was sent, and run again.
        between: What happens before the (last) run.
        file_limit: Whether no file may be longer than half of the object, in a first run.
    """

    name: str
    behaviour: Behaviour = right
    is_killed: bool = False
    between: Between | None = None
    file_limit: bool = False


def try_out(
    case: Case, way: Way, published: Published, folder: Path, bound_s: float = BOUND_S
) -> Outcome:
    """Let a tool meet a fault, in a folder that is removed afterwards.

    Args:
        case: The fault.
        way: Makes the tool's command.
        published: What it is to fetch.
        folder: To be made and removed.
        bound_s: Time after which it counts as hung.
    """
    behaviour = behaviours.slow if case.is_killed else case.behaviour
    try:
        with serving(Site(published.root, published.object_key, behaviour)) as site:
            catalog = published.root / "catalog.json"
            job = Job(site.url, published.object_key, published.sha256, folder / "out", catalog)
            command = way(job)
            job.folder.mkdir(parents=True)
            lost = 0.0
            if case.is_killed:
                _kill_halfway(command, site, bound_s)
            if case.file_limit:
                _run(command, bound_s, limit_bytes=len(published.content) // 2)
            if case.between:
                case.between(job.target)
            first_bytes, site.behaviour = site.sent_bytes, case.behaviour
            status = _run(command, bound_s)
            if case.is_killed and not case.between:
                lost = max(0, site.sent_bytes - len(published.content)) / len(published.content)
                lost = lost if first_bytes else 0.0
            return Outcome(_verdict(status, job.target, published), lost)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _verdict(status: int | None, target: Path, published: Published) -> Verdict:
    if status is None:
        return Verdict.HUNG
    if status != 0:
        return Verdict.REFUSED
    is_right = target.is_file() and target.read_bytes() == published.content
    return Verdict.RIGHT if is_right else Verdict.WRONG


def _run(command: list[str], bound_s: float, limit_bytes: int | None = None) -> int | None:
    """The exit status; None if the command had to be killed."""
    process = _start(command, limit_bytes)
    try:
        return process.wait(bound_s)
    except subprocess.TimeoutExpired:
        _kill(process)
        return None


def _kill_halfway(command: list[str], site: Site, bound_s: float) -> None:
    process = _start(command, None)
    site.until_sent(len(site.content) // 2, bound_s)
    _kill(process)


def _start(command: list[str], limit_bytes: int | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")},
        preexec_fn=functools.partial(_limit, limit_bytes) if limit_bytes else None,
    )


def _limit(limit_bytes: int) -> None:
    import resource  # Windows has none

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that a write fails instead
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))


def _kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
