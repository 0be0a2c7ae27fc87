"""The shell into which the commands of the documents are typed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.docs.terminal import PORT, Home, Terminal

pytestmark = pytest.mark.posix_only(reason="the commands of the documents are typed into bash")


def test_a_command_leaves_its_output_and_its_status(tmp_path: Path) -> None:
    with Terminal(Home(tmp_path)) as terminal:
        assert terminal.run("echo out; echo error >&2; (exit 7)") == ("out\nerror\n", 7)
        assert terminal.run("echo $?") == ("7\n", 0)
        assert terminal.run("cd /; x=1")[1] == 0
        assert terminal.run("pwd; echo $x") == ("/\n1\n", 0)
        assert terminal.run("printf 'no end of line'") == ("no end of line", 0)
        assert terminal.run("cat") == ("", 0)  # nobody answers


def test_the_home_and_the_port_are_those_of_the_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCORE_STATE", "/of/the/developer")
    with Terminal(Home(tmp_path)) as terminal:
        assert terminal.run("pwd") == ("/home/ann\n", 0)
        assert terminal.run("echo $HOME $DLCORE_STATE") == ("/home/ann\n", 0)
        assert terminal.run(f"echo localhost:{PORT}") == (f"localhost:{PORT}\n", 0)
        assert terminal.run(f"test {PORT} = 84''43")[1] == 1  # another one in truth


def test_a_command_that_goes_on_is_ended_with_the_terminal(tmp_path: Path) -> None:
    with Terminal(Home(tmp_path)) as terminal:
        printed = terminal.start("echo $$; echo ready; sleep 600", lambda text: "ready" in text)
        number = int(printed.split()[0])
        os.kill(number, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_a_shell_that_ends_is_noticed(tmp_path: Path) -> None:
    with (
        Terminal(Home(tmp_path)) as terminal,
        pytest.raises(AssertionError, match="last words"),
    ):
        terminal.run("echo last words; exit 1")
