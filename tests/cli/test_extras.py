"""A client that has only what fetching needs: all else says what to install."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from dlcore.extras import Extra, require
from tests.cli.conftest import Site
from tests.cli.helpers import COMMAND, PLAIN, Ended, tree

ROOT = Path(__file__).parent.parent.parent
BARE = """
import sys
sys.modules.update(dict.fromkeys(
    'rich prometheus_client opentelemetry obstore cryptography tuf'.split()
))
from dlcore.cli import main
main()
"""


def bare(*arguments: object) -> Ended:
    """Run a command where no extra is installed."""
    done = subprocess.run(
        [COMMAND[0], "-c", BARE, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **PLAIN},
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def test_a_package_is_fetched_and_verified(site: Site, tmp_path: Path) -> None:
    source = ("--from", f"cmg+{site.gateway.url}", *site.gateway.access)
    fetched = bare("fetch", "ABC00002", *source, "-o", tmp_path / "to")
    assert fetched.status == 0, fetched.err
    assert tree(tmp_path / "to") == tree(site.source("ABC00002"))
    manifest = next(
        p for p in (site.published / "manifests").iterdir() if "ABC00002" in p.read_text()
    )
    verified = bare("verify", tmp_path / "to", "--manifest", manifest)
    assert verified.status == 0, verified.err


def test_a_sequence_is_planned_and_run(site: Site, tmp_path: Path) -> None:
    config = ("--config", site.gateway.config, "--state", tmp_path / "state")
    planned = bare("plan", site.sequence, *config)
    assert planned.status in {0, 14}, planned.err  # not every system can run the steps
    assert "ABC00002" in planned.out
    ran = bare("run", site.sequence, *config, "--simulate", "0")
    assert ran.status == 0, ran.err
    assert "makespan" in ran.out


def test_a_folder_is_published_to_a_folder(site: Site, tmp_path: Path) -> None:
    package = (site.source("ABC00002"), "--package-id", "ABC00002")
    assert bare("publish", *package, "--to", tmp_path / "to").status == 0


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        *(("serve", "serve"), ("publish", "buckets"), ("fetch", "trust"), ("trust", "trust")),
        *(("run", "metrics"), ("fetch", "otel")),
    ],
)
def test_what_needs_more_says_what_to_install(
    command: str, extra: str, site: Site, tmp_path: Path
) -> None:
    options: dict[str, tuple[object, ...]] = {
        "serve": (site.published, "--state", tmp_path / "state"),
        "publish": (
            *(site.source("ABC00002"), "--package-id", "ABC00002"),
            *("--to", "az://container/prefix"),
        ),
        "fetch": (
            *("ABC00002", "--from", site.published, "-o", tmp_path / "to"),
            *(("--trust-root", site.sequence) if extra == "trust" else ("--otel", "run")),
        ),
        "run": (
            *(site.sequence, "--config", site.gateway.config, "--state", tmp_path / "state"),
            *("--simulate", "0", "--metrics-port", "0"),
        ),
        "trust": ("init", site.published, "--keys", tmp_path / "keys"),
    }
    ended = bare(command, *options[command], "--json")
    assert (ended.status, ended.error["code"]) == (2, "config")
    assert ended.error["remedy"] == f"Install it: pip install 'dlcore-engine[{extra}]'"


@pytest.mark.posix_only(reason="a console of Windows cannot be read through a pipe")
def test_without_rich_a_terminal_gets_plain_lines(site: Site, tmp_path: Path) -> None:
    import pty

    primary, secondary = pty.openpty()
    arguments = ("fetch", "ABC00002", "--from", site.published, "-o", tmp_path / "to")
    env = {name: value for name, value in os.environ.items() if name != "CI"} | {"TERM": "xterm"}
    with subprocess.Popen(
        [sys.executable, "-c", BARE, *map(str, arguments)], stderr=secondary, env=env
    ) as process:
        os.close(secondary)
        told = b""
        while b"ready" not in told:
            told += os.read(primary, 4096)
        assert process.wait(30) == 0
    os.close(primary)
    lines = [line.split(b" ", 1)[1] for line in told.splitlines()]
    assert lines == [b"ABC00002: fetching 6.0 MiB", b"ABC00002: ready"]


def test_what_is_installed_is_not_refused() -> None:
    for extra in get_args(Extra):
        require(extra)


def test_the_extras_are_those_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    core = " ".join(project["dependencies"])
    modules = {"cli": "rich", "buckets": "obstore", "serve": "cryptography", "trust": "tuf"}
    modules |= {"metrics": "prometheus-client", "otel": "opentelemetry"}
    for extra, module in modules.items():
        assert module in project["optional-dependencies"][extra][0]
        assert module not in core
