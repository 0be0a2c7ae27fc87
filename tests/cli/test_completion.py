"""Shells complete commands, options and paths, and the script is where they look for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dlcore.cli.app import COMMANDS
from dlcore.cli.completion import SHELLS, VARIABLE, script_of, script_path
from dlcore.errors import ConfigError
from tests.cli.helpers import Here
from tests.cli.test_startup import HEAVY, run

Ask = Callable[[str, int], list[str]]


@pytest.fixture
def completed(here: Here, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """What bash is told for a word of a command line."""

    def ask(words: str, number: int) -> list[str]:
        monkeypatch.setenv(VARIABLE, "bash_complete")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(number))
        ended = here()
        assert (ended.status, ended.err) == (0, "")
        return ended.out.split()

    return ask


def test_commands_are_completed(completed: Ask) -> None:
    assert completed("dlcore ver", 1) == ["plain,verify"]
    assert completed("dlcore ", 1) == [f"plain,{name}" for name in COMMANDS]
    assert "plain,init" in completed("dlcore trust ", 2)


def test_options_and_paths_are_completed(completed: Ask) -> None:
    assert "plain,--sha256" in completed("dlcore fetch --sh", 2)
    assert completed("dlcore fetch ABC00012 --output ", 4) == ["dir,"]
    assert completed("dlcore plan ", 2) == ["file,"]
    assert completed("dlcore completion f", 2) == ["plain,fish"]
    assert completed("dlcore help exi", 2) == ["plain,exit-codes"]


def test_completing_a_command_imports_nothing_heavy() -> None:
    told = run(
        "import json, sys\nfrom dlcore.cli import main\n"
        "try:\n main([])\nexcept SystemExit:\n pass\nprint(json.dumps(sorted(sys.modules)))",
        **{VARIABLE: "bash_complete", "COMP_WORDS": "dlcore f", "COMP_CWORD": "1"},
    )
    assert told.stdout.startswith("plain,fetch\n")
    assert not set(told.stdout.replace('"', " ").replace(",", " ").split()) & HEAVY


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_is_printed_and_installed_where_its_shell_looks(
    shell: str, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SHELLS[shell].variable, str(tmp_path / "folder"))
    printed = here("completion", shell)
    ended = here("completion", shell, "--install")
    path = tmp_path / "folder" / SHELLS[shell].file
    assert ended.status == 0
    assert ended.out.splitlines()[0] == f"written: {path}"
    assert path.read_text(encoding="utf-8").split() == printed.out.split()
    assert f"{shell}_complete" in printed.out
    assert here("completion", shell, "--install", "--json").document["path"] == str(path)
    assert here("completion", shell, "--json").document["script"].split() == printed.out.split()


def test_without_the_variable_the_usual_folder_is_used() -> None:
    assert script_path(SHELLS["fish"], {}) == Path.home() / ".config/fish/completions/dlcore.fish"


def test_a_click_without_a_shell_is_told() -> None:
    with pytest.raises(ConfigError, match="no completion for powershell") as refused:
        script_of("powershell", lambda _: None)
    assert "click" in refused.value.remedy


def test_a_folder_that_cannot_be_written_is_told(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    ended = here("completion", "fish", "--install")
    assert ended.status == 9
    assert "cannot write the completion" in ended.err


@pytest.mark.posix_only(reason="Windows has no bash of its own")
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_itself_completes(here: Here, tmp_path: Path) -> None:
    (tmp_path / "script").write_text(here("completion", "bash").out, encoding="utf-8")
    program = tmp_path / "dlcore"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dlcore "$@"\n')
    program.chmod(0o755)
    asking = (
        f'. "{tmp_path / "script"}"; COMP_WORDS=(dlcore rep); COMP_CWORD=1;'
        ' _dlcore_completion dlcore; echo "${COMPREPLY[@]}"'
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    told = subprocess.run(
        ["bash", "-c", asking],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": path},
    )
    assert told.stdout.split() == ["report"]


def test_a_missing_choice_is_told_in_one_line(here: Here) -> None:
    ended = here("completion")
    assert ended.status == 2
    assert "is missing: one of bash, zsh, fish, powershell\n" in ended.err
