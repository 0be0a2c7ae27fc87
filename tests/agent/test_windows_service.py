"""The agent as a service of Windows: entered, started, stopped and removed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dlcore.errors import AgentError

if sys.platform == "win32":
    from dlcore.agent.system.windows_registration import MARK, ServiceEntry
    from dlcore.agent.system.windows_service import ServiceState, served
else:
    pytest.skip("only Windows has such services", allow_module_level=True)
assert sys.platform == "win32"  # for type checkers

PROGRAM = Path(__file__).with_name("service_program.py")
NAME = "dlcore-agent-test"
PATIENCE_S = 60.0


@pytest.fixture
def entry() -> Iterator[ServiceEntry]:
    entry = ServiceEntry(NAME)
    yield entry
    list(entry.uninstall())
    assert entry.state() is None


def command_line(file: Path, *arguments: object) -> str:
    words = [sys.executable, str(PROGRAM), MARK, NAME, str(file), *map(str, arguments)]
    return subprocess.list2cmdline(words)


def eventually(holds: Callable[[], bool]) -> None:
    """Wait for another process."""
    until_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until_s
        time.sleep(0.1)


def sc(*words: str) -> str:
    """What Windows' own program for services says."""
    ended = subprocess.run(["sc", *words], capture_output=True, text=True, check=False)
    return f"{ended.returncode} {ended.stdout}"


def test_a_service_is_installed_changed_and_removed(entry: ServiceEntry, tmp_path: Path) -> None:
    """The arguments that it gets may hold spaces and quotes."""
    file = tmp_path / "told of it.txt"
    first = command_line(file, 'C:\\a "b"\\', "")
    assert list(entry.install(first)) == [f"installed the service {NAME}", "started it"]
    assert entry.command_line() == first
    assert entry.state() is ServiceState.RUNNING
    assert list(entry.install(first)) == [f"left the service {NAME} as it was", "started it"]
    second = command_line(file)
    assert list(entry.install(second)) == [f"changed the service {NAME}", "started it"]
    assert entry.command_line() == second
    assert list(entry.uninstall()) == [
        f"the service {NAME} is stopped",
        f"removed the service {NAME}",
    ]
    assert not list(entry.uninstall())
    arguments = repr(['C:\\a "b"\\', ""])
    assert file.read_text(encoding="utf-8").splitlines() == [
        *[f"arguments {arguments}", "ready", "ended 0"] * 2,
        *("arguments []", "ready", "ended 0"),
    ]


def test_windows_own_program_starts_and_stops_it(entry: ServiceEntry, tmp_path: Path) -> None:
    file = tmp_path / "told.txt"
    list(entry.install(command_line(file)))
    assert sc("stop", NAME).startswith("0 ")
    eventually(lambda: entry.state() is ServiceState.STOPPED)
    assert sc("start", NAME).startswith("0 ")
    eventually(lambda: entry.state() is ServiceState.RUNNING)
    assert file.read_text(encoding="utf-8").split() == [
        *("arguments", "[]", "ready", "ended", "0", "arguments", "[]", "ready"),
    ]


def test_a_service_that_ends_at_once_is_not_called_started(
    entry: ServiceEntry, tmp_path: Path
) -> None:
    """Fault: the agent cannot run as a service. `install` says so."""
    told: list[str] = []
    with pytest.raises(AgentError, match="was started and does not run") as refused:
        told.extend(entry.install(command_line(tmp_path / "told.txt", 2)))
    assert "log" in refused.value.remedy
    assert entry.state() is ServiceState.STOPPED


def test_a_service_of_another_program_is_not_touched() -> None:
    other = "dlcore-agent-test-of-another"
    try:
        assert sc("create", other, "binPath=", "C:\\windows\\other.exe").startswith("0 ")
        entry = ServiceEntry(other)
        for changed in (entry.install("x"), entry.uninstall()):
            with pytest.raises(AgentError, match="was not installed by dlcore"):
                list(changed)
        assert entry.command_line() == "C:\\windows\\other.exe"
    finally:
        sc("delete", other)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_process_that_windows_did_not_start_is_no_service() -> None:
    with pytest.raises(AgentError, match="cannot be the service"), served(NAME):
        pass
