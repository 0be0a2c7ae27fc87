"""How many connections one endpoint gets, found by measuring what more of them bring.

One TCP connection fills a clean path, but where packets are lost its rate is bounded by loss and
round trip, whatever the link; and a server may throttle each connection. So the number is looked
for: it grows while growing pays, and shrinks, gently, where fewer do as well.

Two signs tell that there are enough. *Full*: round trips are longer than the path's own, a queue
stands, so the link is full and more connections would only lengthen the queue (or the rate is at
the cap). *Fruitless*: more connections brought less than a tenth of what they would if each
counted. A rate that falls while the link is not full means that connections lost their windows,
as they do in the first seconds on a lossy path: it is answered by growth. A rate that falls while
the link is full means a slower link, and is accepted.

So senders that heed loss (CUBIC) are told from those that do not (BBR): the first leave the queue
empty until there are enough of them. The others fill it, overflow it, and let it drain now and
then; their bytes come in bursts, each behind a lost packet. More of them would only have shorter
ranges and more idle round trips. Hence what windows differ by themselves, the *noise*, makes for
longer windows, and less than twice as much is no change; rates are medians; and the more noise,
the longer a queue must be gone before that is a reason to grow.

Small objects are over before slow start shows, and leave the link idle for a round trip each. So
at the beginning, while there is nothing but these, the number doubles with every window until a
queue stands, as slow start would double what each connection has on its way.

Nothing is concluded from idle times, from windows in which not as many connections were at work
as were wanted, or from the slow start of new ones; but growth that shows at once is followed by
more. Not for: dividing connections between endpoints, or choosing ranges.
"""

from __future__ import annotations

from enum import Enum, auto
from math import ceil, log2
from statistics import fmean, median
from typing import NamedTuple

from dlcore.schedule.opening import INITIAL_WINDOW_BYTES, opening
from dlcore.schedule.pulse import Pulse, Window

START = 16  # until the round trip is known: far away, each round trip with fewer is lost
START_NEAR = 6  # a local network: more would only cost CPU, and 8 are the most it tries for nothing
START_FAR = 24  # slow starts fill 1 Gbit/s at 40 ms in four round trips, and leave no window idle
FEW = 4  # not worth shrinking further: idle round trips would begin to show
FAR_S = 0.005  # a longer round trip is no local network's
SURELY_FAR_S = 0.02  # nor is it if the first answer takes longer, with opening and TLS
CAPPED_BPS = 256 << 10  # under a cap, begin with one connection for so much of it,
LEAST_CAPPED_BPS = 16 << 10  # and have no more than one for so much
AT_CAP = 0.9  # of the cap: full; reads come in bursts
WINDOW_S, WINDOW_ROUND_TRIPS = 0.2, 4  # bursts and sawtooths even out over it
STRETCH, MOST_STRETCH = 10, 4  # the more windows differ, the longer they get
OPENING_ROUND_TRIPS = 2  # slow start doubles every one, so its growth shows within two
STILL_OPENING = 1.25  # grew by more: slow starts are not over
LOOKS = 3  # windows that a belief is made of
LOOKS_KEPT = 9  # a cap lets few and large bursts through: it takes longer to see that it is used
OFF_COUNT = 0.15  # a window with so many more or fewer at work than wanted tells nothing
OFF_OPENING = 0.5  # at the beginning they only gather
QUEUED = 0.5  # of the answers were late: the queue stood most of the time
MOST_DOUBLINGS = 8  # of slow start, to 3.7 MB a round trip: the rest may be measured
GROW, GROW_FAST, GROW_NEAR = 1.5, 2.0, 4 / 3
PROPORTIONAL = 0.5  # of linear gain: the number is far from enough
FRUITFUL = 0.1  # of linear gain: slow starts have filled the link for now, and soon will not
FULL_S = 40.0  # times noise: so soon may a queue be back that some senders let drain at times
PATIENCE_S, MOST_PATIENCE_S = 1.0, 32.0  # between fruitless growths; doubles with each
PATIENCE_PER_S = 12  # times that for a round trip of 1 s: growth takes round trips to judge
HARMFUL = 0.7  # of the rate before, and less: ranges got too short, or the server is overloaded
REGRET_S = 2.0  # fruitless growth stays that long: a lossy path shows by then that it was needed
FELL = 0.06  # of the best: that much less is a loss,
NOISES, NOISE_SMOOTHING = 2.0, 1 / 8  # if it is also so many times what windows differ anyway
PLAIN = 5.0  # times noise: one window is enough to see it
STRIKES = 3  # so often growth may fail to bring a lost rate back; then the loss is believed
SHRINK, SHRINK_AFTER_S = 0.9, 3.0  # gently: the windows of the others grow back only slowly
SAME = 0.03  # of the rate before: if no more was lost, and no more than noise, fewer do as well
CALM_S = 1.0  # all connections may be pushed back at once: that is one push
REGROW, REGROW_S = 1.25, 5.0  # after a push back, so much more every so often


