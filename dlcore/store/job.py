"""The native job in Python: verifies blocks and writes the good ones, one after the other.

Guarantees: as `dlcore.native.verify_and_write` for one run. For systems where native code cannot
write, and for blocks whose files are not worth opening all at once.
"""

from __future__ import annotations

from collections.abc import Callable

from dlcore.native import Buffer, Written, block_checksums, verify_blocks


def verify_and_write_each(
    data: memoryview,
    block_bytes: int,
    digests: Buffer,
    write: Callable[[int, memoryview], None],
) -> Written:
    """Verify blocks, and have each good one written.

    Args:
        data: Whole blocks; the last may be shorter.
        block_bytes: Length of a block.
        digests: The expected SHA-256 of each, concatenated; empty: they are good whatever they are.
        write: Given a block's number in ``data`` and its bytes; raises OSError if it cannot.
    """
    bad = verify_blocks(data, block_bytes, memoryview(digests)) if digests else ()
    checksums = b""
    for block, start in enumerate(range(0, len(data), block_bytes)):
        if block in bad:
            continue
        view = data[start : start + block_bytes]
        try:
            write(block, view)
        except OSError as error:
            return Written(bad, checksums, error)
        checksums += block_checksums(view, block_bytes)
    return Written(bad, checksums, None)
