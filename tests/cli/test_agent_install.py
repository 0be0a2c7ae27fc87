"""``dlcore agent install`` and ``uninstall``: what they show, and what they refuse."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from dlcore.agent.addresses import address_of
from dlcore.cli.app import status_of
from dlcore.errors import AgentError
from tests.agent.test_installing import USABLE
from tests.cli.helpers import Here, refused
from tests.users import folder_of, run_as_ordinary_user

IS_WINDOWS = sys.platform == "win32"
SCOPE = "--system" if IS_WINDOWS else "--user"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "my deployment.toml"
    path.write_text(USABLE, encoding="utf-8")
    return path


def test_a_dry_run_shows_all_and_changes_nothing(here: Here, config: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    given = ("agent", "install", SCOPE, "--config", config, "--state", state, "--dry-run")
    shown = here(*given)
    assert shown.status == 0
    assert "my deployment.toml" in shown.out
    document = here(*given, "--json").document
    assert document["scope"] == SCOPE.removeprefix("--")
    assert document["state"] == str(state)
    assert document["listens_at"] == address_of(state).listens_at
    places = list(document["would_write"])
    assert len(places) == (1 if IS_WINDOWS else 2)
    for text in document["would_write"].values():
        assert text.splitlines()[0] in shown.out
    assert not state.exists()


def test_settings_that_are_not_there_are_refused(here: Here, tmp_path: Path) -> None:
    ended = here("agent", "install", "--config", tmp_path / "none.toml", "--dry-run", "--json")
    refused(ended, 4, "not-found")


@pytest.mark.posix_only(reason="Windows has no systemd")
def test_a_state_directory_for_which_systemd_cannot_listen_is_refused(
    here: Here, config: Path, tmp_path: Path
) -> None:
    state = tmp_path / ("long" * 30)
    ended = here("agent", "install", "--config", config, "--state", state, "--json")
    refused(ended, 2, "config")
    assert not state.exists()


@pytest.mark.posix_only(reason="Windows has no systemd")
@pytest.mark.skipif(
    Path("/run/systemd/system").is_dir(), reason="would start an agent on this machine"
)
def test_a_user_installs_and_removes_an_agent(
    here: Here, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With systemd's own program, and without a running systemd."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", os.environ["PATH"])
    state = tmp_path / "state"
    ended = here("agent", "install", "--user", "--config", config, "--state", state)
    if "there is no systemctl here" in ended.err:
        pytest.skip("systemd is not installed")
    assert ended.status == 0
    told = ended.out.splitlines()
    assert told[0] == f"made the state directory {state}"
    assert told[-1] == "undo: dlcore agent uninstall --user"
    units = tmp_path / "config" / "systemd" / "user"
    assert str(config) in (units / "dlcore-agent.service").read_text()
    assert state.stat().st_mode & 0o777 == 0o700

    again = here("agent", "install", "--user", "--config", config, "--state", state, "--json")
    assert again.document["done"][0] == f"left the state directory {state}"
    assert again.document["undo"] == "dlcore agent uninstall --user"

    removed = here("agent", "uninstall", "--user", "--json").document
    assert removed["scope"] == "user"
    assert len(removed["done"]) == 2
    assert not [each for each in units.rglob("*") if not each.is_dir()]
    assert state.is_dir()
    nothing = here("agent", "uninstall", "--user")
    assert nothing.out == "no agent is installed there; nothing was changed\n"
    assert nothing.status == 0


@pytest.mark.parametrize("words", [("install", "--config", "none", "--dry-run"), ("uninstall",)])
def test_two_scopes_are_refused(here: Here, words: tuple[str, ...]) -> None:
    """Fault: both scopes are named, and only one agent is meant. Nothing is changed."""
    told = refused(here("agent", *words, "--system", "--user", "--json"), 2, "config")
    assert "exclude each other" in str(told["message"])


@pytest.mark.parametrize("is_dry_run", [True, False])
def test_settings_that_cannot_be_used_are_refused(
    here: Here, config: Path, tmp_path: Path, is_dry_run: bool
) -> None:
    """Fault: the deployment file is not TOML. Nothing is made, and a dry run says the same."""
    config.write_text("no TOML", encoding="utf-8")
    state = tmp_path / "state"
    given = ("agent", "install", SCOPE, "--config", config, "--state", state, "--json")
    told = refused(here(*given, *(["--dry-run"] if is_dry_run else [])), 2, "config")
    assert config.name in str(told["message"])
    assert not state.exists()


@pytest.mark.posix_only(reason="only administrators have a Windows service")
def test_missing_rights_are_told_in_one_way(config: Path) -> None:
    """Fault: an ordinary user installs or removes the machine's agent. It is told that first,
    also if the user may not read the settings.
    """
    with folder_of(None, mode=0o755) as home:
        closed = home / "deployment.toml"
        closed.touch(mode=0)

        def work() -> None:
            os.environ["DLCORE_CONFIG"] = os.devnull  # pytest's own folders are closed to it
            for words in (("install", "--config", str(closed)), ("uninstall",)):
                assert status_of(["agent", *words, "--system"]) == AgentError.exit_status

        run_as_ordinary_user(work)
