"""Hundreds of thousands of calls, good and bad, leave neither memory nor references behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SCRIPT = """
import os
import resource
import sys

from dlcore.native import Run, block_checksums, block_digests, verify_blocks
from tests.native.cores import CORES

CALLS = 20_000
data = bytes(1100)
digests = block_digests(data, 64)
wrong = bytes(len(digests))
gaps = memoryview(data)[::2]
null = os.open("/dev/null", os.O_WRONLY)
extents = [(null, 0, 500), (null, 500, 600)]
good = Run(data, 200, b"", extents)
bad = Run(data, 200, bytes(6 * 32), extents)
unwritable = Run(data, 1100, b"", [(-1, 0, 1100)])
inconsistent = [good, good._replace(block_bytes=0)]


def refused(call, *arguments):
    try:
        call(*arguments)
    except (ValueError, BufferError):
        return
    raise AssertionError(arguments)


def call_everything(core):
    for number in range(CALLS):
        core.block_digests(data, 64)
        core.block_digests(data, 2000)
        block_checksums(data, 700)
        verify_blocks(data, 64, digests)
        refused(core.block_digests, data, 0)
        refused(core.block_digests, gaps, 64)
        if number % 4 == 0:
            list(core.verify_and_write([good, bad, unwritable]))
            core.verify_and_write([good, bad])  # the outcomes are never asked for
            refused(core.verify_and_write, inconsistent)
    verify_blocks(data, 64, wrong)


THINGS = (data, digests, wrong, gaps, null, extents, good, bad, unwritable, inconsistent)


def used():
    references = [sys.getrefcount(thing) for thing in THINGS]
    return references, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def call_all_backends():
    for core in CORES:
        for name in core.backends():
            core.use_backend(name)
            call_everything(core)


call_all_backends()
references, peak = used()
call_all_backends()
now, grown = used()
assert now == references, (references, now)
print(grown - peak)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
def test_memory_stays_flat_over_many_calls() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    grown_kib = int(done.stdout)
    assert grown_kib < 1024, f"{grown_kib} KiB"
