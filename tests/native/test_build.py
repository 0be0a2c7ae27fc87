"""Without a compiler, or without Cython, the build succeeds and says what is slower."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.native.project import copy_project, run

DESCRIBE = 'import os; os.environ.pop("DLCORE_NATIVE", ""); from dlcore import native; '
BUILD = """
import runpy, sys
sys.modules.update(dict.fromkeys(sys.argv.pop(1).split(), None))
runpy.run_path("setup.py", run_name="__main__")
"""

pytestmark = [
    pytest.mark.builds_c,
    pytest.mark.skipif(sys.platform == "win32", reason="MSVC is found there, whatever CC says"),
]


@pytest.mark.parametrize(
    ("missing", "compiler", "reason"),
    [("", "false", "CompileError"), ("Cython Cython.Build", "cc", "Cython is not installed")],
    ids=["compiler", "cython"],
)
def test_a_missing_tool_is_told_in_one_line_and_the_portable_core_is_used(
    tmp_path: Path, missing: str, compiler: str, reason: str
) -> None:
    pytest.importorskip("Cython")
    copy_project(tmp_path)
    command = ["-c", BUILD, missing, "-q", "build_ext", "--inplace"]
    built = run(command, tmp_path, CC=compiler)
    (line,) = [line for line in built.stderr.splitlines() if line.startswith("dlcore: ")]
    assert reason in line
    assert "slower" in line
    assert not [*(tmp_path / "dlcore_ext").glob("*.so")]
    used = run(["-c", DESCRIBE + "print(native.__file__, native.describe().line)"], tmp_path)
    assert used.stdout.startswith(str(tmp_path))
    assert "portable core" in used.stdout
