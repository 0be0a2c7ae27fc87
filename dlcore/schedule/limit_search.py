"""Searches for the concurrency limit: more while that pays, fewer while that costs nothing.

1. *Slow start* (`_start_up`): wait while the rate rises. If it ends with a queue, the link is full.
   If it ends without one, packets are lost: go on with several times as many.
2. *Full* means that round trips exceed the base round trip, so a queue stands and more connections
   would only lengthen it; or that the rate is at the cap. Then probe down now and then, unless the
   end is near, and keep what costs nothing.
3. Not full, and the rate is less than the best: connections lost their windows, as they do in the
   first seconds on a lossy path. Grow by as much as the rate fell.
4. Not full, and the rate holds: probe up. Keep what brings at least a tenth of what it would if
   each connection counted; take the rest back, and wait longer before the next probe.

A rate that falls while the link is full means a slower link, and is accepted. This tells senders
that heed loss (CUBIC) from those that do not (BBR). The first leave the queue empty until there are
enough of them. The others fill it, overflow it, and let it drain now and then; their bytes arrive
in bursts, each behind a lost packet. More of them would only have shorter requests and more idle
round trips. So less than twice the noise counts as no change, and the more noise there is, the
longer a queue must be gone before that is a reason to grow.

Small objects are over before slow start shows, and each leaves the link idle for a round trip. So
while there is nothing else at the beginning, the limit doubles with every interval until a queue
stands, as slow start doubles the window of each connection.
"""

from __future__ import annotations

from enum import Enum, auto
from math import ceil
from typing import NamedTuple

from dlcore.schedule.limit_policy import LimitPolicy
from dlcore.schedule.throughput import ThroughputMeter, ThroughputSamples


class State(Enum):
    """What is to be weighed once there are samples of the present limit."""

    STEADY = auto()  # nothing: the next thing is a probe
    GROWN = auto()  # whether growth brought anything
    SHRUNK = auto()  # whether a probe down cost anything


class Level(NamedTuple):
    """What this many connections delivered together."""

    limit: int
    bytes_per_s: float
    is_full: bool


