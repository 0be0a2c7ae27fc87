"""What the hook keeps of what an agent says that it starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.hook.starting import error_file
from tests.no_temporary_folder import take_away_temporary_files


def test_what_the_agent_says_is_kept_for_the_error() -> None:
    with error_file() as file:
        file.write(b"wrong")
        file.seek(0)
        assert file.read() == b"wrong"


def test_an_agent_is_started_though_nothing_that_it_says_can_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault D12: no temporary file can be made for what an agent says. dlcore starts it anyway."""
    take_away_temporary_files(tmp_path / "gone", monkeypatch)
    with error_file() as file:
        file.write(b"wrong")
        file.seek(0)
        assert file.read() == b""
