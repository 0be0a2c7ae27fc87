"""Requests are long enough to hide round trips, and short enough to fit memory and caps.

Towards the end they get shorter, but connections must not wait for most of the time.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.schedule import Policy, RequestNumber, Terms
from dlcore.schedule.endpoint import Endpoint
from dlcore.schedule.request_size import fitted_bytes, full_bytes, request_bytes
from tests.schedule.packages import LAW

KIB, MIB = 1 << 10, 1 << 20
POLICY = Policy()
FAST: dict[str, Any] = {
    "rate_bytes_per_s": 15e6,
    "round_trip_s": 0.04,
    "connections": 8,
    "block_bytes": MIB,
    "cap_bytes_per_s": 0.0,
}


def full(policy: Policy = POLICY, **arguments: Any) -> float:
    return full_bytes(policy, **arguments)


def length(**changes: Any) -> float:
    return full(Policy(memory_bytes=40 * MIB), **(FAST | changes))


MEMORY_BYTES = st.integers(1, 1 << 34)
BLOCKS = st.integers(1, 256 * MIB) | st.sampled_from([64 * KIB, MIB, 4 * MIB])
ARGUMENTS = st.fixed_dictionaries(
    {
        "rate_bytes_per_s": st.floats(0.0, 1e10),
        "round_trip_s": st.floats(0.0, 60.0),
        "connections": st.integers(1, 512),
        "block_bytes": BLOCKS,
        "cap_bytes_per_s": st.just(0.0) | st.floats(1024.0, 1e9),
    }
)


@LAW
@given(st.floats(1.0, 1e9), BLOCKS)
def test_a_request_is_a_run_of_blocks_or_an_equal_part_of_one(
    length_bytes: float, block: int
) -> None:
    got = fitted_bytes(POLICY, length_bytes, block)
    if got >= block:
        assert got % block == 0
        assert got == block or got <= length_bytes
    else:
        parts = -(-block // got)
        assert got >= POLICY.min_request_bytes
        assert 0 <= got * parts - block < parts
        assert got <= max(length_bytes + 1, 2 * POLICY.min_request_bytes)


@LAW
@given(ARGUMENTS, MEMORY_BYTES)
def test_what_all_hold_fits_the_memory_unless_requests_cannot_be_shorter(
    arguments: dict[str, Any], memory_bytes: int
) -> None:
    got, block = full(Policy(memory_bytes=memory_bytes), **arguments), arguments["block_bytes"]
    assert POLICY.min_request_bytes <= got <= POLICY.max_request_bytes
    held = min(got, block)
    if held > POLICY.min_request_bytes:
        assert held * arguments["connections"] <= memory_bytes * 1.001


@LAW
@given(ARGUMENTS, st.floats(1.0, 100.0))
def test_faster_connections_get_no_shorter_requests(arguments: dict[str, Any], by: float) -> None:
    faster = arguments | {"rate_bytes_per_s": arguments["rate_bytes_per_s"] * by}
    assert full(**faster) >= full(**arguments)


@LAW
@given(ARGUMENTS, st.floats(0.0, 10.0))
def test_longer_round_trips_get_no_shorter_requests(arguments: dict[str, Any], by_s: float) -> None:
    longer = arguments | {"round_trip_s": arguments["round_trip_s"] + by_s}
    assert full(**longer) >= full(**arguments)


def test_the_terms_of_an_endpoint_may_want_longer_requests() -> None:
    """Fault: in the background a request begins each second, with a burst that fills the queue.
    dlcore makes requests longer there, as far as the memory and a cap allow.
    """
    rate_bytes_per_s = FAST["rate_bytes_per_s"] / 20
    assert length(rate_bytes_per_s=rate_bytes_per_s, request_s=8.0) == 8 * rate_bytes_per_s
    assert length(request_s=8.0) == POLICY.max_request_bytes
    capped = length(request_s=8.0, cap_bytes_per_s=1e6)
    assert capped * FAST["connections"] <= 1e6


@LAW
@given(ARGUMENTS, st.integers(1, 500))
def test_more_connections_get_no_longer_requests(arguments: dict[str, Any], more: int) -> None:
    crowd = arguments | {"connections": arguments["connections"] + more}
    assert full(**crowd) <= full(**arguments)


@LAW
@given(ARGUMENTS, MEMORY_BYTES, st.integers(1, 1 << 32))
def test_more_memory_gives_no_shorter_requests(
    arguments: dict[str, Any], memory_bytes: int, more_bytes: int
) -> None:
    roomy = Policy(memory_bytes=memory_bytes + more_bytes)
    assert full(roomy, **arguments) >= full(Policy(memory_bytes=memory_bytes), **arguments)


@pytest.mark.parametrize("rate_bytes_per_s", [2e6, 5e6, 15e6])
def test_a_round_trip_is_a_small_part_of_a_request(rate_bytes_per_s: float) -> None:
    assert length(rate_bytes_per_s=rate_bytes_per_s) / rate_bytes_per_s >= 10 * 0.04


@pytest.mark.parametrize("round_trip_s", [0.0, 0.04, 0.3, 10.0])
def test_no_request_takes_much_longer_than_two_seconds(round_trip_s: float) -> None:
    assert length(rate_bytes_per_s=5e6, round_trip_s=round_trip_s) / 5e6 <= 2.0


def test_slow_answers_make_requests_longer() -> None:
    assert length(rate_bytes_per_s=4e6, round_trip_s=0.3) > length(
        rate_bytes_per_s=4e6, round_trip_s=0.04
    )


def test_many_slow_connections_share_blocks() -> None:
    got = length(rate_bytes_per_s=0.7e6, round_trip_s=0.08, connections=110)
    assert fitted_bytes(POLICY, got, MIB) == -(-MIB // 6)


@pytest.mark.parametrize("cap_bytes_per_s", [64 * KIB, MIB, 10 * MIB])
def test_sockets_swallow_no_more_than_half_a_second_of_a_cap(cap_bytes_per_s: int) -> None:
    connections = max(1, cap_bytes_per_s // (256 * KIB))
    got = length(cap_bytes_per_s=float(cap_bytes_per_s), connections=connections)
    assert got * connections <= max(POLICY.min_request_bytes, cap_bytes_per_s / 2)


def test_small_blocks_are_never_divided() -> None:
    assert fitted_bytes(POLICY, 1.0, 4096) == 4096


# Towards the end

TICK_S, ROUND_TRIP_S = 0.05, 0.1
REQUEST_S = 0.4  # of them a connection waits for a round trip
FLOW_BYTES_PER_S = 2 * MIB
CONNECTIONS = 16


def endpoint(name: str) -> Endpoint:
    return Endpoint(name, POLICY, Terms(CONNECTIONS), lambda _: None)


def at_work(seconds: float) -> Endpoint:
    """An endpoint all of whose connections have fetched one request after the other for a while."""
    item, now_s, numbers = endpoint("e"), 0.0, count()
    item.arrived_whole(16 * MIB)
    while now_s < seconds:
        item.tick(now_s, stall_s=60.0, left_bytes=1 << 40)
        while item.in_flight < item.limit:
            item.began(RequestNumber(next(numbers)), now_s, is_small=False)
        while item.in_flight > item.limit:
            item.delivered(is_small=False)
        now_s += TICK_S
        for number in range(item.in_flight):
            turn_s = (now_s + number * TICK_S) % REQUEST_S
            if turn_s < TICK_S:
                item.answered(RequestNumber(0), ROUND_TRIP_S)
            if turn_s >= ROUND_TRIP_S:
                item.received(int(FLOW_BYTES_PER_S * TICK_S), now_s)
    return item


def last_bytes(item: Endpoint, left_bytes: int, *others: Endpoint) -> int:
    return request_bytes(
        POLICY,
        item,
        [item, *others],
        block_bytes=MIB,
        left_bytes=left_bytes,
    )


AT_FULL_SPEED = at_work(10.0)


@LAW
@given(st.integers(0, 2 << 30), st.integers(0, 2 << 30))
def test_the_less_is_left_the_shorter_are_requests(one_bytes: int, other_bytes: int) -> None:
    less_bytes, more_bytes = sorted((one_bytes, other_bytes))
    assert last_bytes(AT_FULL_SPEED, less_bytes) <= last_bytes(AT_FULL_SPEED, more_bytes)


def test_the_last_requests_keep_connections_busy_for_longer_than_they_wait() -> None:
    window_bytes = FLOW_BYTES_PER_S * ROUND_TRIP_S
    max_bytes = 1.1 * POLICY.min_request_windows * window_bytes
    assert window_bytes <= last_bytes(AT_FULL_SPEED, 0) <= max_bytes


def test_in_slow_start_the_last_requests_are_as_short_as_may_be() -> None:
    assert last_bytes(at_work(REQUEST_S), 0) < last_bytes(AT_FULL_SPEED, 0)


def test_what_is_left_is_not_shared_with_an_endpoint_that_is_on_trial() -> None:
    one, other = endpoint("e"), endpoint("f")
    shared_bytes = last_bytes(one, 100 * MIB, other)
    other.began(RequestNumber(0), 0.0, is_small=False)
    other.tick(10.0, stall_s=1.0, left_bytes=0)
    assert other.is_on_trial
    assert last_bytes(one, 100 * MIB, other) > shared_bytes
    assert last_bytes(other, 100 * MIB, one) == shared_bytes
