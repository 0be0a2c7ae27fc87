"""The command line as users have it: as real processes, or in this one where that will do."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dlcore.cli import main

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # of a shell's background job
    signal.signal(signal.SIGINT, signal.default_int_handler)  # children would ignore it too
COMMAND = (sys.executable, "-m", "dlcore")
PLAIN = {"TERM": "dumb", "NO_COLOR": "1"}
# ``Popen.terminate`` is a request on POSIX; on Windows it is TerminateProcess with this exit code.
TERMINATED = 1 if sys.platform == "win32" else 0
KILLED = 1 if sys.platform == "win32" else -signal.SIGKILL

# Requests to end that a process can be sent, with exit status and code. `test_console` is about
# those of Windows, which come from a console.
REQUESTS = (
    {}
    if sys.platform == "win32"
    else {"SIGTERM": (143, "terminated"), "SIGINT": (130, "interrupted")}
)


LOOK_S = 0.005  # real time; without a pause, looking takes the processor from the other process


class Ended(NamedTuple):
    """What a command came to."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output; fails if there is anything else."""
        assert self.out, self
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """What the document says of the error."""
        return self.document["error"]


class Here:
    """Runs commands in this process."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *arguments: object) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = self._capture.readouterr()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, out, err)


def start(
    *arguments: object, env: Mapping[str, str] | None = None, **streams: Any
) -> subprocess.Popen[str]:
    """Start a command as a process of its own."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **PLAIN, **(env or {})},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
    )


def wait(process: subprocess.Popen[str]) -> Ended:
    """Wait for its end."""
    with process:
        out, err = process.communicate(timeout=60)
    return Ended(process.returncode, out or "", err or "")


def wait_until(is_so: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for what a process does, and fail if it ends before."""
    while not is_so():
        assert process.poll() is None, wait(process)
        time.sleep(LOOK_S)


def dlcore(*arguments: object, env: Mapping[str, str] | None = None) -> Ended:
    """Run a command as a process of its own."""
    return wait(start(*arguments, env=env))


class Served(NamedTuple):
    """A gateway that runs: where it is and what opens it."""

    url: str
    config: Path
    access: tuple[str, ...]


@contextlib.contextmanager
def served(folder: Path, state: Path, *options: object) -> Iterator[Served]:
    """Run ``dlcore serve``."""
    process = start("serve", folder, "--state", state, "--json", *options)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, wait(process).err
        ready = json.loads(line)
        access = ("--token-file", str(state / "registration-token"))
        ca = ("--ca-file", str(state / "ca.pem"))
        yield Served(ready["url"], Path(ready["config"]), (*access, *ca))
    finally:
        process.terminate()
        ended = wait(process)
    assert (ended.status, ended.out, ended.err) == (TERMINATED, "", ""), ended


def digest(data: bytes) -> str:
    """What `tree` says of a file."""
    return f"{len(data)} bytes, {hashlib.sha256(data).hexdigest()}"


def tree(folder: Path) -> dict[str, str | None]:
    """All that is in a folder: files with their digests, folders with None."""
    return {
        path.relative_to(folder).as_posix(): digest(path.read_bytes()) if path.is_file() else None
        for path in folder.rglob("*")
    }


def refused(ended: Ended, status: int, code: str) -> dict[str, object]:
    """Check how a command ended with an error. Returns what programs are told."""
    assert (ended.status, ended.error["code"]) == (status, code), ended.err
    assert ended.error["exit_status"] == status
    message = ended.error["message"]
    assert isinstance(message, str)
    assert f"error ({code}): {message}" in ended.err
    assert "Traceback" not in ended.err
    fields: dict[str, object] = ended.error
    return fields


def has_journal(path: Path) -> bool:
    """Whether it is the journal of a partial package of which something is verified."""
    return path.name == "journal" and path.stat().st_size > 64
