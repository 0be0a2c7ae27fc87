"""A cap holds for any sizes of reads and any number of readers, and may change at any time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.schedule.token_bucket import BURST_S, TokenBucket
from tests.schedule.packages import LAW

KIB, MIB = 1 << 10, 1 << 20
SIZES = st.lists(st.integers(1, 64 * KIB), min_size=1, max_size=40)
CAPS = st.floats(1.0 * KIB, 1e9)


def read(
    spend: Callable[[int, float], float],
    sizes: Iterator[int],
    seconds: float,
    *,
    readers: int = 1,
    late_s: float = 0.0,
    min_step_s: float = 1e-3,
) -> int:
    """Read as fast as is allowed for a while; how many bytes. Timers fire `late_s` late."""
    ready = [(0.0, reader) for reader in range(readers)]
    received = 0
    while ready[0][0] < seconds:
        now_s, reader = heapq.heappop(ready)
        size = next(sizes)
        received += size
        wait_s = spend(size, now_s)
        later_s = wait_s + late_s if wait_s else 0.0
        heapq.heappush(ready, (now_s + max(min_step_s, later_s), reader))
    return received


@LAW
@given(CAPS, SIZES, st.integers(1, 8))
def test_never_more_than_the_cap_a_burst_and_one_read_of_each(
    cap_bytes_per_s: float, sizes: list[int], readers: int
) -> None:
    received = read(TokenBucket(cap_bytes_per_s).spend, cycle(sizes), 3.0, readers=readers)
    assert received <= cap_bytes_per_s * (3.0 + BURST_S) + (readers + 1) * max(sizes)


@LAW
@given(
    st.floats(256.0 * KIB, 10.0 * MIB),
    st.lists(st.integers(KIB, 16 * KIB), min_size=1, max_size=40),
    st.sampled_from([0.0, 0.001, 0.02]),
)
def test_a_cap_holds_within_one_in_a_hundred_over_30_s(
    cap_bytes_per_s: float, sizes: list[int], late_s: float
) -> None:
    received = read(
        TokenBucket(cap_bytes_per_s).spend, cycle(sizes), 30.0, readers=16, late_s=late_s
    )
    assert received == pytest.approx(cap_bytes_per_s * 30.0, rel=0.01)


def test_a_cap_far_below_the_size_of_a_read_holds() -> None:
    received = read(TokenBucket(1.0 * KIB).spend, cycle([64 * KIB]), 6400.0)
    assert received == pytest.approx(KIB * 6400.0, rel=0.011)


def test_without_a_cap_nobody_waits() -> None:
    bucket = TokenBucket()
    assert [bucket.spend(MIB, at_s * 0.001) for at_s in range(100)] == [0.0] * 100


def test_idle_time_earns_no_more_than_a_short_burst() -> None:
    bucket = TokenBucket(1000.0)
    bucket.spend(0, 0.0)
    assert bucket.spend(int(1000 * BURST_S), 3600.0) == 0.0
    assert bucket.spend(1000, 3600.0) == pytest.approx(1.0)


def test_the_first_read_earns_no_credit_from_a_clock_that_began_before() -> None:
    assert TokenBucket(1000.0).spend(1000, 1e9) >= 1.0 - BURST_S


def test_a_higher_cap_shortens_waits_under_way() -> None:
    bucket = TokenBucket(KIB)
    assert bucket.spend(64 * KIB, 0.0) > 60
    bucket.set_cap(64.0 * MIB)
    assert bucket.spend(0, 0.01) == 0.0


def test_a_lower_cap_holds_for_the_next_read_and_not_for_the_last() -> None:
    bucket = TokenBucket(float(MIB))
    before_s = bucket.spend(MIB, 0.0)
    bucket.set_cap(float(KIB))
    assert bucket.spend(0, 0.0) == pytest.approx(before_s)
    assert bucket.spend(KIB, 0.0) == pytest.approx(before_s + 1.0)


def test_no_cap_any_more_forgets_what_was_owed() -> None:
    bucket = TokenBucket(KIB)
    bucket.spend(MIB, 0.0)
    bucket.set_cap(0.0)
    assert bucket.spend(MIB, 0.0) == 0.0
    bucket.set_cap(float(MIB))
    assert bucket.spend(MIB, 0.0) <= 1.0


def test_under_two_caps_the_lower_one_holds() -> None:
    total, endpoint = TokenBucket(2.0 * MIB), TokenBucket(1.0 * MIB)

    def spend(count_bytes: int, now_s: float) -> float:
        return max(total.spend(count_bytes, now_s), endpoint.spend(count_bytes, now_s))

    assert read(spend, cycle([16 * KIB]), 30.0, readers=4) == pytest.approx(30 * MIB, rel=0.01)


def test_two_endpoints_share_the_total() -> None:
    total = TokenBucket(1.0 * MIB)
    received = read(total.spend, cycle([16 * KIB]), 30.0, readers=2)
    assert received == pytest.approx(30 * MIB, rel=0.01)


@LAW
@given(CAPS, st.lists(st.tuples(st.integers(0, MIB), st.floats(0.0, 10.0)), max_size=50))
def test_a_wait_is_never_negative_and_grows_with_what_was_read(
    cap_bytes_per_s: float, reads: list[tuple[int, float]]
) -> None:
    less, more, now_s = TokenBucket(cap_bytes_per_s), TokenBucket(cap_bytes_per_s), 0.0
    for count_bytes, past_s in reads:
        now_s += past_s
        assert 0.0 <= less.spend(count_bytes, now_s) <= more.spend(count_bytes + 1, now_s)
