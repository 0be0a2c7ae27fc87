"""How much of what is left one range takes.

While much is left: as long as `lengths` says. Towards the end less and less, each connection in
proportion to its rate, so that all of them end at about the same time; but never so little that
the round trips in which connections wait leave the link idle. `race` divides what is late then.
Endpoints that are on trial are not counted on.
"""

from __future__ import annotations

from collections.abc import Iterable

from dlcore.schedule.lengths import MIN_BYTES, fitted, full_bytes
from dlcore.schedule.policy import Policy
from dlcore.schedule.source import Source

FIRST_BYTES = 1 << 20  # of the first ranges: slow starts are not interrupted by idle round trips
FIRST_OF_SEVERAL_BYTES = 128 << 10  # where a slow endpoint could hold up what another has soon
GROWTH = 4  # times the longest range that arrived: a rate measured over moments may be wrong
MIN_S = 0.02  # a shorter range is mostly overhead, however fast the connection
MIN_WINDOWS = 2  # a connection then waits for its next range a third of the time, at most
SHARE = 1 / 2  # of what would end all at once: what is left evens out what was not foreseen


def next_length(
    policy: Policy,
    source: Source,
    sources: Iterable[Source],
    block_bytes: int,
    left_bytes: int,
    cap_bytes_per_s: float,
) -> int:
    """Bytes that the next range should have.

    Args:
        policy: The memory, and the longest range.
        source: Who is asked.
        sources: All endpoints.
        block_bytes: Length of the package's blocks.
        left_bytes: What nobody has been asked for yet.
        cap_bytes_per_s: The total bandwidth cap; 0.0: none.

    Returns:
        A multiple of ``block_bytes``, or an equal part of it, which is then a strip.
    """
    in_use = [other for other in sources if other is source or other.is_relied_on]
    connections = max(1, sum(other.wanted for other in in_use))
    caps = [cap for cap in (cap_bytes_per_s, source.terms.cap_bytes_per_s) if cap]
    first = FIRST_BYTES if len(in_use) == 1 else FIRST_OF_SEVERAL_BYTES
    full = full_bytes(
        rate_bytes_per_s=source.connection_bytes_per_s or first,  # as if a second brought so much
        round_trip_s=source.round_trip_s,
        connections=connections,
        block_bytes=block_bytes,
        memory_bytes=policy.memory_bytes,
        cap_bytes_per_s=min(caps, default=0.0),
    )
    full = min(full, max(first, GROWTH * source.longest_bytes))
    share = left_bytes * SHARE * _part(source, in_use, connections)
    moment_bytes = (source.connection_bytes_per_s or 0.0) * max(MIN_S, source.round_trip_s)
    least = max(MIN_BYTES, moment_bytes, MIN_WINDOWS * source.window_bytes)
    longest = max(policy.range_bytes, block_bytes)
    return fitted(min(full, max(share, least), longest), block_bytes)


def _part(source: Source, in_use: Iterable[Source], connections: int) -> float:
    """One connection's part of all that is delivered."""
    own_bytes_per_s = source.connection_bytes_per_s
    if not own_bytes_per_s:
        return 1 / connections
    total_bytes_per_s = sum(
        (o.connection_bytes_per_s or 0.0) * max(o.wanted, o.at_work) for o in in_use
    )
    return own_bytes_per_s / max(own_bytes_per_s, total_bytes_per_s)