class State(Enum):
    """What the latest change of the number was for."""

    OPENING = auto()  # all are in slow start: the rate rises by itself
    GROWN = auto()
    SHRUNK = auto()
    STEADY = auto()


class Look(NamedTuple):
    """One window: the rate of all connections, and what share of the answers was late."""

    rate_bps: float
    late: float


class Level(NamedTuple):
    """What so many connections delivered together."""

    connections: int
    rate_bps: float
    is_full: bool


class Crew:
    """The connections of one endpoint.

    Args:
        most: Never more connections than this.
        cap_bps: The endpoint's bandwidth cap in bytes per second; 0.0: none.
    """

    def __init__(self, most: int, cap_bps: float = 0.0) -> None:
        self._pulse = Pulse()
        self._state = State.OPENING
        self._count = START
        self._start_far = START_FAR
        self._most, self._cap_bps = 1, 0.0
        self._ceiling: int | None = None  # since the endpoint pushed back
        self._pushed_s = self._regrow_s = float("-inf")
        self._idle_s = float("inf")  # none was at work yet
        self._window_ends_s: float | None = None
        self._is_settling = self._is_light = False
        self._late = 0.0  # share of the answers, when there were any
        self._looks: list[Look] = []  # windows since the number changed, latest last
        self._before = Level(START, 0.0, False)  # the latest change
        self._way_back = 0  # to what fruitless growth began with; 0: nothing to take back
        self._best_bps, self._strikes, self._noise = 0.0, 0, 0.0
        self._patience_s, self._grow_s = PATIENCE_S, 0.0
        self._shrink_after_s, self._shrink_s = SHRINK_AFTER_S, 0.0
        self.limit(most, cap_bps)

    # What is allowed, and what happens

    def limit(self, most: int, cap_bps: float = 0.0) -> None:
        """Change what is allowed, at once."""
        is_other_cap = cap_bps != self._cap_bps
        self._most, self._cap_bps = max(1, most), cap_bps
        if is_other_cap:
            self._count = self._under_cap(self._count)
            self._looks, self._best_bps = [], 0.0
            self._patience_s, self._grow_s = PATIENCE_S, 0.0

    def expect(self, wanted_bytes: float, round_trip_s: float) -> None:
        """So much will be wanted in all: short work far away begins with more at once.

        Args:
            wanted_bytes: From this endpoint.
            round_trip_s: As its connections were opened; 0.0: not known. Unlike the first answer's
                it has nothing of the server's work in it, nor of ours.
        """
        if round_trip_s:
            is_far = round_trip_s > FAR_S
            self._start_far = opening(wanted_bytes, START_FAR) if is_far else START_NEAR
            self._count = self._under_cap(self._start_far)

    def _under_cap(self, count: int) -> int:
        return min(count, ceil(self._cap_bps / CAPPED_BPS)) if self._cap_bps else count

    def received(self, count_bytes: int, now_s: float) -> None:
        """Bytes arrived, over whichever connection."""
        self._pulse.received(count_bytes)

    def answered(self, round_trip_s: float) -> None:
        """The first byte of a range came, that long after it was asked for."""
        if self._pulse.round_trip_s is None:
            self._count = self._under_cap(self._start_far if round_trip_s > FAR_S else START_NEAR)
        elif self._state is State.OPENING and round_trip_s <= FAR_S:
            self._count = min(self._count, START_NEAR)  # our own start had made the first one late
        self._pulse.answered(round_trip_s)

    def pushed_back(self, now_s: float) -> None:
        """The endpoint said that it is too much (429, 503): half as many, more again slowly."""
        if now_s - self._pushed_s < CALM_S:
            return
        self._pushed_s, self._regrow_s = now_s, now_s + REGROW_S
        self._ceiling = max(1, min(self._count, self._allowed) // 2)
        self._best_bps, self._strikes, self._way_back = 0.0, 0, 0
        self._change(self._ceiling, State.STEADY, now_s)

    # What follows from it

    @property
    def round_trip_s(self) -> float | None:
        """From a request to its first byte, smoothed; None: nothing answered yet."""
        return self._pulse.round_trip_s

    @property
    def connection_bps(self) -> float | None:
        """Bytes per second of one connection at work, of late; None: nothing received yet."""
        return self._pulse.connection_bps

    def wanted(self, now_s: float, at_work: int, *, is_light: bool = False) -> int:
        """How many connections should be at work now.

        Args:
            now_s: The time.
            at_work: How many are: they have a range, if only just asked for.
            is_light: Whether all of them fetch small objects, over before slow start matters.

        Returns:
            At least 1, at most what is allowed.
        """
        self._pulse.look(now_s, at_work)
        self._is_light = is_light
        self._regrow(now_s)
        if self._pulse.round_trip_s is None:
            self._await(now_s, at_work)
        elif self._window_ends_s is None:
            self._begin_window(now_s)
        elif now_s >= self._window_ends_s:
            self._end_window(now_s)
        return min(self._count, self._allowed)

    def _await(self, now_s: float, at_work: int) -> None:
        """No answer yet: soon that alone tells that the endpoint is not near."""
        if not at_work:
            self._idle_s = now_s
        elif now_s - self._idle_s > SURELY_FAR_S:
            self._count = self._under_cap(self._start_far)

    @property
    def _allowed(self) -> int:
        most = self._most if self._ceiling is None else min(self._most, self._ceiling)
        return min(most, ceil(self._cap_bps / LEAST_CAPPED_BPS)) if self._cap_bps else most

    def _regrow(self, now_s: float) -> None:
        if self._ceiling is not None and now_s >= self._regrow_s:
            self._regrow_s = now_s + REGROW_S
            higher = ceil(self._ceiling * REGROW)
            self._ceiling = higher if higher < self._most else None

    @property
    def _is_near(self) -> bool:
        return self._pulse.path_s <= FAR_S

    # Windows

    def _begin_window(self, now_s: float) -> None:
        self._pulse.cut()
        round_trips = OPENING_ROUND_TRIPS if self._state is State.OPENING else WINDOW_ROUND_TRIPS
        stretch = min(MOST_STRETCH, 1 + STRETCH * self._noise)
        self._window_ends_s = now_s + stretch * max(WINDOW_S, round_trips * self._pulse.path_s)

    def _end_window(self, now_s: float) -> None:
        window = self._pulse.cut()
        if self._is_settling:
            self._is_settling = False
        elif self._tells_something(window):
            if window.answers:
                self._late = window.late / window.answers
            latest = Look(window.rate_bps, self._late)
            if self._looks and self._state is not State.OPENING:
                self._hear(self._looks[-1].rate_bps, latest.rate_bps)
            self._looks = [*self._looks[1 - LOOKS_KEPT :], latest]
            self._judge(now_s)
        if not self._is_settling:
            self._begin_window(now_s)

    def _tells_something(self, window: Window) -> bool:
        count = min(self._count, self._allowed)
        is_opening = self._state is State.OPENING
        off = max(1.0, (OFF_OPENING if is_opening else OFF_COUNT) * count)
        is_manned = abs(window.connections - count) <= off
        return is_manned and window.rate_bps > 0 and not (is_opening and not window.answers)

    def _hear(self, earlier_bps: float, later_bps: float) -> None:
        """How much rates differ from window to window, although nothing was changed."""
        noise = abs(later_bps - earlier_bps) / (later_bps + earlier_bps)
        self._noise += (noise - self._noise) * NOISE_SMOOTHING

    def _change(self, count: int, state: State, now_s: float) -> None:
        self._count, self._state, self._looks = count, state, []
        self._is_settling = True
        self._window_ends_s = now_s + self._settle_s()

    def _settle_s(self) -> float:
        """Until new connections are as fast as the others.

        Two round trips to their first bytes, and one for every doubling in slow start.
        """
        window_bytes = (self._pulse.connection_bps or 0.0) * self._pulse.path_s
        doublings = min(MOST_DOUBLINGS, log2(1 + window_bytes / INITIAL_WINDOW_BYTES))
        return max(WINDOW_S / 2, self._pulse.path_s * (2 + doublings))

    # Decisions

    def _judge(self, now_s: float) -> None:
        rate_bps = median(look.rate_bps for look in self._looks[-LOOKS:])
        is_queued = min(look.late for look in self._looks[-2:]) > QUEUED
        mean_bps = fmean(look.rate_bps for look in self._looks)
        is_capped = 0.0 < AT_CAP * self._cap_bps < mean_bps
        level = Level(self._count, rate_bps, is_queued or is_capped)
        if self._state is State.OPENING:
            self._open(level, now_s)
        elif self._state is State.GROWN:
            self._weigh_growth(level, now_s)
        elif self._state is State.SHRUNK:
            self._weigh_shrinking(level, now_s)
        elif len(self._looks) >= LOOKS:
            self._keep(level, now_s)

    def _open(self, level: Level, now_s: float) -> None:
        latest = self._looks[-1]
        is_queued = latest.late > QUEUED
        can_grow = not (is_queued or self._is_near) and self._count < self._allowed
        if self._is_light and can_grow:  # what slow start does for long ranges, and as fast
            self._count, self._looks = min(self._allowed, ceil(self._count * GROW_FAST)), []
            return
        if latest.rate_bps > STILL_OPENING * self._looks[0].rate_bps:
            self._looks = [latest]
        if len(self._looks) < 2:
            return
        level = level._replace(is_full=level.is_full or is_queued)
        self._best_bps = level.rate_bps
        self._rest(now_s, SHRINK_AFTER_S)
        self._grow_s = now_s + PATIENCE_S if self._is_near else now_s
        self._keep(level, now_s)

    def _weigh_growth(self, level: Level, now_s: float) -> None:
        grew = level.connections / self._before.connections - 1
        more = level.rate_bps / self._before.rate_bps - 1
        gain = more / grew if more > NOISES * self._noise else 0.0
        if len(self._looks) < 2 and (gain < PROPORTIONAL or self._is_near):
            return
        if gain < (PROPORTIONAL if self._is_near else FRUITFUL):
            self._regret(level, now_s)
            return
        self._rest(now_s, self._shrink_after_s)
        self._patience_s, self._strikes, self._way_back = PATIENCE_S, 0, 0
        self._best_bps = max(self._best_bps, level.rate_bps)
        if not level.is_full:
            is_fast = gain >= PROPORTIONAL and not self._is_near
            self._grow(level, now_s, GROW_FAST if is_fast else GROW)

    def _regret(self, level: Level, now_s: float) -> None:
        """Growth was fruitless: take it back, unless the rate is still less than it was."""
        self._grow_s = now_s + self._patience_s * max(1.0, PATIENCE_PER_S * self._pulse.path_s)
        self._patience_s = min(MOST_PATIENCE_S, 2 * self._patience_s)
        if self._is_near or level.rate_bps < HARMFUL * self._before.rate_bps:
            self._best_bps = 0.0
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
            self._best_bps, self._strikes = level.rate_bps, 0

    def _keep(self, level: Level, now_s: float) -> None:
        fell = self._fell(level)
        if level.is_full:
            self._best_bps, self._strikes = level.rate_bps, 0
            self._grow_s = max(self._grow_s, now_s + FULL_S * self._noise)
        self._best_bps = max(self._best_bps, level.rate_bps)
        if not level.is_full and (fell or now_s >= self._grow_s):
            self._grow(level, now_s, GROW_NEAR if self._is_near else GROW)
        elif now_s >= self._shrink_s and (self._way_back or level.is_full):
            self._shrink(level, now_s)

    def _grow(self, level: Level, now_s: float, factor: float = GROW) -> None:
        count = min(self._allowed, ceil(self._count * factor))
        if count > self._count:
            self._before = level
            self._change(count, State.GROWN, now_s)

    def _shrink(self, level: Level, now_s: float) -> None:
        can_be_told = NOISES * self._noise < 1 - SHRINK
        fewest = self._way_back or (FEW if can_be_told else START_FAR)
        count = max(fewest, int(self._count * SHRINK))
        if count < self._count:
            self._before = level
            self._change(count, State.SHRUNK, now_s)
        else:
            self._way_back = 0

    def _weigh_shrinking(self, level: Level, now_s: float) -> None:
        lost = 1 - level.rate_bps / self._before.rate_bps
        if len(self._looks) < 2 and lost < max(FELL, PLAIN * self._noise):
            return
        if self._fell(level):
            self._way_back = 0
            self._grow(level, now_s)
            return
        if lost > max(SAME, self._noise) or (self._before.is_full and not level.is_full):
            self._way_back = 0
            self._shrink_after_s = min(MOST_PATIENCE_S, 2 * self._shrink_after_s)
            self._change(self._before.connections, State.STEADY, now_s)
            self._rest(now_s, self._shrink_after_s)
        else:
            self._shrink_after_s = SHRINK_AFTER_S
            self._rest(now_s, 0.0 if self._way_back else SHRINK_AFTER_S)

    def _fell(self, level: Level) -> bool:
        """Whether connections seem to have lost their windows; near, they grow again at once."""
        kept = 1 - max(FELL, NOISES * self._noise)
        return not (level.is_full or self._is_near) and level.rate_bps < kept * self._best_bps

    def _rest(self, now_s: float, no_shrinking_s: float) -> None:
        self._state, self._shrink_s = State.STEADY, now_s + no_shrinking_s
