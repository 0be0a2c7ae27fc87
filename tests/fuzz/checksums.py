"""Files of dlcore that begin with a checksum of the rest."""

from __future__ import annotations

import re

from dlcore.native import block_checksums

_CHECKSUM = re.compile(rb'(?<="checksum":")[0-9a-f]{32}(?=","payload":(.*)}\Z)', re.DOTALL)


def with_right_checksum(data: bytes) -> bytes:
    """The file with the checksum made right, so that changes reach what is behind it."""
    found = _CHECKSUM.search(data)
    if not found:
        return data
    right = block_checksums(found[1], max(1, len(found[1]))).hex().encode()
    return data[: found.start()] + right + data[found.end() :]
