"""How patient the schedule is, and what it may spend."""

from __future__ import annotations

import msgspec


class Policy(msgspec.Struct, frozen=True):
    """How patient the schedule is, and what it may spend.

    Attributes:
        range_bytes: No range of several blocks is longer.
        memory_bytes: What all ranges together may hold in memory.
        backoff_base_s: Mean of the first wait after a failure; doubles with each further one.
        backoff_cap_s: No wait without ``Retry-After`` is longer.
        weather_patience: Failures in a row (connection, truncation, stall, 5xx) before an
            endpoint is dropped.
        busy_patience: The same for 429 and 503, which at least prove that somebody is there.
        lie_patience: Answers to something else than was asked before an endpoint is dropped.
        corrupt_patience: Bad blocks, in all, before an endpoint is quarantined.
        patience_s: A step waits no longer than that for cheap endpoints alone.
        stall_s: A range without a byte for so long, and some round trips, may be raced.
        waste: Share of the wanted bytes that races may waste.
    """

    range_bytes: int = 16 << 20
    memory_bytes: int = 48 << 20
    backoff_base_s: float = 0.5
    backoff_cap_s: float = 30.0
    weather_patience: int = 6
    busy_patience: int = 12
    lie_patience: int = 2
    corrupt_patience: int = 3
    patience_s: float = 10.0
    stall_s: float = 1.0
    waste: float = 0.02
