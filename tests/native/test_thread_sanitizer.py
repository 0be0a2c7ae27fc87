"""The native core has no data race: its jobs run from several threads under ThreadSanitizer.

The threads are those of a C program, because Python itself is not built with ThreadSanitizer: the
sanitizer does not see Python's locks, and reports races where there are none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.builds_c,
    pytest.mark.skipif(sys.platform != "linux" or not shutil.which("gcc"), reason="needs gcc"),
]

HERE = Path(__file__).parent
CSRC = HERE.parent.parent / "dlcore_ext" / "csrc"
FLAGS = ("-std=gnu11", "-O1", "-g", "-fsanitize=thread", "-pthread", "-Wall", "-Wextra", "-Werror")
JOBS, BLOCKS_PER_JOB = 96, 10
WRONG_BLOCKS = 32  # one in every third job
WITHOUT_RANDOM_ADDRESSES = ("setarch", "-R")  # GCC before 14 stops where they are too random
EXIT_CODE_OF_REPORTS = 66


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("threads") / "threads"
    sources = [HERE / "c_threads.c", *sorted(CSRC.glob("*.c"))]
    command = ["gcc", *FLAGS, f"-I{CSRC}", *map(str, sources), "-o", str(program)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if "cannot find" in built.stderr and "tsan" in built.stderr:
        pytest.skip("the sanitizer's library is not installed")
    assert built.returncode == 0, built.stderr
    return program


def play(program: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    wrapper = WITHOUT_RANDOM_ADDRESSES if shutil.which(WITHOUT_RANDOM_ADDRESSES[0]) else ()
    return subprocess.run(
        [*wrapper, str(program), str(folder), *arguments],
        env=os.environ | {"TSAN_OPTIONS": f"exitcode={EXIT_CODE_OF_REPORTS} halt_on_error=0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_jobs_of_several_threads_have_no_data_race(program: Path, tmp_path: Path) -> None:
    done = play(program, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "WARNING: ThreadSanitizer" not in done.stderr
    written = [int(line.split()[1]) for line in done.stdout.splitlines()]
    assert set(written) <= {JOBS * BLOCKS_PER_JOB - WRONG_BLOCKS}


def test_one_job_in_two_threads_is_reported(program: Path, tmp_path: Path) -> None:
    """The test above can fail: the sanitizer sees what the core does."""
    done = play(program, tmp_path, "race")
    assert done.returncode == EXIT_CODE_OF_REPORTS, done.stderr
    assert "data race" in done.stderr
