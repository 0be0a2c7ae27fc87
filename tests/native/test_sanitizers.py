"""The extension touches no byte it should not: its tests run again under ASan and UBSan."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
UNDER_SANITIZERS = [
    "test_block_digests.py",
    "test_nist_vectors.py",
    "test_verify_and_write.py",
    "test_verify_blocks.py",
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


def run(command: list[str], folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def sanitized(tmp_path: Path) -> Path:
    """A copy of the project with the extension built under sanitizers."""
    for name in ("dlcore", "dlcore_ext", "tests/native"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.so", "__pycache__")
        )
    for name in ("setup.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
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
        "ASAN_OPTIONS": "detect_leaks=0",  # Python keeps much until it ends
        "PYTHONMALLOC": "malloc",  # so that every bytes object has guarded ends
    }
    where = run(
        ["-c", "from dlcore_ext import _blocks as b; print(b.__file__)"], sanitized, **environment
    )
    assert Path(where.strip()).is_relative_to(sanitized)
    quick = ["-k", "not chained and not torn"]  # no new paths there
    run(["-m", "pytest", "-q", "-x", *quick, *files], sanitized, **environment)
