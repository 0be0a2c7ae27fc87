"""Ranges get shorter towards the end, but connections must not wait most of the time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dlcore.schedule import Policy, Terms
from dlcore.schedule.cutting import MIN_WINDOWS, next_length
from dlcore.schedule.source import Source
from tests.schedule.packages import LAW
from tests.schedule.scene import MIB

TICK_S, ROUND_TRIP_S = 0.05, 0.1
RANGE_S = 0.4  # of them a connection waits for a round trip
FLOW_BYTES_PER_S = 2 * MIB
CONNECTIONS = 16


def at_work(seconds: float) -> Source:
    """A source all of whose connections have fetched one range after the other for so long."""
    source, now_s = Source("e", Policy(), Terms(CONNECTIONS)), 0.0
    source.longest_bytes = 16 * MIB
    while now_s < seconds:
        count = source.connections(now_s, 0)
        now_s += TICK_S
        source.at_work = count
        for number in range(count):
            turn_s = (now_s + number * TICK_S) % RANGE_S
            if turn_s < TICK_S:
                source.limit.answered(ROUND_TRIP_S)
            if turn_s >= ROUND_TRIP_S:
                source.limit.received(int(FLOW_BYTES_PER_S * TICK_S))
    return source


def length(source: Source, left_bytes: int) -> int:
    return next_length(Policy(), source, [source], MIB, left_bytes, 0.0)


@LAW
@given(st.integers(0, 2 << 30), st.integers(0, 2 << 30))
def test_the_less_is_left_the_shorter_are_ranges(one_bytes: int, other_bytes: int) -> None:
    source = SETTLED
    less_bytes, more_bytes = sorted((one_bytes, other_bytes))
    assert length(source, less_bytes) <= length(source, more_bytes)


def test_the_last_ranges_keep_connections_busy_for_longer_than_they_wait() -> None:
    last_bytes = length(SETTLED, 0)
    window_bytes = FLOW_BYTES_PER_S * ROUND_TRIP_S
    assert window_bytes <= last_bytes <= 1.1 * MIN_WINDOWS * window_bytes


def test_in_slow_start_the_last_ranges_are_as_short_as_may_be() -> None:
    assert length(at_work(RANGE_S), 0) < length(SETTLED, 0)


def test_what_is_left_is_not_shared_with_an_endpoint_that_is_on_trial() -> None:
    policy = Policy()
    one, other = (Source(name, policy, Terms()) for name in ("e", "f"))

    def length_bytes(source: Source) -> int:
        return next_length(policy, source, [one, other], MIB, 100 * MIB, 0.0)

    shared_bytes = length_bytes(one)
    other.is_silent = True
    assert length_bytes(one) > shared_bytes
    assert length_bytes(other) == shared_bytes


SETTLED = at_work(10.0)
