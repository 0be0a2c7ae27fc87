"""A disk is tried without a trace, and what it cannot do is told."""

from __future__ import annotations

from pathlib import Path

from dlcore.disk.trial import try_disk
from dlcore.long_path import long_path


def test_a_sound_disk_leaves_nothing_to_tell_and_nothing_behind(tmp_path: Path) -> None:
    trial = try_disk(long_path(tmp_path))
    assert (trial.fault, trial.name_fault, trial.path_fault) == (None, None, None)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_made_the_fault_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert isinstance(try_disk(long_path(file)).fault, OSError)
    assert isinstance(try_disk(long_path(tmp_path / "missing")).fault, OSError)
