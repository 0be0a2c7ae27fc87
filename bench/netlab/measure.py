"""One command in the client's namespace: what it took, and what arrived."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from bench.cost import LAUNCH, Cost
from bench.netlab import namespaces
from bench.netlab.link import MTU, SEGMENT, Link, Traffic
from bench.netlab.namespaces import LaboratoryError

MAX_S = 60.0
LOOK_EVERY_S = 0.02


class ToolError(Exception):
    """A tool failed, or fetched something else than it was asked for."""


class Run(msgspec.Struct, frozen=True):
    """What one run of one tool came to.

    Attributes:
        wanted_bytes: Payload that was asked for.
        received_bytes: Payload at the end: all of it, unless the run was cut short.
        cost: Wall time, CPU time and peak memory of the whole process.
        cut_short: Whether its time was over before it was done.
        said: What it printed on standard output.
    """

    wanted_bytes: int
    received_bytes: int
    cost: Cost
    cut_short: bool
    said: str = ""

    @property
    def rate_bytes_per_s(self) -> float:
        return self.received_bytes / self.cost.wall_s


class Result(msgspec.Struct, frozen=True):
    """A run and what the link saw of it.

    Attributes:
        run: What the command took.
        traffic: What the link carried meanwhile.
        share: Of the link's payload rate.
    """

    run: Run
    traffic: Traffic
    share: float


def execute(
    command: Sequence[str],
    output: Path,
    wanted_bytes: int,
    max_s: float = MAX_S,
    watch: Callable[[], None] = lambda: None,
) -> Run:
    """Run a command that fetches into ``output``, for at most ``max_s``.

    Args:
        command: What to run in the client's namespace.
        output: Where it puts what it fetches; its parent's parent gets what this needs itself.
        wanted_bytes: Payload that it is to fetch.
        max_s: When it is cut short.
        watch: Called every few milliseconds while it runs.

    Raises:
        ToolError: It failed; says how.
    """
    with TemporaryDirectory(dir=output.parents[1]) as folder:
        target = Path(folder) / "cost.json"
        launched = [*namespaces.inside(namespaces.CLIENT)]
        launched += [sys.executable, "-I", "-S", str(LAUNCH), str(target)]
        launched += ["timeout", "-s", "KILL", f"{max_s}", *command]
        status, said, complained = _watched(launched, {"HOME": folder}, watch)
        if not target.exists():
            raise LaboratoryError(f"{' '.join(command)}: {complained.strip()}")
        cost = msgspec.json.decode(target.read_bytes(), type=Cost)
    cut_short = status != 0 and cost.wall_s >= max_s
    if status and not cut_short:
        raise ToolError(f"failed: {complained.strip() or said.strip()}")
    return Run(wanted_bytes, 0 if cut_short else wanted_bytes, cost, cut_short, said)


def _watched(
    command: Sequence[str], environment: dict[str, str], watch: Callable[[], None]
) -> tuple[int, str, str]:
    """Run a command; returns its status and what it printed on both streams."""
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,  # a home of its own: nobody's settings
    ) as process:
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    said, complained = process.communicate(timeout=LOOK_EVERY_S)
                    return process.returncode, said, complained
                watch()
        except BaseException:
            process.kill()  # what it started ends with its namespace
            raise


def counted(run: Run, traffic: Traffic, link: Link) -> Result:
    """A run with its share; one that was cut short got what the link delivered to it."""
    if run.cut_short:
        delivered = traffic.delivered_bytes * SEGMENT // MTU
        received = min(delivered, run.wanted_bytes)
        run = msgspec.structs.replace(run, received_bytes=received)
    return Result(run, traffic, run.received_bytes / run.cost.wall_s / link.payload_bytes_per_s)


def clear(folder: Path) -> None:
    """An empty folder, and nothing of the last run still on its way to the disk."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.sync()


def file_system(folder: Path) -> str:
    """Kind of file system that a folder lies on."""
    return namespaces.run(["df", "--output=fstype", str(folder)]).split()[-1]