class LimitSearch:
    """Weighs throughput samples, and changes the limit.

    Args:
        meter: Counts what the endpoint delivers.
        samples: Its throughput samples.
        policy: The constants.
        limit: To begin with.

    Attributes:
        limit: How many connections there should be; more than is allowed if that was lowered.
    """

    def __init__(
        self, meter: ThroughputMeter, samples: ThroughputSamples, policy: LimitPolicy, limit: int
    ) -> None:
        self.limit = limit
        self._meter, self._samples, self._policy = meter, samples, policy
        self._state = State.STEADY
        # What was delivered before the growth, or the probe down, that is weighed now.
        self._level_before = Level(limit, 0.0, False)
        # Fruitless growth is kept for some time; then probes down lead back to this limit, where
        # it began. None: there is none to take back.
        self._take_back_to: int | None = None
        self._best_bytes_per_s = 0.0
        self._failed_recoveries = 0  # growths in a row that did not bring the best rate back
        # No probe up, and no probe down, is due before these times. The waits until the next ones
        # double each time that a probe brought nothing.
        self._grow_from_s, self._growth_wait_s = 0.0, policy.regrow_s
        self._shrink_from_s, self._shrink_wait_s = 0.0, policy.shrink_after_s
        # As of the latest `decide`: the most that is allowed, and whether the end is near.
        self._max_limit, self._is_ending = limit, False

    def begin(self, limit: int) -> None:
        """Nothing was measured yet: begin with this limit."""
        self.limit = limit

    def lower_to(self, limit: int) -> None:
        """The endpoint turned out to be near: begin with no more than this."""
        self.limit = min(self.limit, limit)

    def begin_again(self, limit: int) -> None:
        """The cap was changed: what was found before does not hold."""
        self.limit, self._state = limit, State.STEADY
        self._samples.forget()
        self._best_bytes_per_s = 0.0
        self._growth_wait_s, self._grow_from_s = self._policy.regrow_s, 0.0

    def back_off(self, limit: int, now_s: float) -> None:
        """The endpoint pushed back: only this many are left."""
        self._best_bytes_per_s, self._failed_recoveries, self._take_back_to = 0.0, 0, None
        self._change(limit, State.STEADY, now_s)

    def decide(
        self, now_s: float, *, max_limit: int, is_capped: bool, is_light: bool, left_bytes: int
    ) -> None:
        """Change the limit if the samples since its latest change say so.

        Args:
            now_s: The time in seconds.
            max_limit: The most connections that are allowed.
            is_capped: Whether the rate is what the bandwidth cap allows.
            is_light: Whether there are only small objects.
            left_bytes: What is still to be fetched.
        """
        samples = self._samples
        level = Level(self.limit, samples.bytes_per_s, samples.is_queued or is_capped)
        if self._has_drained(level) and not is_capped:
            level = level._replace(is_full=False)
        self._max_limit = max_limit
        self._is_ending = left_bytes < level.bytes_per_s * self._policy.shrink_after_s
        if samples.is_startup:
            self._start_up(level, now_s, is_light)
        elif self._state is State.GROWN:
            self._weigh_growth(level, now_s)
        elif self._state is State.SHRUNK:
            self._weigh_shrinking(level, now_s)
        elif samples.count >= self._policy.samples:
            self._probe(level, now_s)

    def _start_up(self, level: Level, now_s: float, is_light: bool) -> None:
        """All connections are in slow start: the rate rises by itself."""
        samples, policy = self._samples, self._policy
        can_grow = not (samples.is_queued or self._meter.is_near) and self.limit < self._max_limit
        if is_light and can_grow:  # what slow start does for long requests, and as fast
            self.limit = min(self._max_limit, ceil(self.limit * policy.grow))
            samples.forget()
            return
        self._best_bytes_per_s = max(self._best_bytes_per_s, samples.latest_bytes_per_s)
        if samples.is_rising:
            samples.forget(all_but=1)
        level = level._replace(bytes_per_s=samples.latest_bytes_per_s)
        if samples.count < policy.samples:
            return
        samples.end_startup()
        self._end_weighing(now_s, policy.shrink_after_s)
        self._grow_from_s = now_s + policy.regrow_s
        if not (level.is_full or self._meter.is_near):
            self._grow(level, now_s, max(policy.probe_up, policy.lossy_limit / self.limit))

    def _probe(self, level: Level, now_s: float) -> None:
        """Try whether more or fewer connections do better, if it is time for that."""
        policy = self._policy
        has_lost_windows = self._has_lost_windows(level)
        if level.is_full:
            wait_s = policy.full_per_noise_s * self._samples.noise
            self._grow_from_s = max(self._grow_from_s, now_s + wait_s)
        if self._samples.is_fresh:  # else more may be a burst, and less not the link's
            if level.is_full:
                self._best_bytes_per_s, self._failed_recoveries = level.bytes_per_s, 0
            self._best_bytes_per_s = max(self._best_bytes_per_s, level.bytes_per_s)
        if not level.is_full and (has_lost_windows or now_s >= self._grow_from_s):
            factor = self._recovery_factor(level) if has_lost_windows else policy.probe_up
            self._grow(level, now_s, policy.grow_near if self._meter.is_near else factor)
        elif self._is_ending or now_s < self._shrink_from_s:
            return  # near the end, fewer could not pay any more
        elif self._take_back_to or level.is_full:
            self._shrink(level, now_s)

    # More

    def _recovery_factor(self, level: Level) -> float:
        """By how much to grow so that a lost rate comes back."""
        policy, lost = self._policy, self._best_bytes_per_s / level.bytes_per_s
        return max(policy.probe_up, min(policy.max_grow, lost), policy.lossy_limit / self.limit)

    def _grow(self, level: Level, now_s: float, factor: float) -> None:
        limit = min(self._max_limit, ceil(self.limit * factor))
        if self.limit < self._policy.initial_limit:  # shrinking had gone too far
            limit = min(limit, self._policy.initial_limit)
        if limit > self.limit:
            self._level_before = level
            self._change(limit, State.GROWN, now_s)

    def _weigh_growth(self, level: Level, now_s: float) -> None:
        """Go on growing, or stop, by the share of linear gain that the growth has brought."""
        policy = self._policy
        more_connections = level.limit / self._level_before.limit - 1
        more_bytes = level.bytes_per_s / self._level_before.bytes_per_s - 1
        is_significant = more_bytes > policy.significant_noises * self._samples.noise
        gain = more_bytes / more_connections if is_significant else 0.0
        if self._samples.count < 2 and (gain < policy.proportional or self._meter.is_near):
            return
        if gain < (policy.proportional if self._meter.is_near else policy.fruitful):
            self._weigh_fruitless_growth(level, now_s)
            return
        self._end_weighing(now_s, self._shrink_wait_s)
        self._growth_wait_s, self._failed_recoveries, self._take_back_to = policy.regrow_s, 0, None
        self._best_bytes_per_s = max(self._best_bytes_per_s, level.bytes_per_s)
        if not level.is_full:
            is_fast = gain >= policy.proportional and not self._meter.is_near
            self._grow(level, now_s, policy.grow if is_fast else policy.probe_up)

    def _weigh_fruitless_growth(self, level: Level, now_s: float) -> None:
        """Growth was fruitless: take it back, now if it did harm and else later.

        If connections lost their windows meanwhile, growth alone brings the best rate back: it goes
        on, until it has failed too often.
        """
        policy = self._policy
        round_trips = max(1.0, policy.regrow_round_trips * self._meter.base_round_trip_s)
        self._grow_from_s = now_s + self._growth_wait_s * round_trips
        self._growth_wait_s = min(policy.max_regrow_s, 2 * self._growth_wait_s)
        is_harmful = level.bytes_per_s < policy.harmful_below_share * self._level_before.bytes_per_s
        if self._meter.is_near or is_harmful:
            self._best_bytes_per_s = 0.0
            self._change(self._level_before.limit, State.STEADY, now_s)
            return
        self._take_back_to = self._take_back_to or self._level_before.limit
        self._end_weighing(now_s, policy.keep_fruitless_s)
        if not self._has_lost_windows(level):
            return
        self._failed_recoveries += 1
        if self._failed_recoveries < policy.max_failed_recoveries:
            self._grow(level, now_s, self._recovery_factor(level))
        else:
            self._best_bytes_per_s, self._failed_recoveries = level.bytes_per_s, 0

    # Fewer

    def _shrink(self, level: Level, now_s: float) -> None:
        """Probe down: back from fruitless growth, or to find fewer that deliver as much."""
        limit = max(self._take_back_to or self._min_limit, int(self.limit * self._policy.shrink))
        if limit < self.limit:
            self._level_before = level
            self._change(limit, State.SHRUNK, now_s)
        else:
            self._take_back_to = None

    @property
    def _min_limit(self) -> int:
        """Where shrinking ends, unless it takes growth back."""
        policy, meter = self._policy, self._meter
        if (meter.round_trip_s or 0.0) > policy.deep_queue * meter.base_round_trip_s:
            return policy.min_limit
        can_be_told = policy.significant_noises * self._samples.noise < 1 - policy.shrink
        return policy.initial_limit if can_be_told else policy.min_noisy_limit

    def _weigh_shrinking(self, level: Level, now_s: float) -> None:
        """Keep the lower limit if it cost nothing; else go back to the one before."""
        policy, noise = self._policy, self._samples.noise
        lost = 1 - level.bytes_per_s / self._level_before.bytes_per_s
        is_obvious = lost >= max(policy.fall_share, policy.one_sample_noises * noise)
        if self._samples.count < 2 and not is_obvious:
            return
        has_emptied_queue = self._level_before.is_full and not level.is_full
        if has_emptied_queue or lost > max(policy.negligible_loss_share, noise):
            self._take_back_to = None
            self._shrink_wait_s = min(policy.max_regrow_s, 2 * self._shrink_wait_s)
            self._change(self._level_before.limit, State.STEADY, now_s)
            self._end_weighing(now_s, self._shrink_wait_s)
        else:
            self._shrink_wait_s = policy.shrink_after_s
            self._end_weighing(now_s, 0.0 if self._take_back_to else policy.shrink_after_s)

    # Either

    def _has_lost_windows(self, level: Level) -> bool:
        """Whether connections seem to have lost their windows.

        In a local network windows grow again at once, so that needs no more connections.
        """
        return self._has_fallen(level.bytes_per_s) and not (level.is_full or self._meter.is_near)

    def _has_drained(self, level: Level) -> bool:
        """Whether the queue that stood earlier must be gone, although no new round trip tells it.

        The rate has fallen. A queue would have kept it up.
        """
        samples, count = self._samples, self._policy.drained_samples
        if samples.is_fresh:
            return False
        if samples.is_startup:
            return self._has_fallen(level.bytes_per_s)
        return samples.count >= count and self._has_fallen(samples.highest_bytes_per_s(count))

    def _has_fallen(self, bytes_per_s: float) -> bool:
        """Whether a rate is less than the best, and by more than noise."""
        policy = self._policy
        kept_share = 1 - max(policy.fall_share, policy.significant_noises * self._samples.noise)
        return bytes_per_s < kept_share * self._best_bytes_per_s

    def _change(self, limit: int, state: State, now_s: float) -> None:
        """Set the limit; earlier samples tell nothing about it."""
        self.limit, self._state = limit, state
        self._samples.wait_for_new_connections(now_s)

    def _end_weighing(self, now_s: float, no_shrinking_s: float) -> None:
        """The latest change is weighed: from now on probe, but not down for this many seconds."""
        self._state, self._shrink_from_s = State.STEADY, now_s + no_shrinking_s
