"""The tools, each told to check, retry and resume as well as it can."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

NAME = "image.bin"


class Job(NamedTuple):
    """What to fetch.

    Attributes:
        base: URL of the published folder.
        object_key: Where the object is below it.
        sha256: Of the object, hex.
        folder: Where to put it.
        catalog: What dlcore trusts, as the others are told a digest if they take one.
    """

    base: str
    object_key: str
    sha256: str
    folder: Path
    catalog: Path

    @property
    def url(self) -> str:
        return f"{self.base}/{self.object_key}"

    @property
    def target(self) -> Path:
        return self.folder / NAME


def _dlcore(job: Job) -> list[str]:
    command = [sys.executable, "-m", "dlcore", "fetch", "ABC00001", "--from", job.base]
    trusted = ("--catalog", str(job.catalog))
    return [*command, *trusted, "-o", str(job.folder), "--retries", "1", "-q"]


def _aria2(job: Job) -> list[str]:
    command = ["aria2c", "-q", "--no-conf", "-x4", "-s4", "-k1M"]
    retries = ["--continue=true", "--max-tries=3", "--retry-wait=1"]
    limits = ["--timeout=10", "--connect-timeout=10", "--lowest-speed-limit=1K"]
    files = ["--auto-file-renaming=false", "--allow-overwrite=true", "-d", str(job.folder)]
    checked = f"--checksum=sha-256={job.sha256}"
    return [*command, *retries, *limits, *files, checked, "-o", NAME, job.url]


def _curl(job: Job) -> list[str]:
    command = ["curl", "-sSf", "-C", "-"]
    retries = ["--retry", "3", "--retry-delay", "1", "--retry-all-errors"]
    limits = ["--connect-timeout", "10", "--speed-time", "10", "--speed-limit", "1000"]
    return [*command, *retries, *limits, "--create-dirs", "-o", str(job.target), job.url]


def _rclone(job: Job) -> list[str]:
    command = ["rclone", "copyto", "-q", "--config="]
    streams = ["--multi-thread-streams=4", "--multi-thread-cutoff=1M"]
    limits = ["--timeout=10s", "--contimeout=10s", "--retries=3", "--low-level-retries=3"]
    source = [f"--http-url={job.base}", f":http:{job.object_key}"]
    return [*command, *streams, *limits, *source, str(job.target)]


def _wget2(job: Job) -> list[str]:
    command = ["wget2", "-q", "--no-config", "-c", "--tries=3", "--waitretry=1", "--timeout=10"]
    # Not in chunks: with -c it asks for them without end.
    return [*command, "-O", str(job.target), job.url]


Way = Callable[[Job], list[str]]

TOOLS: dict[str, tuple[str, Way]] = {
    "dlcore": (sys.executable, _dlcore),
    "aria2": ("aria2c", _aria2),
    "curl": ("curl", _curl),
    "rclone": ("rclone", _rclone),
    "wget2": ("wget2", _wget2),
}
"""By name: the program that must be there, and its command."""
