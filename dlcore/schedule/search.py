"""Looks for the number of connections: more while that pays, fewer while it costs nothing.

Two signs tell that there are enough. *Full*: round trips are longer than the path's own, a queue
stands, so the link is full and more connections would only lengthen the queue (or the rate is at
the cap). *Fruitless*: more connections brought less than a tenth of what they would if each
counted. A rate that falls while the link is not full means that connections lost their windows,
as they do in the first seconds on a lossy path: it is answered by growth. A rate that falls while
the link is full means a slower link, and is accepted.

So senders that heed loss (CUBIC) are told from those that do not (BBR): the first leave the queue
empty until there are enough of them. The others fill it, overflow it, and let it drain now and
then; their bytes come in bursts, each behind a lost packet. More of them would only have shorter
ranges and more idle round trips. Hence less than twice the noise is no change, and the more noise,
the longer a queue must be gone before that is a reason to grow.

Small objects are over before slow start shows, and leave the link idle for a round trip each. So
at the beginning, while there is nothing but these, the number doubles with every window until a
queue stands, as slow start would double what each connection has on its way.
"""

from __future__ import annotations

from enum import Enum, auto
from math import ceil
from typing import NamedTuple

from dlcore.schedule.allowance import Allowance
from dlcore.schedule.looks import LOOKS, Looks
from dlcore.schedule.opening import FAR_S, START_FAR
from dlcore.schedule.pulse import Pulse

FEW = 4  # not worth shrinking further: idle round trips would begin to show
GROW, GROW_FAST, GROW_NEAR = 1.5, 2.0, 4 / 3
PROPORTIONAL = 0.5  # of linear gain: the number is far from enough
FRUITFUL = 0.1  # of linear gain: slow starts have filled the link for now, and soon will not
FULL_S = 40.0  # times noise: so soon may a queue be back that some senders let drain at times
PATIENCE_S, MAX_PATIENCE_S = 1.0, 32.0  # between fruitless growths; doubles with each
PATIENCE_PER_S = 12  # times that for a round trip of 1 s: growth takes round trips to judge
HARMFUL = 0.7  # of the rate before, and less: ranges got too short, or the server is overloaded
REGRET_S = 2.0  # fruitless growth stays that long: a lossy path shows by then that it was needed
FELL = 0.06  # of the best: that much less is a loss,
NOISES = 2.0  # if it is also so many times what windows differ anyway
PLAIN = 5.0  # times noise: one window is enough to see it
STRIKES = 3  # so often growth may fail to bring a lost rate back; then the loss is believed
SHRINK, SHRINK_AFTER_S = 0.9, 3.0  # gently: the windows of the others grow back only slowly
SAME = 0.03  # of the rate before: if no more was lost, and no more than noise, fewer do as well


class State(Enum):
    """What the latest change of the number was for."""

    STEADY = auto()
    GROWN = auto()
    SHRUNK = auto()


class Level(NamedTuple):
    """What so many connections delivered together."""

    connections: int
    rate_bytes_per_s: float
    is_full: bool


