"""Published packages, made once; what runs them, and where single ones are delivered to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.machine import TREES, Machine
from tests.engine.scene import publish_packages


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the trees of ``source`` published in ``published``, in blocks of 4 KiB."""
    root = tmp_path_factory.mktemp("packages")
    publish_packages(root, TREES, block_bytes=4096)
    return root


@pytest.fixture
def machine(published: Path, tmp_path: Path) -> Machine:
    return Machine(published, tmp_path / "state")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a package is delivered to."""
    return tmp_path / "to"


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """Where it is noted what was delivered."""
    return tmp_path / "records"
