"""The extension touches no byte it should not: tests run again with it under ASan and UBSan.

Its own tests give it what they have thought of; the engine gives it the buffers, runs and extents
that really occur.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dlcore.native.choice import CORE_VARIABLE
from tests.native.project import copy_project, run

pytestmark = [
    pytest.mark.builds_c,
    pytest.mark.timeout(300),  # the build alone takes a minute
    pytest.mark.skipif(
        sys.platform != "linux" or not shutil.which("gcc"), reason="needs Linux, gcc"
    ),
]

OF_THE_EXTENSION = [
    "test_block_digests.py",
    "test_nist_vectors.py",
    "test_verify_and_write.py",
    "test_write_faults.py",
]
OF_THE_ENGINE = [
    "test_fetch_into.py",
    "test_gate.py::test_content_that_was_altered_between_two_runs_is_fetched_again",
    "test_gate.py::test_content_that_an_earlier_step_altered_is_fetched_again",
    "test_resume.py::test_an_interrupted_step_is_told_and_runs_again",
    "test_run_content.py::test_later_packages_arrive_while_earlier_steps_run",
    "test_run_content.py::test_two_fetches_at_once_both_arrive",
    "test_shared_blocks.py",
]


def library(name: str) -> str:
    """The compiler's own copy, which must come first in the process."""
    found = subprocess.run(
        ["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True
    )
    if not Path(found.stdout.strip()).is_absolute():
        pytest.skip(f"{name} is not installed")
    return found.stdout.strip()


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the extension built under sanitizers."""
    folder = tmp_path_factory.mktemp("sanitized")
    copy_project(folder)
    build = ["setup.py", "-q", "build_ext", "--inplace", "--parallel", "2"]
    run(build, folder, DLCORE_SANITIZE="1")
    for module in (folder / "dlcore_ext").glob("*.so"):
        assert b"__asan_report_load" in module.read_bytes()
    return folder


def run_under_sanitizers(sanitized: Path, *tests: str) -> None:
    """Run tests in the copy; a report of a sanitizer ends them with an error."""
    environment = {
        "LD_PRELOAD": f"{library('libasan.so')} {library('libubsan.so')}",
        "ASAN_OPTIONS": "detect_leaks=0",  # Python frees much only when it ends
        "PYTHONMALLOC": "malloc",  # so that every bytes object has guarded ends
        CORE_VARIABLE: "compiled",
    }
    where = run(
        ["-c", "from dlcore_ext import _blocks as b; print(b.__file__)"], sanitized, **environment
    )
    assert Path(where.stdout.strip()).is_relative_to(sanitized)
    shown = "--capture=sys"  # otherwise pytest keeps the report, and the process ends without it
    run(["-m", "pytest", "-q", "-x", shown, *tests], sanitized, **environment)


def test_no_sanitizer_objects_to_the_hashing_and_writing_of_blocks(sanitized: Path) -> None:
    quick = ["-k", "not chained and not torn and not portable"]  # no other code paths
    files = (f"tests/native/{name}" for name in OF_THE_EXTENSION)
    run_under_sanitizers(sanitized, *quick, *files)


def test_no_sanitizer_objects_to_fetches_repairs_and_runs(sanitized: Path) -> None:
    run_under_sanitizers(sanitized, *(f"tests/engine/{name}" for name in OF_THE_ENGINE))
