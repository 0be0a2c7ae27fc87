"""How long one range is while much is left.

Long enough that the round trip in which a connection waits for its next range does not show,
short enough that work can be moved to another connection soon, and never so long that what all
connections hold exceeds the memory. Pure functions of what was measured.
"""

from __future__ import annotations

MIN_BYTES = 64 << 10  # below it the request and its answer's head cost more than they are worth
MAX_BYTES = 16 << 20  # the longest that is lost or raced when a connection breaks or slows
MIN_S, MAX_S = 1.0, 2.0  # below, requests cost CPU (and Azure's 500 a second); above, balance
ROUND_TRIPS = 16  # one idle round trip in seventeen; the spare connections hide it
CAPPED_S = 0.5  # what sockets may swallow ahead of a bandwidth cap, all connections together
WHOLE_BLOCKS = 0.75  # of the memory: strips from there on, if each connection held a block
IN_STRIPS = 0.5  # of the memory then: a block waits for its slowest strip, and for its check


def full_bytes(
    *,
    rate_bytes_per_s: float,
    round_trip_s: float,
    connections: int,
    block_bytes: int,
    memory_bytes: int,
    cap_bytes_per_s: float,
) -> float:
    """Length of a range while much is left.

    Args:
        rate_bytes_per_s: Of one connection.
        round_trip_s: From a request to its first byte.
        connections: How many are at work; 1 or more.
        block_bytes: Length of the package's blocks.
        memory_bytes: What the connections may hold together; each holds a block, or strips of one.
        cap_bytes_per_s: The bandwidth cap; 0.0: none.

    Returns:
        Between `MIN_BYTES` and `MAX_BYTES`.
    """
    wanted = rate_bytes_per_s * min(MAX_S, max(MIN_S, ROUND_TRIPS * round_trip_s))
    if cap_bytes_per_s:
        wanted = min(wanted, cap_bytes_per_s * CAPPED_S / connections)
    held_bytes = memory_bytes / connections
    if held_bytes * WHOLE_BLOCKS < block_bytes:
        wanted = min(wanted, held_bytes * IN_STRIPS)
    return max(MIN_BYTES, min(wanted, MAX_BYTES))


def fitted(length_bytes: float, block_bytes: int) -> int:
    """Whole blocks, or an equal part of one: the least number of strips of that length at most.

    A block is not divided into strips shorter than `MIN_BYTES`.
    """
    if length_bytes >= block_bytes:
        return int(length_bytes // block_bytes) * block_bytes
    strips = min(-int(-block_bytes // length_bytes), max(1, block_bytes // MIN_BYTES))
    return -(-block_bytes // strips)
