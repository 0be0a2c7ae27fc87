"""How long a buffer is, for the scheduler that reckons with it and for the engine that takes it."""

from __future__ import annotations

from typing import Final

MIN_BUFFER_BYTES: Final = 4096  # one page; shorter ones would lie in a page each all the same


def buffer_length(content_bytes: int, max_bytes: int) -> int:
    """Length of a buffer for some content; one of few lengths, so that buffers are used again.

    Args:
        content_bytes: What it must have room for, up to ``max_bytes``; at least 1.
        max_bytes: The longest that may be.
    """
    rounded_bytes = 1 << (content_bytes - 1).bit_length()
    return min(max(rounded_bytes, MIN_BUFFER_BYTES), max_bytes)
