"""The constants of the concurrency limit, each with its reason and source."""

from __future__ import annotations

import msgspec


class LimitPolicy(msgspec.Struct, frozen=True):
    """The constants of the concurrency limit.

    Times are in seconds, rates in bytes per second, shares between 0 and 1.

    Attributes:
        round_trip_smoothing: Weight of a new round-trip sample in the smoothed round trip.
            Source: RFC 6298, section 2.3 (alpha).
        base_lifetime_s: The base round trip is the shortest of this period. BBR (MinRTTFilterLen,
            draft-ietf-ccwg-bbr) takes 10 s, but lets the queue drain to measure it. Nothing does
            that here, and a queue may stand for a minute.
        late_share: A round trip is late if it exceeds the base by this share of the base, within
            `min_late_s` and `max_late_s`. Source: RFC 9406 (HyStart++), section 4.2.
        min_late_s: A smaller excess is not late. Source: the same.
        max_late_s: A larger excess is late. Source: the same.
        opening_round_trips: From the start of a TCP connection to the first byte of its first
            answer. TLS adds one or two, which are not known here.
        base_samples: From this many round trips on open connections on, the base is theirs.
        recent_s: Time constant of a connection's rate. Long enough for bursts to even out, short
            enough to follow slow start.
        near_s: A base round trip up to this is that of a local network.
        initial_window_bytes: Ten segments. Source: RFC 6928.

        interval_s: Shortest interval of a throughput sample. Bursts even out over it.
        interval_round_trips: Shortest interval in base round trips. The sawtooth of a connection's
            window evens out over it.
        queued_round_trips: Shortest interval in round trips as they are now, queue included. Behind
            a lost packet nothing is delivered for one of them, and the rest then comes at once.
        startup_interval_s: Shortest interval while slow starts go on; at least a base round trip,
            within which slow start doubles the rate.
        noise_stretch: Intervals get longer by noise times this.
        max_stretch: The largest factor by which noise makes intervals longer.
        noise_smoothing: Weight of a new sample in the noise.
        samples: Throughput samples that a decision is made of, the end of slow start included.
            Source: BBR's startup ends after three rounds without growth.
        max_samples: Samples that are kept. A cap lets few and large bursts through, so it takes
            longer to see that it is used.
        drained_samples: Without a new round trip, a queue counts as gone once this many samples in
            a row were below the best rate. They span the time that a lost packet may hold up.
        max_off: A sample counts only if the number in flight differed from the limit by no more
            than this share.
        max_off_startup: The same in slow start. More may differ, since connections are still being
            opened.
        max_doublings: Slow start is waited for up to 3.7 MB per round trip; later growth may be
            measured.
        rising: The rate grew by more than this factor: slow start goes on. Source: BBR's startup.
        queued_share: A queue stands if more than this share of the round trips was late.

        initial_limit: Fills 1 Gbit/s at 40 ms within six round trips of slow start, hides the idle
            round trips between requests, and does no harm on 6 Mbit/s.
        initial_near: For a local network, where more would only cost CPU.
        first_answers_share: The first answers are waited for up to this share of a round trip.
        wide_doublings: A wide start is with as many connections as fill the path once their first
            windows have doubled this often.
        max_initial: The widest start. Fills 500 Mbit/s at 80 ms in four round trips; with 96 some
            queues of 50 ms overflow.
        brief_round_trips: Work of up to this many round trips may begin so wide.
        short_round_trips: Work of up to this many round trips may begin with `lossy_limit`. A wide
            start saves two or three round trips, which do not count in longer work.
        long_s: From this round trip on, work of any length may begin with `lossy_limit`. More
            overflow queues of 200 ms, which then drop the packets that open connections.

        min_limit: Not worth shrinking further: idle round trips would begin to show.
        deep_queue: Shrink below `initial_limit` only while round trips exceed the base by this
            factor: then the queue bridges what a missing connection leaves idle.
        min_noisy_limit: The same where noise hides what a step down costs.
        lossy_limit: Slow start has ended without a queue, so packets are lost: go on with at least
            this many.
        probe_up: Usual factor of growth.
        max_grow: Largest factor of growth, after a fall of the rate by as much.
        grow: Factor of growth after growth that brought at least `proportional`.
        grow_near: Factor of growth in a local network.
        proportional: Share of linear gain from which on the limit is far from enough.
        fruitful: Share of linear gain below which growth was fruitless.
        full_per_noise_s: After a queue was seen, growth waits noise times this: some senders let
            the queue drain now and then.
        regrow_s: First wait between fruitless growths; each of them doubles it.
        max_regrow_s: The longest wait between fruitless growths.
        regrow_round_trips: The wait lasts at least this many round trips for each second of it.
        harmful: Growth that leaves this share of the rate or less is taken back at once: ranges got
            too short, or the server is overloaded.
        fruitless_s: Fruitless growth stays for this time. A lossy path shows by then that it was
            needed.
        fell: A rate has fallen if it lost this share of the best, and `fell_noises`.
        fell_noises: A change counts only if it is this many times the noise.
        plain_noises: From this many times the noise on, one sample is enough to see a loss.
        strikes: Growth may fail this often to bring a lost rate back; then the loss is believed.
        shrink: Factor of a probe down. Gentle, since the windows of the others grow back slowly.
        shrink_after_s: Shortest time between two probes down. None is begun in the last seconds of
            this length.
        same: Losing up to this share of the rate, or up to the noise, counts as no loss.

        capped_bytes_per_s: Under a bandwidth cap, begin with one connection for this much of it.
        min_capped_bytes_per_s: Under a bandwidth cap, never have more than one connection for this
            much of it. More would each wait most of the time.
        cap_used: The cap is in use from this share of it on, since reads come in bursts.
        push_back_s: Push-backs within this time are one. All connections may be pushed back at
            once.
        recovery: Factor by which the limit grows after a push-back, once in `recovery_s`.
        recovery_s: Time between two such steps.
    """

    round_trip_smoothing: float = 1 / 8
    base_lifetime_s: float = 60.0
    late_share: float = 1 / 8
    min_late_s: float = 0.004
    max_late_s: float = 0.016
    opening_round_trips: int = 2
    base_samples: int = 16
    recent_s: float = 0.5
    near_s: float = 0.005
    initial_window_bytes: int = 14_480

    interval_s: float = 0.2
    interval_round_trips: int = 4
    queued_round_trips: int = 2
    startup_interval_s: float = 0.1
    noise_stretch: float = 10.0
    max_stretch: float = 4.0
    noise_smoothing: float = 1 / 8
    samples: int = 3
    max_samples: int = 9
    drained_samples: int = 5
    max_off: float = 0.15
    max_off_startup: float = 0.5
    max_doublings: int = 8
    rising: float = 1.25
    queued_share: float = 0.5

    initial_limit: int = 8
    initial_near: int = 6
    first_answers_share: float = 0.5
    wide_doublings: int = 1
    max_initial: int = 80
    brief_round_trips: int = 10
    short_round_trips: int = 128
    long_s: float = 0.06

    min_limit: int = 4
    deep_queue: float = 2.0
    min_noisy_limit: int = 24
    lossy_limit: int = 24
    probe_up: float = 1.5
    grow: float = 2.0
    max_grow: float = 4.0
    grow_near: float = 4 / 3
    proportional: float = 0.5
    fruitful: float = 0.1
    full_per_noise_s: float = 40.0
    regrow_s: float = 1.0
    max_regrow_s: float = 32.0
    regrow_round_trips: float = 12.0
    harmful: float = 0.7
    fruitless_s: float = 2.0
    fell: float = 0.06
    fell_noises: float = 2.0
    plain_noises: float = 5.0
    strikes: int = 2
    shrink: float = 0.9
    shrink_after_s: float = 3.0
    same: float = 0.03

    capped_bytes_per_s: int = 256 << 10
    min_capped_bytes_per_s: int = 16 << 10
    cap_used: float = 0.9
    push_back_s: float = 1.0
    recovery: float = 1.25
    recovery_s: float = 5.0
