"""Published packages, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.machine import TREES
from tests.engine.scene import publish_packages


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the trees of ``source`` published in ``published``, in blocks of 4 KiB."""
    root = tmp_path_factory.mktemp("site")
    publish_packages(root, TREES, block_bytes=4096)
    return root
