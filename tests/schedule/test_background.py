"""Background mode: laws of its window, and what it does over a simulated link."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.schedule import BackgroundPolicy, BackgroundWindow

POLICY = BackgroundPolicy()
TICK_S = POLICY.tick_s


class Path(NamedTuple):
    """A link with one queue."""

    bytes_per_s: float
    base_s: float
    queue_s: float


DSL = Path(750_000 * 1448 / 1500, 0.05, 0.5)
OFFICE = Path(12.5e6 * 1448 / 1500, 0.04, 0.05)
FAST = Path(125e6 * 1448 / 1500, 0.02, 0.05)
FAR = Path(12.5e6 * 1448 / 1500, 0.3, 0.1)


class Neighbour:
    """Another sender, which fills the queue until it overflows, as CUBIC does.

    Attributes:
        under_way_bytes: Its window.
    """

    def __init__(self, path: Path) -> None:
        self.under_way_bytes = 14_480.0
        self._path = path
        self._most_bytes = path.bytes_per_s * (path.base_s + path.queue_s)

    def tick(self, round_trip_s: float, all_bytes: float) -> None:
        """Time passed; this many bytes of all senders are under way."""
        if all_bytes >= self._most_bytes:
            self.under_way_bytes *= 0.7
        else:
            self.under_way_bytes += max(1448.0, self.under_way_bytes / 20) * TICK_S / round_trip_s


class Simulation:
    """A path on which a window and perhaps a neighbour share one queue.

    Args:
        path: The path.
        used: Which part of the window the sender uses.

    Attributes:
        window: The window.
        received_bytes: What came through it.
        neighbour_bytes: What came to the neighbour.
        queues_s: How long the queue was at each tick.
    """

    def __init__(self, path: Path, *, used: float = 1.0) -> None:
        self.window = BackgroundWindow()
        self.neighbour: Neighbour | None = None
        self.path = path
        self.received_bytes = self.neighbour_bytes = self.now_s = 0.0
        self.queues_s: list[float] = []
        self._used = used

    def uses(self, part: float) -> None:
        """The sender uses this part of the window from now on."""
        self._used = part

    def run(self, seconds: float) -> Simulation:
        """Let time pass; counts start over."""
        self.received_bytes = self.neighbour_bytes = 0.0
        self.queues_s = []
        for _ in range(round(seconds / TICK_S)):
            self._tick()
        return self

    @property
    def share(self) -> float:
        """Share of the path that the window had."""
        return self.received_bytes / (len(self.queues_s) * TICK_S * self.path.bytes_per_s)

    @property
    def neighbours_share(self) -> float:
        """The same of the neighbour."""
        return self.neighbour_bytes / (len(self.queues_s) * TICK_S * self.path.bytes_per_s)

    def _tick(self) -> None:
        path, self.now_s = self.path, self.now_s + TICK_S
        own_bytes = self.window.window_bytes * self._used
        other_bytes = self.neighbour.under_way_bytes if self.neighbour else 0.0
        all_bytes = own_bytes + other_bytes
        queue_s = max(0.0, all_bytes / path.bytes_per_s - path.base_s)
        round_trip_s = path.base_s + min(queue_s, path.queue_s)
        own = own_bytes / round_trip_s * TICK_S
        self.received_bytes += own
        self.neighbour_bytes += other_bytes / round_trip_s * TICK_S
        if self.neighbour:
            self.neighbour.tick(round_trip_s, all_bytes)
        self.window.received(round(own))
        self.window.sampled(round_trip_s, self.now_s)
        self.window.update(self.now_s)
        self.queues_s.append(queue_s)


@pytest.mark.parametrize("path", [DSL, OFFICE, FAST, FAR], ids=str)
def test_alone_it_uses_the_link_and_leaves_hardly_a_queue(path: Path) -> None:
    simulation = Simulation(path)
    simulation.run(20)
    simulation.run(60)
    assert simulation.share > 0.9
    queues = sorted(simulation.queues_s)
    assert queues[len(queues) // 2] < 1.5 * simulation.window.target_s
    assert queues[len(queues) * 9 // 10] < 2 * simulation.window.target_s


@pytest.mark.parametrize("path", [DSL, OFFICE, FAST], ids=str)
def test_a_neighbour_that_comes_later_gets_the_link(path: Path) -> None:
    alone = Simulation(path, used=0.0)
    alone.neighbour = Neighbour(path)
    alone.run(5)
    alone.run(60)
    simulation = Simulation(path)
    simulation.run(20)
    simulation.neighbour = Neighbour(path)
    simulation.run(5)
    simulation.run(60)
    assert simulation.neighbours_share > 0.95 * alone.neighbours_share


@pytest.mark.parametrize("path", [DSL, OFFICE, FAST], ids=str)
def test_a_queue_several_times_too_long_halves_the_window_in_each_round_trip(path: Path) -> None:
    """Fault: the window goes down slowly, and a download that begins loses a second of the link.
    dlcore halves the window in each round trip while the queue is four times the target or longer.
    """
    simulation = Simulation(path)
    window = simulation.run(20).window
    before = window.window_bytes
    round_trip_s, now_s = path.base_s + 4.1 * window.target_s, simulation.now_s + POLICY.stale_s
    for _ in range(5):
        now_s += 1.1 * round_trip_s
        window.sampled(round_trip_s, now_s)
        window.update(now_s)
    assert window.window_bytes <= max(POLICY.min_window_bytes, before / 2**4)


@pytest.mark.parametrize("path", [DSL, OFFICE, FAST], ids=str)
def test_when_the_neighbour_has_gone_the_link_is_used_within_seconds(path: Path) -> None:
    simulation = Simulation(path)
    simulation.run(20)
    simulation.neighbour = Neighbour(path)
    simulation.run(20)
    simulation.neighbour = None
    simulation.run(10)
    assert simulation.run(10).share > 0.85


def test_a_window_that_the_path_does_not_fill_does_not_grow() -> None:
    """What is lost, or a slow server, bounds the rate: a wide window would be a burst later."""
    simulation = Simulation(OFFICE, used=0.3)
    simulation.run(30)
    assert simulation.window.window_bytes == POLICY.first_window_segments * POLICY.segment_bytes


def test_in_slow_start_there_are_few_connections_and_more_on_a_path_that_loses_packets() -> None:
    """Each connection has so much under way at most, as one has whose packets get lost."""
    each_bytes, bound = 50_000.0, POLICY.startup_connections
    simulation = Simulation(OFFICE)
    simulation.run(0.3)
    assert simulation.window.connections <= bound
    for _ in range(600):
        window = simulation.window
        wanted = window.connections * min(each_bytes, window.window_bytes / window.connections)
        simulation.uses(wanted / window.window_bytes)
        simulation.run(0.1)
    assert simulation.window.connections > 4 * bound


def test_the_base_is_found_although_it_began_behind_its_own_queue() -> None:
    """A slowdown lets the queue drain: without it the base would stay too long."""
    simulation = Simulation(OFFICE)
    for _ in range(10):
        simulation.window.sampled(OFFICE.base_s + 0.03, 0.0)
    simulation.run(0.1)
    simulation.run(40)
    assert simulation.window.base_s == pytest.approx(OFFICE.base_s, abs=0.002)


def test_the_base_is_forgotten_when_the_path_has_changed() -> None:
    """The machine is on another network: the shortest of ten minutes counts."""
    window, now_s = BackgroundWindow(), 0.0
    window.sampled(0.01, now_s)
    while now_s < POLICY.base_intervals * POLICY.base_interval_s + 1:
        now_s += 1.0
        window.sampled(0.1, now_s)
    assert window.base_s == 0.1


def test_one_late_sample_is_not_taken_for_a_queue() -> None:
    """A server, or this machine, was busy for a moment."""
    window = BackgroundWindow()
    window.sampled(0.05, 0.0)
    window.sampled(0.4, 0.02)
    assert window.queue_s(0.02) == 0.0


def test_without_recent_samples_nothing_changes() -> None:
    window = BackgroundWindow()
    window.sampled(0.05, 0.0)
    window.update(0.0)
    before = window.window_bytes
    window.received(1 << 20)
    window.update(POLICY.stale_s + 1)
    assert window.window_bytes == before
    assert window.round_trip_s(POLICY.stale_s + 1) is None


def test_before_the_first_sample_the_window_bounds_or_a_rate_that_is_assumed() -> None:
    assert BackgroundWindow().rate_bytes_per_s(0.0) == 0.0
    window = BackgroundWindow(BackgroundPolicy.by_first_bytes())
    assert window.rate_bytes_per_s(0.0) == pytest.approx(10 * window.window_bytes)


def test_after_a_pause_it_begins_gently_with_the_base_that_is_known() -> None:
    simulation = Simulation(FAST)
    simulation.run(10)
    base_s = simulation.window.base_s
    assert simulation.window.window_bytes > 1 << 20
    simulation.window.paused()
    assert simulation.window.window_bytes == POLICY.first_window_segments * POLICY.segment_bytes
    assert simulation.window.base_s == base_s


@given(
    st.lists(
        st.tuples(
            st.floats(0.001, 2.0),
            st.floats(0.0, 1.0),
            st.integers(0, 1 << 24),
        ),
        max_size=60,
    )
)
def test_laws(steps: list[tuple[float, float, int]]) -> None:
    """The window stays within its bounds, and never grows while the queue is too long."""
    window, now_s = BackgroundWindow(), 0.0
    for round_trip_s, past_s, count_bytes in steps:
        now_s += past_s
        window.sampled(round_trip_s, now_s)
        window.received(count_bytes)
        before, was_queued = window.window_bytes, window.queue_s(now_s) > window.target_s
        window.update(now_s)
        assert POLICY.min_window_bytes <= window.window_bytes <= POLICY.max_window_bytes
        assert 1 <= window.connections <= POLICY.max_connections
        assert window.rate_bytes_per_s(now_s) >= POLICY.min_rate_bytes_per_s
        assert POLICY.min_target_s <= window.target_s <= POLICY.max_target_s
        assert window.queue_s(now_s) >= 0.0
        if was_queued:
            assert window.window_bytes <= before
