"""The planner's makespan over simulated networks, against the lower bound, for many sequences."""

from __future__ import annotations

import os
import random

import pytest

from dlcore.model import DEFAULT_BLOCK_BYTES, DIGEST_BYTES, Manifest, Object
from tests.schedule.network import Terrain
from tests.schedule.simulation import Played, Simulation, Steps

RUNS = int(os.environ.get("DLCORE_SIMULATIONS", "40"))
MISHAPS: dict[str, dict[str, float]] = {
    "none": {},
    "slow": {"slow": 0.1},
    "breaks": {"breaks": 0.1},
    "stalls": {"stalls": 0.02},
}


def random_steps(chance: random.Random) -> Steps:
    """A sequence: some steps have content, from 64 KiB to 200 MB."""
    steps: Steps = []
    for number in range(chance.randint(1, 10)):
        lengths = [int(2 ** chance.uniform(16, 26)) for _ in range(chance.randint(1, 3))]
        objects = tuple(
            Object(str(n), length, bytes(DIGEST_BYTES * -(-length // DEFAULT_BLOCK_BYTES)))
            for n, length in enumerate(lengths)
        )
        manifest = Manifest(1, f"ABC{number:05}", 1, DEFAULT_BLOCK_BYTES, objects, ())
        has_content = chance.random() < 0.7
        steps.append((manifest if has_content else None, chance.uniform(0, 10)))
    return steps


def random_terrain(chance: random.Random, mishaps: dict[str, float]) -> Terrain:
    rate_bps = 2 ** chance.uniform(21, 26)
    terrain = Terrain(
        rate_bps,
        rate_bps / chance.choice([1, 2, 4, 8, 12]),
        chance.choice([0.0, 0.002, 0.01, 0.03, 0.08]),
        chance.randint(4, 24),
    )
    return terrain._replace(
        slow=mishaps.get("slow", 0.0),
        breaks=mishaps.get("breaks", 0.0),
        stalls=mishaps.get("stalls", 0.0),
    )


def play(seed: int, mishaps: dict[str, float]) -> Played:
    chance = random.Random(seed)
    steps = random_steps(chance)
    terrains = {f"e{n}": random_terrain(chance, mishaps) for n in range(chance.randint(1, 3))}
    return Simulation(steps, terrains, chance).play()


@pytest.mark.parametrize("mishap", MISHAPS)
def test_every_byte_that_arrives_is_content_or_accounted_for(mishap: str) -> None:
    for seed in range(RUNS):
        played = play(seed, MISHAPS[mishap])
        accounted = played.content_bytes + played.wasted_bytes + played.lost_bytes
        assert played.arrived_bytes == accounted, seed
