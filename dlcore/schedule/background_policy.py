"""The constants of background mode, each with its reason and source."""

from __future__ import annotations

import msgspec


class BackgroundPolicy(msgspec.Struct, frozen=True):
    """The constants of background mode.

    Attributes:
        target_share: The queue that may stand, as a share of the base round trip, within
            `min_target_s` and `max_target_s`. LEDBAT++ takes 60 ms whatever the path. That is more
            than a round trip of most paths, and more than the whole queue of many: a small request
            of somebody else would take twice as long. Bursts come on top: with an eighth, small
            requests took a third longer on a slow line, not an eighth.
        min_target_s: Less cannot be told from a busy machine. Source of both bounds: those beyond
            which HyStart++ sees a queue, RFC 9406, section 4.2.
        max_target_s: More is felt by people.
        segment_bytes: Payload of a full packet: Ethernet's 1500 bytes less IP, TCP, timestamps.
        min_window_segments: The smallest window. LEDBAT++ takes two; so does every TCP.
        max_window_bytes: 10 Gbit/s at 50 ms. What a kernel offers at most is less.
        first_window_segments: The window to begin with. Source: RFC 6928.
        growth: Share of the missing queue by which the window grows each round trip. A quarter
            is stable although what follows is seen a round trip later.
        decrease: With a queue twice as long as the target the window loses this share in a round
            trip; the longer the queue, the more. LEDBAT++, section 4.2, would lose all of it, which
            `max_decrease` bounds: then every burst of our own costs half the rate. In proportion to
            the round trip, as it grows, it took a second and a half to yield.
        max_decrease: The window loses at most this share in a round trip. Source: LEDBAT++,
            section 4.2.
        startup_growth: Factor of the window's growth in a round trip of slow start. LEDBAT++
            doubles it. The kernel smooths round trips, so a queue shows late, and the window would
            be several times too wide by then.
        startup_end: Slow start ends when the queue exceeds this share of the target. Source:
            LEDBAT++, section 4.1.
        used_share: The window grows only while at least this share of it arrives in a round trip:
            what bounds the rate is not the window otherwise. Source: RFC 9743 and RFC 7661.
        base_intervals: The base round trip is the shortest of this many intervals. Source:
            RFC 6817, section 4.2 (BASE_HISTORY).
        base_interval_s: Length of one. Source: the same.
        latest_samples: The round trip now is the shortest of this many samples, so that a server
            or a machine that was busy for a moment is not taken for a queue. Source: RFC 6817
            (CURRENT_FILTER).
        stale_s: A sample older than this says nothing about now.
        max_round_trips: An update counts at most this many round trips since the one before.
        slowdown_round_trips: A slowdown lasts this long. Source: LEDBAT++, section 4.4.
        recovered_share: After a slowdown the window begins with this share of what it was: the path
            carried it a moment ago. LEDBAT++ begins with two segments.
        slowdown_factor: The time between two slowdowns, in lengths of one with its recovery.
            Source: the same.
        min_slowdown_gap_s: The time between two of them is at least this. The queue that stands is
            short here, so that the base round trip needs to be looked at less often.
        rate_headroom: Readers may read this much faster than the window would bring. The window is
            what bounds the rate where the system lets a program set it; elsewhere this does.
        assumed_round_trip_s: Before the first sample, readers keep to what the window would bring
            in this round trip; 0.0: they are not bounded, for the window is.
        min_rate_bytes_per_s: Never read slower: below that a request takes longer than servers keep
            it open, and the stall timer would give it up.
        bytes_per_connection: There is a connection for each this many bytes of window. One fills
            a clean path. A path that loses packets lets the window grow unused, and needs more.
        max_connections: The most of them.
        startup_connections: The most of them in slow start, whose last windows may be too wide: a
            request that was begun for nothing holds its part of the window for long.
        unused_updates: Slow start ends when the window was not used this many times in a row: what
            bounds the rate then is each connection, and more of them may help.
        request_s: How long a request lasts while much is left; 0.0: as in the foreground. Each one
            begins with a burst of its connection's part of the window, which waits in the queue at
            once. With a request a second, small requests of somebody else waited twice the target.
        tick_s: Shortest time between two updates.
    """

    target_share: float = 1 / 12
    min_target_s: float = 0.004
    max_target_s: float = 0.016
    segment_bytes: int = 1448
    min_window_segments: int = 2
    max_window_bytes: int = 64 << 20
    first_window_segments: int = 10
    growth: float = 0.25
    decrease: float = 1 / 6
    max_decrease: float = 0.5
    startup_growth: float = 1.5
    startup_end: float = 0.75
    used_share: float = 0.5
    base_intervals: int = 10
    base_interval_s: float = 60.0
    latest_samples: int = 4
    stale_s: float = 2.0
    max_round_trips: float = 4.0
    slowdown_round_trips: float = 2.0
    recovered_share: float = 0.5
    slowdown_factor: float = 9.0
    min_slowdown_gap_s: float = 30.0
    rate_headroom: float = 1.25
    assumed_round_trip_s: float = 0.0
    min_rate_bytes_per_s: int = 8192
    bytes_per_connection: int = 32 << 10
    max_connections: int = 32
    startup_connections: int = 2
    unused_updates: int = 8
    request_s: float = 8.0
    tick_s: float = 0.02

    @property
    def min_window_bytes(self) -> float:
        """The smallest window."""
        return float(self.min_window_segments * self.segment_bytes)

    @classmethod
    def by_first_bytes(cls) -> BackgroundPolicy:
        """Where a round trip is the time from a request to its first byte.

        That includes the time of the server and of this machine, which differs by more than a short
        queue. So the target is longer, though half of LEDBAT++'s at most, and readers keep to the
        window's rate exactly, because nothing else bounds it. Requests are short: each gives one
        round trip. And
        the window goes down more slowly: with a sixth, 0.16 of an office's empty link was used.
        """
        return cls(
            target_share=0.25,
            decrease=1 / 16,
            min_target_s=0.01,
            max_target_s=0.03,
            rate_headroom=1.0,
            assumed_round_trip_s=0.1,
            request_s=0.0,
        )
