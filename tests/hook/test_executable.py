"""The program as a process, with an agent that it starts itself."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hook.executable import CODE, agent_stopped_afterwards, called, started, write_variables
from tests.hook.scene import FIRST, SECOND, HookScene, tree


@pytest.fixture
def agent_is_stopped(scene: HookScene) -> Iterator[None]:
    with agent_stopped_afterwards(scene):
        yield


def wait_for(path: Path) -> Path:
    """Wait until a path of this pattern is there."""
    for _ in range(600):
        found = list(path.parent.parent.glob(f"{path.parent.name}/{path.name}"))
        if found:
            return found[0]
        time.sleep(0.1)
    raise AssertionError(f"{path} did not appear")


@pytest.mark.usefixtures("agent_is_stopped")
def test_the_program_starts_an_agent_that_goes_on_with_later_steps(scene: HookScene) -> None:
    write_variables(scene)
    assert called(scene, FIRST, scene.destination) == 0
    assert tree(scene.destination) == tree(scene.source())
    later = wait_for(scene.state / "packages" / f"{SECOND}.*")
    assert later.is_dir()  # nobody has asked for it yet
    status = [sys.executable, "-m", "dlcore", "agent", "status", "--json", "--state"]
    told = subprocess.run([*status, str(scene.state)], check=True, capture_output=True, timeout=60)
    first = json.loads(told.stdout)["process_id"]
    write_variables(scene, {"_SMSTSCurrentActionName": "Office"})
    assert called(scene, SECOND, scene.destination.parent / SECOND) == 0
    told = subprocess.run([*status, str(scene.state)], check=True, capture_output=True, timeout=60)
    assert json.loads(told.stdout)["process_id"] == first
    assert "for the agent" in scene.log()


@pytest.mark.posix_only(reason="something is in the place of the socket")
def test_without_an_agent_the_program_fetches_by_itself(scene: HookScene) -> None:
    """Another process holds the socket's place: no agent can listen, and none is reachable."""
    scene.state.mkdir(mode=0o700)
    (scene.state / "agent.sock").mkdir()
    write_variables(scene)
    status = called(scene, FIRST, scene.destination)
    assert "Fetching without an agent" in scene.log()
    assert status == 0
    assert "for this process" in scene.log()


@pytest.mark.usefixtures("agent_is_stopped")
def test_options_in_the_environment_are_not_the_agents(
    scene: HookScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: the environment sets options of commands. The agent starts all the same."""
    write_variables(scene)
    with monkeypatch.context() as patch:  # what stops the agent afterwards needs none of it
        patch.setenv("DLCORE_CONFIG", str(scene.config))  # no file of options
        patch.setenv("DLCORE_LIMIT_RATE", "not a rate")
        assert called(scene, FIRST, scene.destination) == 0
    assert "for the agent" in scene.log(), scene.log()


def test_the_log_says_why_an_agent_did_not_start(scene: HookScene) -> None:
    """Fault: the deployment file cannot be used. The line in the log has the agent's own words."""
    scene.config.write_text("[catalog]\nwrong = 1\n")
    write_variables(scene)
    assert called(scene, FIRST, scene.destination) == 1
    assert "the agent that was started has ended: error (config)" in scene.log(), scene.log()


@pytest.mark.usefixtures("agent_is_stopped")
@pytest.mark.posix_only(reason="sends signals to another process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_end_is_told_and_leaves_the_package_to_windows(
    scene: HookScene, number: int
) -> None:
    """The only server with content answers nothing, so the program waits."""
    (scene.root / "published" / "objects").rename(scene.root / "away")
    write_variables(scene)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with scene.config.open("a", encoding="utf-8") as config:
            config.write(f"[[endpoint]]\nname = 'silent'\nkind = 'http'\nurl = '{url}'\n")
        process = started(scene, FIRST, scene.destination)
        wait_for(scene.logs / "dlcore-smsts.log")
        while "waiting" not in scene.log() and "fetching" not in scene.log():
            time.sleep(0.05)
            assert process.poll() is None, scene.log()
        os.kill(process.pid, number)
        process.communicate(timeout=30)
        assert process.returncode == 1
    assert "[ended]" in scene.told()
    assert list(scene.destination.iterdir()) == []


def test_what_a_download_needs_is_loaded_after_the_first_line_of_the_log() -> None:
    code = "import sys, dlcore.cli.smsts; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(told.stdout.split())
    assert not loaded & {"aiohttp", "asyncio", "dlcore.engine.client", "dlcore.store"}


@pytest.mark.posix_only(reason="a signal that Python raises ends its process on POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_while_python_ends_does_not_change_the_exit_code(number: int) -> None:
    """Fault: the system shuts down when the outcome is told. The exit code stays what it was."""
    late = f"import atexit, signal; atexit.register(signal.raise_signal, {int(number)}); {CODE}"
    command = [sys.executable, "-c", late, "--version"]
    assert subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == 0
