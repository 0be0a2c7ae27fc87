"""Published packages, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.scene import publish_packages

OS, TOOLS, EXTRA = "ABC00001", "ABC00002", "ABC00003"
TREES = {
    OS: {"install.wim": 50_000, "sources/setup.exe": 4_097, "empty": 0},
    TOOLS: {f"driver {n}.inf": 700 + n for n in range(20)},
    EXTRA: {"x.bin": 30_000},
}


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the trees of ``source`` published in ``published``, in blocks of 4 KiB."""
    root = tmp_path_factory.mktemp("packages")
    publish_packages(root, TREES, block_bytes=4096)
    return root