class Search:
    """Judges windows, and changes the number.

    Args:
        pulse: Measures the endpoint.
        looks: Its windows.
        allowance: The most connections.
        count: To begin with.

    Attributes:
        count: How many connections there should be; more than allowed when that was lowered.
    """

    def __init__(self, pulse: Pulse, looks: Looks, allowance: Allowance, count: int) -> None:
        self.count = count
        self._pulse, self._looks, self._allowance = pulse, looks, allowance
        self._state = State.STEADY
        self._before = Level(count, 0.0, False)  # the latest change
        self._way_back = 0  # to what fruitless growth began with; 0: nothing to take back
        self._best_bytes_per_s, self._strikes = 0.0, 0
        self._patience_s, self._grow_s = PATIENCE_S, 0.0
        self._shrink_after_s, self._shrink_s = SHRINK_AFTER_S, 0.0

    def begin_again(self, count: int) -> None:
        """The cap is another: what was found before does not hold."""
        self.count, self._state = count, State.STEADY
        self._looks.forget()
        self._best_bytes_per_s = 0.0
        self._patience_s, self._grow_s = PATIENCE_S, 0.0

    def fall_back(self, count: int, now_s: float) -> None:
        """The endpoint pushed back: only so many are left."""
        self._best_bytes_per_s, self._strikes, self._way_back = 0.0, 0, 0
        self._change(count, State.STEADY, now_s)

    def judge(self, now_s: float, *, is_light: bool) -> None:
        """Change the number, if what was seen of it since its latest change says so.

        Args:
            now_s: The time.
            is_light: Whether there are only small objects.
        """
        looks = self._looks
        is_full = looks.is_queued or self._allowance.is_cap_used(looks.mean_bytes_per_s)
        level = Level(self.count, looks.rate_bytes_per_s, is_full)
        if looks.is_opening:
            self._open(level, now_s, is_light)
        elif self._state is State.GROWN:
            self._weigh_growth(level, now_s)
        elif self._state is State.SHRUNK:
            self._weigh_shrinking(level, now_s)
        elif looks.count >= LOOKS:
            self._keep(level, now_s)

    @property
    def _is_near(self) -> bool:
        return self._pulse.path_s <= FAR_S

    def _open(self, level: Level, now_s: float, is_light: bool) -> None:
        """All are in slow start: the rate rises by itself."""
        looks, most = self._looks, self._allowance.most
        can_grow = not (looks.is_queued or self._is_near) and self.count < most
        if is_light and can_grow:  # what slow start does for long ranges, and as fast
            self.count = min(most, ceil(self.count * GROW_FAST))
            looks.forget()
            return
        if looks.is_rising:
            looks.forget(all_but=1)
        if looks.count < 2:
            return
        looks.is_opening = False
        self._best_bytes_per_s = level.rate_bytes_per_s
        self._rest(now_s, SHRINK_AFTER_S)
        self._grow_s = now_s + PATIENCE_S if self._is_near else now_s
        self._keep(level, now_s)

    def _keep(self, level: Level, now_s: float) -> None:
        """It is time to try whether more or fewer do better."""
        fell = self._fell(level)
        if level.is_full:
            self._best_bytes_per_s, self._strikes = level.rate_bytes_per_s, 0
            self._grow_s = max(self._grow_s, now_s + FULL_S * self._looks.noise)
        self._best_bytes_per_s = max(self._best_bytes_per_s, level.rate_bytes_per_s)
        if not level.is_full and (fell or now_s >= self._grow_s):
            self._grow(level, now_s, GROW_NEAR if self._is_near else GROW)
        elif now_s >= self._shrink_s and (self._way_back or level.is_full):
            self._shrink(level, now_s)

    # More

    def _grow(self, level: Level, now_s: float, factor: float = GROW) -> None:
        count = min(self._allowance.most, ceil(self.count * factor))
        if count > self.count:
            self._before = level
            self._change(count, State.GROWN, now_s)

    def _weigh_growth(self, level: Level, now_s: float) -> None:
        grew = level.connections / self._before.connections - 1
        more = level.rate_bytes_per_s / self._before.rate_bytes_per_s - 1
        gain = more / grew if more > NOISES * self._looks.noise else 0.0
        if self._looks.count < 2 and (gain < PROPORTIONAL or self._is_near):
            return
        if gain < (PROPORTIONAL if self._is_near else FRUITFUL):
            self._regret(level, now_s)
            return
        self._rest(now_s, self._shrink_after_s)
        self._patience_s, self._strikes, self._way_back = PATIENCE_S, 0, 0
        self._best_bytes_per_s = max(self._best_bytes_per_s, level.rate_bytes_per_s)
        if not level.is_full:
            is_fast = gain >= PROPORTIONAL and not self._is_near
            self._grow(level, now_s, GROW_FAST if is_fast else GROW)

    def _regret(self, level: Level, now_s: float) -> None:
        """Growth was fruitless: take it back, unless the rate is still less than it was."""
        self._grow_s = now_s + self._patience_s * max(1.0, PATIENCE_PER_S * self._pulse.path_s)
        self._patience_s = min(MAX_PATIENCE_S, 2 * self._patience_s)
        if self._is_near or level.rate_bytes_per_s < HARMFUL * self._before.rate_bytes_per_s:
            self._best_bytes_per_s = 0.0
            self._change(self._before.connections, State.STEADY, now_s)
            return
        self._way_back = self._way_back or self._before.connections
        self._rest(now_s, REGRET_S)
        if not self._fell(level):
            return
        self._strikes += 1
        if self._strikes < STRIKES:
            self._grow(level, now_s)
        else:
            self._best_bytes_per_s, self._strikes = level.rate_bytes_per_s, 0

    # Fewer

    def _shrink(self, level: Level, now_s: float) -> None:
        can_be_told = NOISES * self._looks.noise < 1 - SHRINK
        fewest = self._way_back or (FEW if can_be_told else START_FAR)
        count = max(fewest, int(self.count * SHRINK))
        if count < self.count:
            self._before = level
            self._change(count, State.SHRUNK, now_s)
        else:
            self._way_back = 0

    def _weigh_shrinking(self, level: Level, now_s: float) -> None:
        noise = self._looks.noise
        lost = 1 - level.rate_bytes_per_s / self._before.rate_bytes_per_s
        if self._looks.count < 2 and lost < max(FELL, PLAIN * noise):
            return
        if self._fell(level):
            self._way_back = 0
            self._grow(level, now_s)
            return
        if lost > max(SAME, noise) or (self._before.is_full and not level.is_full):
            self._way_back = 0
            self._shrink_after_s = min(MAX_PATIENCE_S, 2 * self._shrink_after_s)
            self._change(self._before.connections, State.STEADY, now_s)
            self._rest(now_s, self._shrink_after_s)
        else:
            self._shrink_after_s = SHRINK_AFTER_S
            self._rest(now_s, 0.0 if self._way_back else SHRINK_AFTER_S)

    # Either

    def _fell(self, level: Level) -> bool:
        """Whether connections seem to have lost their windows; near, they grow again at once."""
        kept = 1 - max(FELL, NOISES * self._looks.noise)
        return (
            not (level.is_full or self._is_near)
            and level.rate_bytes_per_s < kept * self._best_bytes_per_s
        )

    def _change(self, count: int, state: State, now_s: float) -> None:
        self.count, self._state = count, state
        self._looks.settle(now_s)

    def _rest(self, now_s: float, no_shrinking_s: float) -> None:
        self._state, self._shrink_s = State.STEADY, now_s + no_shrinking_s
