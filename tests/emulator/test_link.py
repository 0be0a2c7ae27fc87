from __future__ import annotations

import heapq
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.emulator.link import Link

RATES = st.floats(1e3, 1e10)
COUNTS = st.integers(1, 1 << 16)
STARTS = st.floats(0, 2e9)


@settings(derandomize=True)
@given(RATES, STARTS, st.lists(COUNTS, min_size=1, max_size=300))
def test_a_busy_link_is_exact_however_long(rate: float, start_s: float, counts: list[int]) -> None:
    link = Link(rate)
    waits = [link.reserve(start_s, count) for count in counts]
    assert waits[-1] == pytest.approx(sum(counts) / rate, rel=1e-9, abs=1e-6)


@settings(derandomize=True)
@given(RATES, st.lists(st.tuples(st.floats(0, 10), COUNTS), min_size=2, max_size=100))
def test_no_stretch_of_time_carries_more_than_the_rate(
    rate: float, asked: list[tuple[float, int]]
) -> None:
    link = Link(rate)
    now_s = 0.0
    through = [(0.0, 0)]
    for pause_s, count in asked:
        now_s += pause_s
        through.append((now_s + link.reserve(now_s, count), count))
    for (before_s, _), (after_s, count) in pairwise(through):
        assert after_s - before_s >= count / rate - 1e-9


@settings(derandomize=True)
@given(RATES, st.floats(0, 1e6), COUNTS)
def test_an_idle_link_saves_nothing_up(rate: float, idle_s: float, count: int) -> None:
    link = Link(rate)
    busy_s = link.reserve(0.0, count)
    now_s = busy_s + idle_s
    assert link.reserve(now_s, count) == pytest.approx(count / rate, rel=1e-6, abs=1e-6)


def test_a_million_reservations_lose_no_time() -> None:
    link = Link(3e7)
    now_s = start_s = 1_700_000_000.123
    for _ in range(1_000_000):
        now_s += link.reserve(now_s, 65_521)
    assert now_s - start_s == pytest.approx(1_000_000 * 65_521 / 3e7, rel=1e-6)


@settings(derandomize=True, max_examples=30)
@given(st.integers(2, 20), RATES)
def test_senders_that_take_turns_get_equal_shares(senders: int, rate: float) -> None:
    link = Link(rate)
    ready = [(0.0, sender) for sender in range(senders)]
    taken = [0] * senders
    for _ in range(50 * senders):
        now_s, sender = heapq.heappop(ready)
        taken[sender] += 1
        heapq.heappush(ready, (now_s + link.reserve(now_s, 1 << 16), sender))
    assert max(taken) - min(taken) <= 1
