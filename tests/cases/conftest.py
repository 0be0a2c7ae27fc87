"""A site with three packages, and a client of it.

Each case is a task sequence as ConfigMgr exports it, and is run as a user runs it: by the command
line.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.publish import publish
from tests.cases.client import Client, client_with
from tests.cases.shell import shell_line

PACKAGES = ("ABC00001", "ABC00002", "ABC00003")
PROGRAMS = {
    "install": shell_line("echo installed >> %Trace%"),
    "ask": shell_line("exit 7"),
}  # of the first package


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cases")
    for package in PACKAGES:
        folder = root / package
        folder.mkdir()
        (folder / "big.bin").write_bytes(package.encode() * 20_000)
        (folder / f"file-{package}.txt").write_text(package)
        (folder / "setup.cmd").write_text("rem nothing\n")
        programs = PROGRAMS if package == PACKAGES[0] else {}
        publish(
            folder,
            package_id=package,
            version=1,
            destination=str(root / "site"),
            programs=programs,
        )
    return root / "site"


@pytest.fixture
def client(published: Path, tmp_path: Path) -> Client:
    return client_with(published, tmp_path)
