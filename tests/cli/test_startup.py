"""Starting is quick: what a command does not need is not imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from dlcore.cli.app import COMMANDS
from tests.cli.helpers import Here

HEAVY = {
    "tuf",
    "aiohttp",
    "rich",
    "cryptography",
    "obstore",
    "platformdirs",
    "dlcore_ext",
    "zipfile",
}
LOADED = "import json; print(json.dumps(sorted(sys.modules)))"


def loaded(program: str) -> set[str]:
    """Modules at the end of a program."""
    told = run(f"import sys\n{program}\n{LOADED}")
    return set(json.loads(told.stdout.splitlines()[-1]))


def run(program: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **env},
    )


def test_the_package_itself_imports_nothing_heavy() -> None:
    assert not loaded("import dlcore") & (HEAVY | {"click", "msgspec", "asyncio"})


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_the_command_line_itself_imports_nothing_heavy(option: str) -> None:
    program = f"from dlcore.cli import main\ntry:\n main(['{option}'])\nexcept SystemExit: pass"
    heavy = HEAVY - {"zipfile"}  # the version's metadata may be zipped
    assert not loaded(program) & (heavy | {"asyncio"})


def test_help_imports_no_more_than_it_shows() -> None:
    program = "from dlcore.cli import main\ntry:\n main(['--help'])\nexcept SystemExit: pass"
    unneeded = {"msgspec", "difflib", "dlcore.errors", "dlcore.cli.ending.endings"}
    assert not loaded(program) & unneeded


def test_a_verification_imports_neither_a_loop_nor_http() -> None:
    assert not loaded("import dlcore.cli.verify") & {"asyncio", "aiohttp"}


def test_a_fetch_imports_nothing_of_a_run() -> None:
    of_a_run = {
        "dlcore.engine.running.session",
        "dlcore.tasksequence",
        "dlcore.steps",
        "dlcore.machine",
    }
    assert not loaded("import dlcore.cli.fetch") & of_a_run


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained(command: str, here: Here) -> None:
    from dlcore.cli.app import group

    context = group.make_context("dlcore", [command], resilient_parsing=True)
    found = group.get_command(context, command)
    assert found is not None
    for parameter in found.get_params(context):
        if parameter.param_type_name == "option":
            assert parameter.to_info_dict()["help"], f"{command} {parameter.name} has no help"
    ended = here(command, "--help")
    assert (ended.status, ended.err) == (0, "")
    assert all(len(line) <= 80 for line in ended.out.splitlines())


def test_a_program_that_calls_a_command_keeps_its_own_ways_with_garbage() -> None:
    program = "import gc\nfrom dlcore.cli import main\nbefore = gc.get_threshold()\n"
    program += "try:\n main(['--version'])\nexcept SystemExit: pass\n"
    told = run(f"{program}print(before == gc.get_threshold())")
    assert told.stdout.splitlines()[-1] == "True"
