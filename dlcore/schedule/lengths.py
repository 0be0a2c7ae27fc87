"""How long one range is.

Long enough that the round trip in which a connection waits for its next range does not show,
short enough that work can be moved to another connection soon, and never so long that what all
connections hold exceeds the memory. A pure function of what was measured.
"""

from __future__ import annotations

LEAST_BYTES = 64 << 10  # below it the request and its answer's head cost more than they are worth
MOST_BYTES = 16 << 20  # the longest that is lost or raced when a connection breaks or slows
LEAST_S, MOST_S = 1.0, 2.0  # below, requests cost CPU (and Azure's 500 a second); above, balance
ROUND_TRIPS = 16  # one idle round trip in seventeen; the spare connections hide it
CAPPED_S = 0.5  # what sockets may swallow ahead of a bandwidth cap, all connections together


def range_bytes(
    *,
    rate_bps: float | None,
    round_trip_s: float | None,
    connections: int,
    block_bytes: int,
    memory_bytes: int,
    cap_bps: float,
) -> int:
    """Decide the length of the next range.

    Args:
        rate_bps: Of one connection; None: not measured yet, which means one block.
        round_trip_s: From a request to its first byte; None: not measured yet.
        connections: How many are at work.
        block_bytes: Length of the package's blocks.
        memory_bytes: What the connections may hold together; each holds a block, or a strip.
        cap_bps: The bandwidth cap; 0.0: none.

    Returns:
        A multiple of `block_bytes`, or `block_bytes / 2**k` (rounded up), which is then a strip.
        Between `LEAST_BYTES` and `MOST_BYTES`, except that a block smaller than `LEAST_BYTES` is
        not divided.
    """
    connections = max(1, connections)
    wanted = _worth_asking_for(rate_bps, round_trip_s, block_bytes)
    if cap_bps:
        wanted = min(wanted, cap_bps * CAPPED_S / connections)
    share = memory_bytes / connections
    if min(wanted, share, MOST_BYTES) < block_bytes:
        return _strip_bytes(min(wanted, share, MOST_BYTES), block_bytes)
    return int(min(wanted, MOST_BYTES) // block_bytes) * block_bytes


def _worth_asking_for(rate_bps: float | None, round_trip_s: float | None, block: int) -> float:
    if rate_bps is None:
        return block
    return rate_bps * min(MOST_S, max(LEAST_S, ROUND_TRIPS * (round_trip_s or 0.0)))


def _strip_bytes(most: float, block_bytes: int) -> int:
    """The largest ``block_bytes / 2**k`` that is at most `most`, but no less than the least."""
    strip = block_bytes
    while strip > most and -(-strip // 2) >= LEAST_BYTES:
        strip = -(-strip // 2)
    return strip
