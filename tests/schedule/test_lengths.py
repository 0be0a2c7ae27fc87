"""Ranges are long enough to hide round trips and short enough to fit memory and caps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.schedule.lengths import MAX_BYTES, MIN_BYTES, fitted, full_bytes
from tests.schedule.packages import LAW

KIB, MIB = 1 << 10, 1 << 20
FAST: dict[str, Any] = {
    "rate_bytes_per_s": 15e6,
    "round_trip_s": 0.04,
    "connections": 8,
    "block_bytes": MIB,
    "memory_bytes": 40 * MIB,
    "cap_bytes_per_s": 0.0,
}


def length(**changes: Any) -> float:
    return full_bytes(**(FAST | changes))


BLOCKS = st.integers(1, 256 * MIB) | st.sampled_from([64 * KIB, MIB, 4 * MIB])
ARGUMENTS = st.fixed_dictionaries(
    {
        "rate_bytes_per_s": st.floats(0.0, 1e10),
        "round_trip_s": st.floats(0.0, 60.0),
        "connections": st.integers(1, 512),
        "block_bytes": BLOCKS,
        "memory_bytes": st.integers(1, 1 << 34),
        "cap_bytes_per_s": st.just(0.0) | st.floats(1024.0, 1e9),
    }
)


@LAW
@given(st.floats(1.0, 1e9), BLOCKS)
def test_a_range_is_a_run_of_blocks_or_an_equal_part_of_one(
    length_bytes: float, block: int
) -> None:
    got = fitted(length_bytes, block)
    if got >= block:
        assert got % block == 0
        assert got == block or got <= length_bytes
    else:
        strips = -(-block // got)
        assert got >= MIN_BYTES
        assert 0 <= got * strips - block < strips
        assert got <= max(length_bytes + 1, 2 * MIN_BYTES)


@LAW
@given(ARGUMENTS)
def test_what_all_hold_fits_the_memory_unless_ranges_cannot_be_shorter(
    arguments: dict[str, Any],
) -> None:
    got, block = full_bytes(**arguments), arguments["block_bytes"]
    assert MIN_BYTES <= got <= MAX_BYTES
    held = min(got, block)
    if held > MIN_BYTES:
        assert held * arguments["connections"] <= arguments["memory_bytes"] * 1.001


@LAW
@given(ARGUMENTS, st.floats(1.0, 100.0))
def test_faster_connections_get_no_shorter_ranges(arguments: dict[str, Any], by: float) -> None:
    faster = arguments | {"rate_bytes_per_s": arguments["rate_bytes_per_s"] * by}
    assert full_bytes(**faster) >= full_bytes(**arguments)


@LAW
@given(ARGUMENTS, st.floats(0.0, 10.0))
def test_longer_round_trips_get_no_shorter_ranges(arguments: dict[str, Any], by_s: float) -> None:
    longer = arguments | {"round_trip_s": arguments["round_trip_s"] + by_s}
    assert full_bytes(**longer) >= full_bytes(**arguments)


@LAW
@given(ARGUMENTS, st.integers(1, 500))
def test_more_connections_get_no_longer_ranges(arguments: dict[str, Any], more: int) -> None:
    crowd = arguments | {"connections": arguments["connections"] + more}
    assert full_bytes(**crowd) <= full_bytes(**arguments)


@LAW
@given(ARGUMENTS, st.integers(1, 1 << 32))
def test_more_memory_gives_no_shorter_ranges(arguments: dict[str, Any], more: int) -> None:
    roomy = arguments | {"memory_bytes": arguments["memory_bytes"] + more}
    assert full_bytes(**roomy) >= full_bytes(**arguments)


@pytest.mark.parametrize("rate_bytes_per_s", [2e6, 5e6, 15e6])
def test_a_round_trip_is_a_small_part_of_a_range(rate_bytes_per_s: float) -> None:
    assert length(rate_bytes_per_s=rate_bytes_per_s) / rate_bytes_per_s >= 10 * 0.04


@pytest.mark.parametrize("round_trip_s", [0.0, 0.04, 0.3, 10.0])
def test_no_range_takes_much_longer_than_two_seconds(round_trip_s: float) -> None:
    assert length(rate_bytes_per_s=5e6, round_trip_s=round_trip_s) / 5e6 <= 2.0


def test_slow_answers_make_ranges_longer() -> None:
    assert length(rate_bytes_per_s=4e6, round_trip_s=0.3) > length(
        rate_bytes_per_s=4e6, round_trip_s=0.04
    )


def test_many_slow_connections_share_blocks() -> None:
    got = length(rate_bytes_per_s=0.7e6, round_trip_s=0.08, connections=110)
    assert fitted(got, MIB) == -(-MIB // 6)


@pytest.mark.parametrize("cap_bytes_per_s", [64 * KIB, MIB, 10 * MIB])
def test_sockets_swallow_no_more_than_half_a_second_of_a_cap(cap_bytes_per_s: int) -> None:
    connections = max(1, cap_bytes_per_s // (256 * KIB))
    got = length(cap_bytes_per_s=float(cap_bytes_per_s), connections=connections)
    assert got * connections <= max(MIN_BYTES, cap_bytes_per_s / 2)


def test_small_blocks_are_never_divided() -> None:
    assert fitted(1.0, 4096) == 4096
