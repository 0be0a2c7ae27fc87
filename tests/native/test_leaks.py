"""A million calls, good and bad, leave neither memory nor references behind."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource
import sys

from dlcore.native import block_digests, verify_blocks
from dlcore_ext import _blocks

CALLS = 40_000
data = bytes(1100)
digests = block_digests(data, 64)
wrong = bytes(len(digests))
gaps = memoryview(data)[::2]


def refused(*arguments):
    try:
        block_digests(*arguments)
    except (ValueError, BufferError):
        return
    raise AssertionError(arguments)


def call_everything():
    for _ in range(CALLS):
        block_digests(data, 64)
        block_digests(data, 2000)
        block_digests(data, 700, "xxh3_128")
        verify_blocks(data, 64, digests)
        refused(data, 0)
        refused(gaps, 64)
    verify_blocks(data, 64, wrong)


def used():
    references = [sys.getrefcount(thing) for thing in (data, digests, wrong, gaps)]
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
