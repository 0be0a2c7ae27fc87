"""The extension touches no byte it should not: its tests run again under ASan and UBSan."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dlcore.native.choice import CORE_VARIABLE
from tests.native.project import copy_project, run

pytestmark = [pytest.mark.builds_c, pytest.mark.timeout(300)]  # the build alone takes a minute

UNDER_SANITIZERS = [
    "test_block_digests.py",
    "test_nist_vectors.py",
    "test_verify_and_write.py",
    "test_write_faults.py",
]


def library(name: str) -> str:
    """The compiler's own copy, which must come first in the process."""
    found = subprocess.run(
        ["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True
    )
    if not Path(found.stdout.strip()).is_absolute():
        pytest.skip(f"{name} is not installed")
    return found.stdout.strip()


@pytest.fixture
def sanitized(tmp_path: Path) -> Path:
    """A copy of the project with the extension built under sanitizers."""
    copy_project(tmp_path)
    build = ["setup.py", "-q", "build_ext", "--inplace", "--parallel", "2"]
    run(build, tmp_path, DLCORE_SANITIZE="1")
    for module in (tmp_path / "dlcore_ext").glob("*.so"):
        assert b"__asan_report_load" in module.read_bytes()
    return tmp_path


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("gcc"), reason="needs Linux, gcc")
def test_no_sanitizer_objects_to_the_hashing_and_writing_of_blocks(sanitized: Path) -> None:
    files = [f"tests/native/{name}" for name in UNDER_SANITIZERS]
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
    quick = ["-k", "not chained and not torn and not portable"]  # no other code paths
    run(["-m", "pytest", "-q", "-x", *quick, *files], sanitized, **environment)
