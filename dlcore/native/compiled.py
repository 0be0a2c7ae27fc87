"""The core in C: SHA-256 of several blocks side by side in SIMD lanes, and writes without the GIL.

Only this module imports ``dlcore_ext``; importing it raises ImportError where that is not built.
No backend is slower than hashlib, except for the cost of one call on CPUs without SHA
instructions. Nothing may change a buffer while it is hashed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator

from dlcore.native.interface import Run, Written, blocks_on_disk, flat_view
from dlcore_ext import _blocks
from dlcore_ext._blocks import (  # without a wrapper, whose call would cost as much as a short hash
    backend,
    backends,
    block_digests,
    use_backend,
)

__all__ = [
    "NAME",
    "backend",
    "backends",
    "block_digests",
    "fastest_backend",
    "use_backend",
    "verify_and_write",
]

NAME = "compiled"
WRITE_BYTES = 4 << 20  # measured: less costs CPU time, more keeps buffers from being filled again


def verify_and_write(runs: Iterable[Run], write_bytes: int = WRITE_BYTES) -> Iterator[Written]:
    """`Core.verify_and_write`: all blocks are hashed in one call.

    The more blocks a call gets, the better they fill the lanes: with AVX-512 sixteen are hashed
    nearly twice as fast as two. Runs that adjoin on disk and follow each other are written
    together.

    Args:
        runs: As in `Core.verify_and_write`.
        write_bytes: Runs are written, and their outcomes returned, in groups of at least this.
    """
    all_runs = list(runs)
    return _write(_blocks.Job(list(all_runs)), all_runs, write_bytes)


def _write(job: _blocks.Job, all_runs: list[Run], write_bytes: int) -> Iterator[Written]:
    runs = iter(all_runs)
    while outcomes := job.write(write_bytes):
        for (bad, written_bytes, code), run in zip(outcomes, runs, strict=False):
            length_bytes = flat_view(run.data).nbytes
            on_disk = blocks_on_disk(length_bytes, run.block_bytes, bad, written_bytes)
            yield Written(bad, on_disk, OSError(code, os.strerror(code)) if code else None)


def fastest_backend() -> str:
    """`Core.fastest_backend`.

    Where a CPU has both AVX-512 and SHA-NI, it is measured, in well under a millisecond: on Intel
    sixteen AVX-512 lanes are 1.8 times as fast as interleaved SHA-NI, on AMD Zen they are slower,
    and no flag of the CPU tells which.
    """
    rivals = tuple(name for name in backends() if name in {"avx512_sha_ni", "sha_ni"})
    return _fastest_of(rivals) if len(rivals) > 1 else backends()[0]


def _fastest_of(names: tuple[str, ...]) -> str:
    """The backend with the best of five timings; interleaved, so that load affects all alike."""
    sample, block_bytes = bytes(64 << 10), 4 << 10
    before = backend()
    timings: list[tuple[int, str]] = []
    for name in names * 5:
        use_backend(name)
        start_ns = time.perf_counter_ns()
        block_digests(sample, block_bytes)
        timings.append((time.perf_counter_ns() - start_ns, name))
    use_backend(before)
    return min(timings)[1]
