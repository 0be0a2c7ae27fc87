"""Starting is quick: what a command does not need is not imported. So is ending."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from dlcore.cli.app import COMMANDS
from tests.cli.helpers import Here

HEAVY = {"aiohttp", "rich", "cryptography", "obstore", "platformdirs", "dlcore_ext", "zipfile"}
SEQUENCES = {"dlcore.tasksequence", "dlcore.engine.client", "xml", "tomllib"}
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


def test_a_fetch_over_http_imports_nothing_that_only_sequences_or_https_need() -> None:
    found = loaded("import dlcore.cli.fetch, dlcore.transfer.http")
    assert "aiohttp" in found
    assert not found & (SEQUENCES | HEAVY - {"aiohttp", "dlcore_ext"} | {"truststore"})


def test_connections_are_begun_before_anything_heavy_is_imported() -> None:
    found = loaded("import dlcore.cli.process, dlcore.cli.haste")
    assert not found & (HEAVY | {"asyncio", "click", "msgspec", "yarl"})


def test_a_verification_imports_neither_a_loop_nor_http() -> None:
    assert not loaded("import dlcore.cli.verify") & {"asyncio", "aiohttp"}


def test_a_fetch_from_a_folder_imports_no_http() -> None:
    assert "aiohttp" not in loaded("import dlcore.cli.fetch, dlcore.transfer.file")


def test_the_certificates_that_nobody_here_uses_are_not_read(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "system.pem"))
    program = """
import gc, os
from dlcore.cli.loading import load
load(["dlcore.transfer.http"])
from aiohttp import connector
print(os.environ["SSL_CERT_FILE"], os.environ["SSL_CERT_DIR"], gc.isenabled())
print(connector._SSL_CONTEXT_VERIFIED.cert_store_stats()["x509"])
"""
    told = run(program, SSL_CERT_FILE=str(tmp_path / "system.pem"), SSL_CERT_DIR="none")
    assert told.stdout == f"{tmp_path / 'system.pem'} none True\n0\n"


def test_one_thread_imports_at_a_time_for_the_environment_is_everybodys() -> None:
    program = """
import importlib
from dlcore.cli import loading
real = importlib.import_module
def watched(name):
    print(name, loading._LOADING.locked())
    return real(name)
loading.importlib.import_module = watched
loading.load(["json"])
print(loading._LOADING.locked())
"""
    assert run(program).stdout == "json True\nFalse\n"


def test_a_process_that_leaves_has_said_all_and_keeps_its_status() -> None:
    program = "import sys; from dlcore.cli.process import leave; sys.stdout.write('all'); leave(3)"
    with pytest.raises(subprocess.CalledProcessError) as ended:
        run(program, PYTHONUNBUFFERED="")
    assert (ended.value.returncode, ended.value.stdout) == (3, "all")


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
