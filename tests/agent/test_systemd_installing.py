"""Units are written, enabled and removed: again and again, and never those of somebody else."""

from __future__ import annotations

import shutil
import stat
import sys
from pathlib import Path

import pytest

from dlcore.agent.addresses import AgentAddress, Scope
from dlcore.agent.system.systemd_units import MARK, units
from dlcore.errors import AgentError, StorageError
from tests.users import ORDINARY, folder_of, needs_root, run_as

pytestmark = pytest.mark.posix_only(reason="Windows has no systemd")

if sys.platform != "win32":
    from dlcore.agent.system.systemd_installing import NAMES, SystemctlProgram, SystemdInstaller

STATE = Path("/srv/state")
UNITS = units(Scope.USER, AgentAddress(STATE, f"{STATE}/agent.sock"), ["/usr/bin/python3"])
CHANGED = units(Scope.USER, AgentAddress(STATE, f"{STATE}/agent.sock"), ["/usr/bin/python4"])


class Recorded:
    """Notes what systemctl is asked. Implements `Systemctl`.

    Args:
        is_running: Whether systemd runs.
        fails_at: The first word that fails.
    """

    def __init__(self, *, is_running: bool = True, fails_at: str = "") -> None:
        self.is_running = is_running
        self._fails_at = fails_at
        self.asked: list[str] = []

    def __call__(self, *words: str) -> None:
        self.asked.append(" ".join(words))
        if words[0] == self._fails_at:
            raise AgentError("systemctl failed: no bus")

    def taken(self) -> list[str]:
        asked, self.asked = self.asked, []
        return asked


SOCKET, SERVICE = "dlcore-agent.socket", "dlcore-agent.service"
BOTH = f"{SOCKET} {SERVICE}"
BOTH_DOWN = f"{SERVICE} {SOCKET}"


def test_units_are_installed_changed_and_removed(tmp_path: Path) -> None:
    folder = tmp_path / "systemd" / "user"
    systemctl = Recorded()
    installer = SystemdInstaller(folder, systemctl)
    assert not installer.is_installed()
    told = list(installer.install(UNITS))
    assert told == [
        *(f"wrote {folder / name}" for name in NAMES),
        "enabled and started both",
    ]
    start = [f"start {SOCKET}", f"start {SERVICE}"]
    new = ["daemon-reload", f"enable {BOTH}", f"stop {BOTH_DOWN}", *start]
    assert systemctl.taken() == new
    assert installer.is_installed()
    assert {each.name: each.read_text() for each in folder.iterdir()} == UNITS.files()
    assert {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {0o644}

    told = list(installer.install(UNITS))
    assert told[:2] == [f"left {folder / name} as it was" for name in NAMES]
    assert systemctl.taken() == new, "dlcore itself may be a newer one"

    told = list(installer.install(CHANGED))
    assert told[0] == f"left {folder / SOCKET} as it was"
    assert told[1] == f"wrote {folder / SERVICE}"
    assert systemctl.taken() == new
    assert (folder / SERVICE).read_text() == CHANGED.service

    told = list(installer.uninstall())
    assert told[0] == "the agent is stopped"
    assert systemctl.taken() == [f"stop {BOTH_DOWN}", f"disable {BOTH}", "daemon-reload"]
    assert not list(folder.iterdir())
    assert not list(installer.uninstall())
    assert not systemctl.asked


def test_where_systemd_does_not_run_nothing_is_started(tmp_path: Path) -> None:
    systemctl = Recorded(is_running=False)
    installer = SystemdInstaller(tmp_path, systemctl)
    assert list(installer.install(UNITS))[-1].endswith("which does not run now")
    assert systemctl.taken() == [f"enable {BOTH}"]
    list(installer.uninstall())
    assert systemctl.taken() == [f"disable {BOTH}"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [SOCKET, SERVICE])
def test_a_unit_of_somebody_else_is_not_touched(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("[Service]\nExecStart=/mine\n")
    systemctl = Recorded()
    installer = SystemdInstaller(tmp_path, systemctl)
    for changing in (installer.install(UNITS), installer.uninstall()):
        with pytest.raises(AgentError, match="was not written by dlcore"):
            list(changing)
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text().endswith("/mine\n")
    assert not systemctl.asked


@pytest.mark.parametrize("fails_at", ["daemon-reload", "enable", "stop", "start"])
def test_after_a_failure_the_same_command_goes_on(fails_at: str, tmp_path: Path) -> None:
    """Fault: systemd refuses. What was done is told, and nothing else is."""
    installer = SystemdInstaller(tmp_path, Recorded(fails_at=fails_at))
    told: list[str] = []
    with pytest.raises(AgentError, match="no bus"):
        told.extend(installer.install(UNITS))
    assert told == [f"wrote {tmp_path / name}" for name in NAMES]
    list(SystemdInstaller(tmp_path, Recorded()).install(UNITS))
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == UNITS.files()


def test_what_a_killed_installation_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / f".{SERVICE}.new").write_text("half")
    (tmp_path / SERVICE).write_text(f"{MARK}\nhalf")
    list(SystemdInstaller(tmp_path, Recorded()).install(UNITS))
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == UNITS.files()


def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    """Systemd itself has links there, from its own folders."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(MARK)
    folder = tmp_path / "units"
    folder.mkdir()
    (folder / SERVICE).symlink_to(elsewhere)
    list(SystemdInstaller(folder, Recorded()).install(UNITS))
    assert elsewhere.read_text() == MARK
    assert not (folder / SERVICE).is_symlink()


@needs_root
def test_a_folder_that_cannot_be_written_is_an_error() -> None:
    with folder_of(None, mode=0o755) as home:

        def install() -> None:
            with pytest.raises(StorageError, match="cannot write the unit"):
                list(SystemdInstaller(home / "units", Recorded()).install(UNITS))

        run_as(ORDINARY, install)


@pytest.mark.skipif(not shutil.which("systemctl"), reason="systemd is not installed")
def test_systemds_own_program_enables_and_disables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a running systemd, so that nothing of this machine is changed."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = tmp_path / "systemd" / "user"
    systemctl = SystemctlProgram(Scope.USER)
    systemctl.is_running = False
    installer = SystemdInstaller(folder, systemctl)
    list(installer.install(UNITS))
    assert (folder / "default.target.wants" / SERVICE).resolve() == folder / SERVICE
    assert (folder / "sockets.target.wants" / SOCKET).resolve() == folder / SOCKET
    list(installer.install(UNITS))
    list(installer.uninstall())
    assert not [each for each in folder.rglob("*") if not each.is_dir()]
    with pytest.raises(AgentError, match=r"systemctl --user start .* failed") as refused:
        systemctl("start", SERVICE)
    assert "journalctl --user" in refused.value.remedy


def test_without_systemctl_the_remedy_says_what_else_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(AgentError, match="no systemctl") as refused:
        SystemctlProgram(Scope.SYSTEM)("daemon-reload")
    assert "dlcore agent run" in refused.value.remedy
