"""A published site, a task sequence that runs on this machine, and the program that it calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hook.scene import HookScene


@pytest.fixture
def scene(tmp_path: Path) -> HookScene:
    return HookScene(tmp_path)


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that has no other place must not go to the machine's folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
