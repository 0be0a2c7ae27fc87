"""How long a step waits at most for a slow endpoint while a fast one is idle."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.model import Manifest
from dlcore.schedule import Policy
from tests.schedule.network import SILENT, Terrain
from tests.schedule.packages import LAW, digests, sized
from tests.schedule.simulation import Played, Simulation

MIB = 1 << 20
CONTENT_BYTES = 5 * MIB
CONNECTIONS = 4  # that fill the fast path
RATES_BYTES_PER_S = st.sampled_from([5e3, 20e3, 100e3, 500e3])
ROUND_TRIPS_S = st.sampled_from([0.01, 0.1, 0.5, 1.5])
FAST = Terrain(100e6, 100e6 / CONNECTIONS, 0.002)
NEEDS_S = CONTENT_BYTES / FAST.connection_bytes_per_s  # of one connection
MAX_WAIT_S = 0.35 + Policy().race_factor * NEEDS_S  # ticks of the engine included


def package(objects: int, *, is_whole: bool = False) -> Manifest:
    """A package of some objects, perhaps with only one digest each."""
    made = sized([CONTENT_BYTES // objects] * objects, block_bytes=MIB)
    if not is_whole:
        return made
    whole = (msgspec.structs.replace(item, digests=b"", sha256=digests(1)) for item in made.objects)
    return msgspec.structs.replace(made, objects=tuple(whole))


def play(manifest: Manifest, slow: Terrain, *, slow_first: bool) -> Played:
    both = {"slow": slow, "fast": FAST} if slow_first else {"fast": FAST, "slow": slow}
    return Simulation([(manifest, 0.0)], both, random.Random(1)).play()


@LAW
@given(
    objects=st.sampled_from([1, 5, 40]),
    is_whole=st.booleans(),
    slow_first=st.booleans(),
    rate_bytes_per_s=RATES_BYTES_PER_S,
    round_trip_s=ROUND_TRIPS_S,
)
def test_a_slow_endpoint_holds_a_step_up_for_moments_only(
    objects: int, is_whole: bool, slow_first: bool, rate_bytes_per_s: float, round_trip_s: float
) -> None:
    """Fault: an endpoint takes seconds for its first answer, or for each block, beside a fast one.
    dlcore has its blocks fetched by the fast one as soon as that pays.
    """
    slow = Terrain(rate_bytes_per_s, rate_bytes_per_s, round_trip_s)
    played = play(package(objects, is_whole=is_whole), slow, slow_first=slow_first)
    assert played.makespan_s <= MAX_WAIT_S
    assert played.wasted_bytes <= MIB


@pytest.mark.parametrize("slow_first", [True, False])
@pytest.mark.parametrize("objects", [1, 5, 40])
@pytest.mark.parametrize("silent_s", [0.02, 0.1, 0.3])
def test_an_endpoint_that_falls_silent_does_not_help_itself(
    objects: int, slow_first: bool, silent_s: float
) -> None:
    """Fault: an endpoint falls silent in the middle of a block. dlcore has another one fetch the
    rest, and does not ask more connections of the silent one for it.
    """
    silent = Terrain(20e6, 5e6, 0.01, changes=((silent_s, SILENT),))
    played = play(package(objects), silent, slow_first=slow_first)
    assert played.makespan_s <= silent_s + MAX_WAIT_S
    assert played.wasted_bytes <= MIB
