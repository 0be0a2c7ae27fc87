"""Random sequences and random networks to play them over."""

from __future__ import annotations

import random
from typing import NamedTuple

from dlcore.model import DEFAULT_BLOCK_BYTES, Manifest, Object
from dlcore.schedule import StepLoad, lower_bound_s
from tests.schedule.network import CLOSED, SILENT, Terrain
from tests.schedule.packages import digests
from tests.schedule.simulation import TICK_S, Played, Simulation, Steps


class Mishaps(NamedTuple):
    """What goes wrong: see `Terrain`."""

    slow: float = 0.0
    breaks: float = 0.0
    stalls: float = 0.0
    bad: float = 0.0
    is_changing: bool = False


KINDS = {
    "none": Mishaps(),
    "slow connections": Mishaps(slow=0.1),
    "requests that break off": Mishaps(breaks=0.1),
    "requests that stall": Mishaps(stalls=0.02),
    "an endpoint that serves bad blocks": Mishaps(bad=0.1),
    "endpoints that slow down, fall silent, close and come back": Mishaps(is_changing=True),
}


class Run(NamedTuple):
    """One simulated run and what to measure it by.

    Attributes:
        seed: Makes the same run again.
        terrains: Of its endpoints.
        played: What came of it.
        bound_s: No schedule is quicker over links of those rates.
        opening_s: What the bound leaves out: connections have to be opened and to get up to
            speed; once for the first, and again for more of them where those turn out to help.
            And what only time tells, the engine looks at every so often.
    """

    seed: int
    terrains: dict[str, Terrain]
    played: Played
    bound_s: float
    opening_s: float

    @property
    def ratio(self) -> float:
        """Makespan over the bound."""
        return self.played.makespan_s / self.bound_s

    @property
    def explained_ratio(self) -> float:
        """The same once the connections are open."""
        return self.played.makespan_s / (self.bound_s + self.opening_s)

    def __str__(self) -> str:
        """All that is needed to look into it."""
        over_s = self.played.makespan_s - self.bound_s
        return (
            f"seed {self.seed}: {self.ratio:.3f} x {self.bound_s:.1f} s, over by {over_s:.2f} s,"
            f" opening {self.opening_s:.2f} s, {self.terrains}, {self.played}"
        )


def random_steps(chance: random.Random) -> Steps:
    """A sequence: most steps have content, from 64 KiB to 70 MB."""
    steps: Steps = []
    for number in range(chance.randint(1, 7)):
        lengths = [int(2 ** chance.uniform(16, 24.5)) for _ in range(chance.randint(1, 3))]
        objects = tuple(
            Object(str(n), length, digests(-(-length // DEFAULT_BLOCK_BYTES)))
            for n, length in enumerate(lengths)
        )
        manifest = Manifest(1, f"ABC{number:05}", 1, DEFAULT_BLOCK_BYTES, objects, ())
        has_content = chance.random() < 0.7
        steps.append((manifest if has_content else None, chance.uniform(0, 10)))
    return steps


def random_terrain(chance: random.Random) -> Terrain:
    """A path that some connections fill; half as many again are allowed."""
    rate_bytes_per_s = 2 ** chance.uniform(21, 26)
    filling = chance.choice([1, 2, 4, 8, 12])
    round_trip_s = chance.choice([0.0, 0.002, 0.01, 0.03, 0.08])
    max_connections = chance.randint(filling + filling // 2 + 2, 24)
    return Terrain(rate_bytes_per_s, rate_bytes_per_s / filling, round_trip_s, max_connections)


def random_changes(chance: random.Random) -> tuple[tuple[float, float], ...]:
    """The path slows, falls silent or closes, and recovers, several times."""
    changes: list[tuple[float, float]] = []
    at_s = 0.0
    for _ in range(chance.randint(1, 3)):
        at_s += chance.uniform(0.0, 8.0)
        changes.append((at_s, chance.choice([CLOSED, SILENT, 0.1, 0.3])))
        at_s += chance.uniform(0.5, 8.0)
        changes.append((at_s, 1.0))
    return tuple(changes)


def play(seed: int, mishaps: Mishaps) -> Run:
    """Play a random sequence over a random network."""
    chance = random.Random(seed)
    steps = random_steps(chance)
    slow, breaks, stalls, bad, is_changing = mishaps
    # Were all to serve bad blocks, nobody would be left.
    count = chance.randint(2 if bad else 1, 3)
    terrains = {
        f"e{n}": random_terrain(chance)._replace(
            slow=slow,
            breaks=breaks,
            stalls=stalls,
            bad=0.0 if n else bad,
            changes=random_changes(chance) if is_changing else (),
        )
        for n in range(count)
    }
    played = Simulation(steps, terrains, chance).play()
    loads = [
        StepLoad(manifest.content_bytes if manifest else 0, run_s) for manifest, run_s in steps
    ]
    bound_s = lower_bound_s(loads, sum(t.full_bytes_per_s for t in terrains.values()))
    opening_s = 2 * TICK_S + max(2 * (t.warm_up_s + t.round_trip_s) for t in terrains.values())
    return Run(seed, terrains, played, bound_s, opening_s)
