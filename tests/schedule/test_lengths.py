"""Ranges are long enough to hide round trips and short enough to fit memory and caps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dlcore.schedule.lengths import LEAST_BYTES, MOST_BYTES, range_bytes
from tests.schedule.packages import LAW

KIB, MIB = 1 << 10, 1 << 20
FAST: dict[str, Any] = {
    "rate_bps": 15e6,
    "round_trip_s": 0.04,
    "connections": 8,
    "block_bytes": MIB,
    "memory_bytes": 40 * MIB,
    "cap_bps": 0.0,
}


def length(**changes: Any) -> int:
    return range_bytes(**(FAST | changes))


ARGUMENTS = st.fixed_dictionaries(
    {
        "rate_bps": st.none() | st.floats(0.0, 1e10),
        "round_trip_s": st.none() | st.floats(0.0, 60.0),
        "connections": st.integers(0, 512),
        "block_bytes": st.integers(1, 256 * MIB) | st.sampled_from([64 * KIB, MIB, 4 * MIB]),
        "memory_bytes": st.integers(1, 1 << 34),
        "cap_bps": st.just(0.0) | st.floats(1024.0, 1e9),
    }
)


@LAW
@given(ARGUMENTS)
def test_a_range_is_a_run_of_blocks_or_a_strip_that_2_to_the_k_times_covers_a_block(
    arguments: dict[str, Any],
) -> None:
    got, block = range_bytes(**arguments), arguments["block_bytes"]
    if got >= block:
        assert got % block == 0
        assert got == block or got <= MOST_BYTES
    else:
        strips = -(-block // got)
        assert LEAST_BYTES <= got <= MOST_BYTES
        assert 0 <= got * (1 << (strips - 1).bit_length()) - block < 1 << strips.bit_length()


@LAW
@given(ARGUMENTS)
def test_what_all_hold_fits_the_memory_unless_ranges_cannot_be_shorter(
    arguments: dict[str, Any],
) -> None:
    got, block = range_bytes(**arguments), arguments["block_bytes"]
    held = min(got, block)
    if held >= 2 * LEAST_BYTES:
        assert held * max(1, arguments["connections"]) <= arguments["memory_bytes"]


@LAW
@given(ARGUMENTS, st.floats(1.0, 100.0))
def test_faster_connections_get_no_shorter_ranges(arguments: dict[str, Any], by: float) -> None:
    assume(arguments["rate_bps"] is not None)
    faster = arguments | {"rate_bps": arguments["rate_bps"] * by}
    assert range_bytes(**faster) >= range_bytes(**arguments)


@LAW
@given(ARGUMENTS, st.floats(0.0, 10.0))
def test_longer_round_trips_get_no_shorter_ranges(arguments: dict[str, Any], by_s: float) -> None:
    longer = arguments | {"round_trip_s": (arguments["round_trip_s"] or 0.0) + by_s}
    assert range_bytes(**longer) >= range_bytes(**arguments)


@LAW
@given(ARGUMENTS, st.integers(1, 500))
def test_more_connections_get_no_longer_ranges(arguments: dict[str, Any], more: int) -> None:
    crowd = arguments | {"connections": arguments["connections"] + more}
    assert range_bytes(**crowd) <= range_bytes(**arguments)


@LAW
@given(ARGUMENTS, st.integers(1, 1 << 32))
def test_more_memory_gives_no_shorter_ranges(arguments: dict[str, Any], more: int) -> None:
    roomy = arguments | {"memory_bytes": arguments["memory_bytes"] + more}
    assert range_bytes(**roomy) >= range_bytes(**arguments)


def test_an_unknown_rate_means_one_block() -> None:
    assert length(rate_bps=None, round_trip_s=None) == MIB


@pytest.mark.parametrize("rate_bps", [2e6, 5e6, 15e6])
def test_a_round_trip_is_a_small_part_of_a_range(rate_bps: float) -> None:
    assert length(rate_bps=rate_bps) / rate_bps >= 10 * 0.04


@pytest.mark.parametrize("round_trip_s", [0.0, 0.04, 0.3, 10.0])
def test_no_range_takes_much_longer_than_two_seconds(round_trip_s: float) -> None:
    assert length(rate_bps=5e6, round_trip_s=round_trip_s) / 5e6 <= 2.0


def test_slow_answers_make_ranges_longer() -> None:
    assert length(rate_bps=4e6, round_trip_s=0.3) > length(rate_bps=4e6, round_trip_s=0.04)


def test_many_slow_connections_share_blocks() -> None:
    got = length(rate_bps=0.7e6, round_trip_s=0.08, connections=110)
    assert got == 256 * KIB


@pytest.mark.parametrize("cap_bps", [64 * KIB, MIB, 10 * MIB])
def test_sockets_swallow_no_more_than_half_a_second_of_a_cap(cap_bps: int) -> None:
    connections = max(1, cap_bps // (256 * KIB))
    got = length(cap_bps=float(cap_bps), connections=connections)
    assert got * connections <= max(LEAST_BYTES, cap_bps / 2)


def test_small_blocks_are_never_divided() -> None:
    assert length(block_bytes=4096, rate_bps=1.0) == 4096
