"""A million calls, good and bad, leave neither memory nor references behind."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import os
import resource
import sys

from dlcore.native import Run, block_checksums, block_digests, verify_and_write, verify_blocks
from dlcore_ext import _blocks

CALLS = 40_000
data = bytes(1100)
digests = block_digests(data, 64)
wrong = bytes(len(digests))
gaps = memoryview(data)[::2]
null = os.open("/dev/null", os.O_WRONLY)
extents = [(null, 0, 500), (null, 500, 600)]
good = Run(data, 200, b"", extents)
bad = Run(data, 200, bytes(6 * 32), extents)
unwritable = Run(data, 1100, b"", [(-1, 0, 1100)])
senseless = [good, good._replace(block_bytes=0)]


def refused(call, *arguments):
    try:
        call(*arguments)
    except (ValueError, BufferError):
        return
    raise AssertionError(arguments)


def call_everything():
    for number in range(CALLS):
        block_digests(data, 64)
        block_digests(data, 2000)
        block_checksums(data, 700)
        verify_blocks(data, 64, digests)
        refused(block_digests, data, 0)
        refused(block_digests, gaps, 64)
        if number % 4 == 0:
            list(verify_and_write([good, bad, unwritable]))
            verify_and_write([good, bad])  # and nobody asks what became of them
            refused(verify_and_write, senseless)
    verify_blocks(data, 64, wrong)


THINGS = (data, digests, wrong, gaps, null, extents, good, bad, unwritable, senseless)


def used():
    references = [sys.getrefcount(thing) for thing in THINGS]
    return references, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


for name in _blocks.backends():
    _blocks.use_backend(name)
    call_everything()
references, peak = used()
for name in _blocks.backends():
    _blocks.use_backend(name)
    call_everything()
now, grown = used()
assert now == references, (references, now)
print(len(_blocks.backends()) * CALLS * 6, grown - peak)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
def test_memory_stays_flat_over_a_million_calls() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    calls, grown_kib = map(int, done.stdout.split())
    assert grown_kib < 1024, f"{grown_kib} KiB over {calls} calls"
