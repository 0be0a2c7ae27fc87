"""The folder of a command's own is removed, whatever the command did to it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dlcore.errors import StorageError
from dlcore.steps.commands.working_folder import scratch_folder
from dlcore.steps.interface import Job
from dlcore.tasksequence import Variables, read
from tests.engine.scene import sequence, step

STEP = read(sequence(step("command", CommandLine="x")), source="test").steps[0]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(STEP, Variables(), {}, work_folder=tmp_path)


def test_files_that_may_not_be_written_are_removed(job: Job) -> None:
    with scratch_folder(job) as scratch:
        (scratch / "below").mkdir()
        (scratch / "below" / "file").write_text("x")
        (scratch / "below" / "file").chmod(0o400)
        (scratch / "below").chmod(0o500)
    assert not scratch.exists()


@pytest.mark.posix_only(reason="links need a privilege on Windows")
def test_what_a_link_points_to_stays_as_it_was(job: Job, tmp_path: Path) -> None:
    """Fault: a command leaves a link in its folder. dlcore changes nothing that it points to."""
    (tmp_path / "other").write_text("x")
    (tmp_path / "other").chmod(0o640)
    with scratch_folder(job) as scratch:
        (scratch / "link").symlink_to(tmp_path / "other")
        scratch.chmod(0o500)
    assert not scratch.exists()
    assert (tmp_path / "other").stat().st_mode & 0o777 == 0o640


def test_a_process_that_works_there_still_does_no_harm(job: Job) -> None:
    """Fault: a process of an ended command holds its folder. dlcore goes on; no secret stays."""
    with scratch_folder(job) as scratch:
        (scratch / "variables").write_text("Password=canary")
        left = subprocess.Popen(
            [sys.executable, "-c", "input()"], cwd=scratch, stdin=subprocess.PIPE
        )
    assert not (scratch / "variables").exists()
    left.communicate()


def test_a_folder_that_cannot_be_made_is_a_failure_of_the_disk(tmp_path: Path) -> None:
    """Fault: the folder of a run is gone or its disk full as a step begins. dlcore says so."""
    (tmp_path / "file").touch()
    job = Job(STEP, Variables(), {}, work_folder=tmp_path / "file")
    with (
        pytest.raises(StorageError, match="cannot make the folder of a command"),
        scratch_folder(job),
    ):
        raise AssertionError
