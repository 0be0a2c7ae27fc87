"""The constants of the concurrency limit, each with its reason and source."""

from __future__ import annotations

import msgspec


class LimitPolicy(msgspec.Struct, frozen=True):
    """The constants of the concurrency limit.

    Times are in seconds, rates in bytes per second, shares between 0 and 1.

    Attributes:
        round_trip_smoothing: Weight of a new round-trip sample in the smoothed round trip.
            Source: RFC 6298, section 2.3 (alpha).
        base_lifetime_s: The base round trip is the shortest of this period. Source: BBR's
            MinRTTFilterLen (draft-ietf-ccwg-bbr).
        late_share: A round trip is late if it exceeds the base by this share of the base,
        min_late_s: but by at least this,
        max_late_s: and at most this. Source for all three: RFC 9406 (HyStart++), section 4.2.
        recent_s: Time constant of a connection's rate. Long enough for bursts to even out, short
            enough to follow slow start.
        near_s: A base round trip up to this is that of a local network.
        surely_far_s: No first answer for this long, TCP and TLS handshakes included: the endpoint
            is not in a local network.
        initial_window_bytes: Ten segments. Source: RFC 6928.

        interval_s: Shortest interval of a throughput sample: bursts even out over it,
        interval_round_trips: if it also has this many round trips, which even out sawtooths.
        startup_round_trips: The same during slow start, which doubles every round trip, so that
            its growth shows within two.
        noise_stretch: Intervals get longer by noise times this,
        max_stretch: up to this factor.
        noise_smoothing: Weight of a new sample in the noise.
        samples: Throughput samples that a decision is made of.
        max_samples: Samples that are kept. A cap lets few and large bursts through, so it takes
            longer to see that it is used.
        max_off: A sample tells nothing if the number in flight was off the limit by more than this
            share,
        max_off_startup: or, in slow start, by more than this, because connections only gather.
        max_doublings: Slow start is waited for up to 3.7 MB per round trip; later growth may be
            measured.
        rising: The rate grew by more than this factor: slow start goes on.
        queued_share: A queue stands if more than this share of the round trips was late.

        initial_limit: Until the round trip is known. Far away, each round trip with fewer is lost.
        initial_near: For a local network. More would only cost CPU.
        initial_far: Slow starts fill 1 Gbit/s at 40 ms in four round trips.
        max_initial: Fills 500 Mbit/s at 80 ms in four round trips; with 96 some queues of 50 ms
            overflow.
        short_work_bytes: A second or two on a link that is worth `max_initial` connections.
        short_work_round_trips: Short work is divided among as many connections as deliver it within
            this many round trips of slow start.

        min_limit: Not worth shrinking further: idle round trips would begin to show.
        grow: Factor of growth,
        grow_fast: when each connection still brought at least `proportional` of its share,
        grow_near: and in a local network.
        proportional: Share of linear gain from which on the limit is far from enough.
        fruitful: Share of linear gain below which growth was fruitless.
        full_per_noise_s: After a queue was seen, growth waits noise times this: some senders let
            the queue drain now and then.
        regrow_s: First wait between fruitless growths; doubles with each,
        max_regrow_s: up to this.
        regrow_round_trips: The wait lasts at least this many round trips for each second of it.
        harmful: Growth that leaves this share of the rate or less is taken back at once: ranges got
            too short, or the server is overloaded.
        regret_s: Fruitless growth stays this long. A lossy path shows by then that it was needed.
        fell: Share of the best rate whose loss counts,
        fell_noises: if it is also this many times the noise.
        plain_noises: From this many times the noise on, one sample is enough to see a loss.
        strikes: Growth may fail this often to bring a lost rate back; then the loss is believed.
        shrink: Factor of shrinking. Gentle, since the windows of the others grow back slowly.
        shrink_after_s: Shortest time between two steps down.
        same: Losing up to this share of the rate, or up to the noise, counts as no loss.

        capped_bytes_per_s: Under a bandwidth cap, begin with one connection for each of these,
        min_capped_bytes_per_s: and have no more than one for each of these. Many would each wait
            most of the time.
        cap_used: The cap is in use from this share of it on, since reads come in bursts.
        push_back_s: Push-backs within this time are one. All connections may be pushed back at
            once.
        recovery: After a push-back the limit grows by this factor
        recovery_s: every this many seconds.
    """

    round_trip_smoothing: float = 1 / 8
    base_lifetime_s: float = 10.0
    late_share: float = 1 / 8
    min_late_s: float = 0.004
    max_late_s: float = 0.016
    recent_s: float = 0.5
    near_s: float = 0.005
    surely_far_s: float = 0.02
    initial_window_bytes: int = 14_480

    interval_s: float = 0.2
    interval_round_trips: int = 4
    startup_round_trips: int = 2
    noise_stretch: float = 10.0
    max_stretch: float = 4.0
    noise_smoothing: float = 1 / 8
    samples: int = 3
    max_samples: int = 9
    max_off: float = 0.15
    max_off_startup: float = 0.5
    max_doublings: int = 8
    rising: float = 1.25
    queued_share: float = 0.5

    initial_limit: int = 16
    initial_near: int = 6
    initial_far: int = 24
    max_initial: int = 80
    short_work_bytes: int = 64 << 20
    short_work_round_trips: int = 4

    min_limit: int = 4
    grow: float = 1.5
    grow_fast: float = 2.0
    grow_near: float = 4 / 3
    proportional: float = 0.5
    fruitful: float = 0.1
    full_per_noise_s: float = 40.0
    regrow_s: float = 1.0
    max_regrow_s: float = 32.0
    regrow_round_trips: float = 12.0
    harmful: float = 0.7
    regret_s: float = 2.0
    fell: float = 0.06
    fell_noises: float = 2.0
    plain_noises: float = 5.0
    strikes: int = 3
    shrink: float = 0.9
    shrink_after_s: float = 3.0
    same: float = 0.03

    capped_bytes_per_s: int = 256 << 10
    min_capped_bytes_per_s: int = 16 << 10
    cap_used: float = 0.9
    push_back_s: float = 1.0
    recovery: float = 1.25
    recovery_s: float = 5.0
