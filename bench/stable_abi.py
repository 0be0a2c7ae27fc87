"""What the stable ABI costs: ``python -m bench.stable_abi``; needs gcc and Python's headers.

Builds the extension with it and without it, and prints ratios of CPU time: above 1, the stable ABI
is slower. Both take turns in one process, so that load affects both alike.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from typing import Any

SOURCES = Path("dlcore_ext")
DIRECTIVES = "auto_pickle=False,binding=True,boundscheck=False,wraparound=False"
ROUNDS = 41
Work = Callable[[Any], object]


def build(folder: Path, *options: str) -> Any:
    """Compile the extension as setup.py does, and import it."""
    folder.mkdir()
    translated, built = folder / "_blocks.c", folder / "_blocks.so"
    cython = [sys.executable, "-m", "cython", "-3", "-X", DIRECTIVES]
    subprocess.run([*cython, str(SOURCES / "_blocks.pyx"), "-o", str(translated)], check=True)
    kernels = map(str, sorted((SOURCES / "csrc").glob("*.c")))
    headers = (f"-I{SOURCES / 'csrc'}", f"-I{sysconfig.get_path('include')}")
    gcc = ["gcc", "-O3", "-DNDEBUG", "-fPIC", "-shared", *headers, *options]
    subprocess.run([*gcc, str(translated), *kernels, "-o", str(built)], check=True)
    name = f"{folder.name}._blocks"
    spec = importlib.util.spec_from_loader(name, ExtensionFileLoader(name, str(built)))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.use_backend(module.backends()[0])
    return module


def ratio(stable: Any, other: Any, work: Work, repeats: int) -> float:
    """The median of the ratios of rounds; each round times both, in turn first and second."""
    ratios = []
    for number in range(ROUNDS):
        order = (stable, other) if number % 2 else (other, stable)
        spent_ns = {core: timed_ns(core, work, repeats) for core in order}
        ratios.append(spent_ns[stable] / spent_ns[other])
    return statistics.median(ratios)


def timed_ns(core: Any, work: Work, repeats: int) -> int:
    start_ns = time.thread_time_ns()
    for _ in range(repeats):
        work(core)
    return time.thread_time_ns() - start_ns


def write(core: Any, block: bytes, extents: list[list[tuple[int, int, int]]]) -> None:
    """Verify and write one run, of the same block, for each list of extents."""
    digest = hashlib.sha256(block).digest()
    job = core.Job([(block, len(block), digest, run) for run in extents])
    while job.write(4 << 20):
        pass


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as file:
        stable = build(Path(folder) / "stable", "-DPy_LIMITED_API=0x030B0000")
        other = build(Path(folder) / "other")
        fd, mib, small = file.fileno(), os.urandom(1 << 20), os.urandom(16 << 10)
        blocks = [[(fd, n << 20, 1 << 20)] for n in range(16)]
        files = [[(fd, n << 14, 1 << 14)] for n in range(64)]
        packs = [[(fd, n << 14, 1 << 14) for n in range(64)]] * 4
        rows: list[tuple[str, Work, int]] = [
            ("digest of 1 MiB", lambda core: core.block_digests(mib, 1 << 20), 8),
            ("digest of 64 bytes", lambda core: core.block_digests(small[:64], 64), 5000),
            ("16 blocks of 1 MiB written", lambda core: write(core, mib, blocks), 1),
            ("64 files of 16 KiB written", lambda core: write(core, small, files), 8),
            ("4 packs of 64 files written", lambda core: write(core, mib, packs), 3),
            ("1 file of 16 KiB written", lambda core: write(core, small, files[:1]), 300),
        ]
        for name, work, repeats in rows:
            print(f"{name:28} {ratio(stable, other, work, repeats):.3f}")


if __name__ == "__main__":
    main()
