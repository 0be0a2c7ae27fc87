"""The folders that the steps of a run use are empty when the next run begins."""

from __future__ import annotations

from pathlib import Path

from dlcore.engine.running.work_folders import make_work_folders, work_folder


def test_files_that_are_read_only_go_when_the_next_run_begins(tmp_path: Path) -> None:
    """Fault: a step left read-only files in the run's folder. The next run does not find them."""
    state = tmp_path / "state"
    state.mkdir(0o700)
    make_work_folders(state, is_new=True)
    folder = work_folder(state) / "of a step"
    folder.mkdir()
    (folder / "file").write_bytes(b"of the run before")
    (folder / "file").chmod(0o400)
    folder.chmod(0o500)
    make_work_folders(state, is_new=True)
    assert not list(work_folder(state).iterdir())
