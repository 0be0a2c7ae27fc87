"""``dlcore agent install`` and ``uninstall``: what they show, and what they refuse."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from dlcore.agent.addresses import address_of
from tests.cli.helpers import Here, refused

IS_WINDOWS = sys.platform == "win32"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "my deployment.toml"
    path.touch()
    return path


def test_a_dry_run_shows_all_and_changes_nothing(here: Here, config: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    given = ("agent", "install", "--system", "--config", config, "--state", state, "--dry-run")
    shown = here(*given)
    assert shown.status == 0
    assert "my deployment.toml" in shown.out
    document = here(*given, "--json").document
    assert document["scope"] == "system"
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


def test_only_one_scope_is_taken(here: Here, config: Path) -> None:
    """The last one counts, as with other options that exclude each other."""
    scope = "--user" if not IS_WINDOWS else "--system"
    given = ("agent", "install", "--system", scope, "--config", config, "--dry-run", "--json")
    assert here(*given).document["scope"] == scope.removeprefix("--")
