"""The stubs say what the extension modules have."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.native.cores import needs_compiled

HERE = Path(__file__).parent


@needs_compiled
def test_the_stubs_match_the_extension_modules() -> None:
    pytest.importorskip("mypy", reason="mypy is not installed")
    command = [sys.executable, "-m", "mypy.stubtest", "dlcore_ext"]
    command += ["--allowlist", str(HERE / "stubtest_allowlist.txt")]
    done = subprocess.run(
        command, cwd=HERE.parent.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
