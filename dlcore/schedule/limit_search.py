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
    """What the latest change of the limit was for."""

    STEADY = auto()
    GROWN = auto()
    SHRUNK = auto()


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
        self._before = Level(limit, 0.0, False)  # the latest change
        self._way_back: int | None = None  # where fruitless growth began, until it is taken back
        self._best_bytes_per_s, self._strikes = 0.0, 0
        self._regrow_s, self._grow_at_s = policy.regrow_s, 0.0
        self._shrink_after_s, self._shrink_at_s = policy.shrink_after_s, 0.0
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
        self._regrow_s, self._grow_at_s = self._policy.regrow_s, 0.0

    def back_off(self, limit: int, now_s: float) -> None:
        """The endpoint pushed back: only this many are left."""
        self._best_bytes_per_s, self._strikes, self._way_back = 0.0, 0, None
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
        if self._is_drained(level) and not is_capped:
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
            self._keep(level, now_s)

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
        self._rest(now_s, policy.shrink_after_s)
        self._grow_at_s = now_s + policy.regrow_s
        if not (level.is_full or self._meter.is_near):
            self._grow(level, now_s, max(policy.probe_up, policy.lossy_limit / self.limit))

    def _keep(self, level: Level, now_s: float) -> None:
        """It is time to try whether more or fewer do better."""
        policy = self._policy
        fell = self._fell(level)
        if level.is_full:
            wait_s = policy.full_per_noise_s * self._samples.noise
            self._grow_at_s = max(self._grow_at_s, now_s + wait_s)
        if self._samples.is_fresh:  # else more may be a burst, and less not the link's
            if level.is_full:
                self._best_bytes_per_s, self._strikes = level.bytes_per_s, 0
            self._best_bytes_per_s = max(self._best_bytes_per_s, level.bytes_per_s)
        if not level.is_full and (fell or now_s >= self._grow_at_s):
            factor = self._recovering(level) if fell else policy.probe_up
            self._grow(level, now_s, policy.grow_near if self._meter.is_near else factor)
        elif self._is_ending or now_s < self._shrink_at_s:
            return  # near the end, fewer could not pay any more
        elif self._way_back or level.is_full:
            self._shrink(level, now_s)

    # More

    def _recovering(self, level: Level) -> float:
        """By how much to grow so that a lost rate comes back."""
        policy, lost = self._policy, self._best_bytes_per_s / level.bytes_per_s
        return max(policy.probe_up, min(policy.max_grow, lost), policy.lossy_limit / self.limit)

    def _grow(self, level: Level, now_s: float, factor: float) -> None:
        limit = min(self._max_limit, ceil(self.limit * factor))
        if self.limit < self._policy.initial_limit:  # shrinking had gone too far
            limit = min(limit, self._policy.initial_limit)
        if limit > self.limit:
            self._before = level
            self._change(limit, State.GROWN, now_s)

    def _weigh_growth(self, level: Level, now_s: float) -> None:
        policy = self._policy
        grew = level.limit / self._before.limit - 1
        more = level.bytes_per_s / self._before.bytes_per_s - 1
        gain = more / grew if more > policy.fell_noises * self._samples.noise else 0.0
        if self._samples.count < 2 and (gain < policy.proportional or self._meter.is_near):
            return
        if gain < (policy.proportional if self._meter.is_near else policy.fruitful):
            self._regret(level, now_s)
            return
        self._rest(now_s, self._shrink_after_s)
        self._regrow_s, self._strikes, self._way_back = policy.regrow_s, 0, None
        self._best_bytes_per_s = max(self._best_bytes_per_s, level.bytes_per_s)
        if not level.is_full:
            is_fast = gain >= policy.proportional and not self._meter.is_near
            self._grow(level, now_s, policy.grow if is_fast else policy.probe_up)

    def _regret(self, level: Level, now_s: float) -> None:
        """Growth was fruitless: take it back, unless the rate is still less than it was."""
        policy = self._policy
        round_trips = max(1.0, policy.regrow_round_trips * self._meter.base_round_trip_s)
        self._grow_at_s = now_s + self._regrow_s * round_trips
        self._regrow_s = min(policy.max_regrow_s, 2 * self._regrow_s)
        if self._meter.is_near or level.bytes_per_s < policy.harmful * self._before.bytes_per_s:
            self._best_bytes_per_s = 0.0
            self._change(self._before.limit, State.STEADY, now_s)
            return
        self._way_back = self._way_back or self._before.limit
        self._rest(now_s, policy.regret_s)
        if not self._fell(level):
            return
        self._strikes += 1
        if self._strikes < policy.strikes:
            self._grow(level, now_s, self._recovering(level))
        else:
            self._best_bytes_per_s, self._strikes = level.bytes_per_s, 0

    # Fewer

    def _shrink(self, level: Level, now_s: float) -> None:
        limit = max(self._way_back or self._min_limit, int(self.limit * self._policy.shrink))
        if limit < self.limit:
            self._before = level
            self._change(limit, State.SHRUNK, now_s)
        else:
            self._way_back = None

    @property
    def _min_limit(self) -> int:
        """Where shrinking ends, unless it takes growth back."""
        policy, meter = self._policy, self._meter
        if (meter.round_trip_s or 0.0) > policy.deep_queue * meter.base_round_trip_s:
            return policy.min_limit
        can_be_told = policy.fell_noises * self._samples.noise < 1 - policy.shrink
        return policy.initial_limit if can_be_told else policy.min_noisy_limit

    def _weigh_shrinking(self, level: Level, now_s: float) -> None:
        policy, noise = self._policy, self._samples.noise
        lost = 1 - level.bytes_per_s / self._before.bytes_per_s
        if self._samples.count < 2 and lost < max(policy.fell, policy.plain_noises * noise):
            return
        if lost > max(policy.same, noise) or (self._before.is_full and not level.is_full):
            self._way_back = None
            self._shrink_after_s = min(policy.max_regrow_s, 2 * self._shrink_after_s)
            self._change(self._before.limit, State.STEADY, now_s)
            self._rest(now_s, self._shrink_after_s)
        else:
            self._shrink_after_s = policy.shrink_after_s
            self._rest(now_s, 0.0 if self._way_back else policy.shrink_after_s)

    # Either

    def _fell(self, level: Level) -> bool:
        """Whether connections seem to have lost their windows; near, they grow again at once."""
        return self._is_less(level.bytes_per_s) and not (level.is_full or self._meter.is_near)

    def _is_drained(self, level: Level) -> bool:
        """Whether the queue of earlier must be gone: no round trip is new, and the rate is less."""
        samples, count = self._samples, self._policy.drained_samples
        if samples.is_fresh:
            return False
        if samples.is_startup:
            return self._is_less(level.bytes_per_s)
        return samples.count >= count and self._is_less(samples.highest_bytes_per_s(count))

    def _is_less(self, bytes_per_s: float) -> bool:
        """Whether a rate is less than the best, and by more than noise."""
        policy = self._policy
        kept = 1 - max(policy.fell, policy.fell_noises * self._samples.noise)
        return bytes_per_s < kept * self._best_bytes_per_s

    def _change(self, limit: int, state: State, now_s: float) -> None:
        self.limit, self._state = limit, state
        self._samples.settle(now_s)

    def _rest(self, now_s: float, no_shrinking_s: float) -> None:
        self._state, self._shrink_at_s = State.STEADY, now_s + no_shrinking_s
