"""What the scripts that build for Windows refuse: code that trusts in an aligned stack."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

MINGW_SH = Path(__file__).parent / "mingw.sh"
COMPILER = "x86_64-w64-mingw32-gcc"

pytestmark = [
    pytest.mark.builds_c,
    pytest.mark.skipif(not shutil.which(COMPILER), reason=f"{COMPILER} is not installed"),
]


def check(instruction: str, compiler: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Assemble one instruction, and ask `needs_no_alignment` about it."""
    source = folder / "spill.c"
    source.write_text(f'void spill(void) {{ __asm__("{instruction}"); }}\n')
    script = f'. "{MINGW_SH}" && {compiler} -c spill.c && needs_no_alignment spill.o'
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "instruction",
    ["vmovdqa %ymm0, 32(%rsp)", "vmovdqa64 -64(%rbp), %zmm1", "vmovaps %ymm1, (%rsp)"],
)
def test_a_wide_move_that_needs_an_aligned_place_is_refused(
    instruction: str, tmp_path: Path
) -> None:
    done = check(instruction, COMPILER, tmp_path)
    assert done.returncode == 1
    assert "spill.o needs a stack that is aligned" in done.stderr


@pytest.mark.parametrize(
    "instruction",
    ["vmovdqu %ymm0, 32(%rsp)", "vmovdqa %xmm0, 32(%rsp)", "vmovdqa %ymm0, %ymm1"],
)
def test_other_moves_are_accepted(instruction: str, tmp_path: Path) -> None:
    assert check(instruction, COMPILER, tmp_path).returncode == 0


def test_the_options_of_a_build_make_such_moves_harmless(tmp_path: Path) -> None:
    assert check("vmovdqa %ymm0, 32(%rsp)", '"${MINGW[@]}"', tmp_path).returncode == 0
