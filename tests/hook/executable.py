"""The program as a process, called as Windows calls it, with variables in a file."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from dlcore.hook.opening import STAND_IN_VARIABLE
from tests.hook.scene import INI, HookScene

CODE = "import sys; from dlcore.cli.smsts import main; sys.exit(main())"


def write_variables(scene: HookScene, more: Mapping[str, str] | None = None) -> Path:
    """Put the variables of a scene into a file."""
    for name, value in (more or {}).items():
        scene.variables.set(name, value)
    path = scene.root / "variables.json"
    names = scene.variables.names()
    path.write_text(json.dumps({name: scene.variables.get(name) for name in names}))
    return path


def started(scene: HookScene, package_id: str, destination: Path) -> subprocess.Popen[bytes]:
    """Start the program. It shares its output with nobody, as under Windows' engine."""
    return subprocess.Popen(
        [sys.executable, "-c", CODE, INI, package_id, str(destination)],
        env={**os.environ, STAND_IN_VARIABLE: str(scene.root / "variables.json")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def called(scene: HookScene, package_id: str, destination: Path) -> int:
    """Call the program; it must print nothing. Returns its exit status."""
    with started(scene, package_id, destination) as process:
        output, _ = process.communicate(timeout=110)
    assert output == b""
    return process.returncode


@contextlib.contextmanager
def agent_stopped_afterwards(scene: HookScene) -> Iterator[None]:
    """End the agent that the program has started, if it runs."""
    try:
        yield
    finally:
        command = [sys.executable, "-m", "dlcore", "agent", "stop", "--state", str(scene.state)]
        subprocess.run(command, check=False, capture_output=True, timeout=60)
