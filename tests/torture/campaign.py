"""Rounds of trials, one of each scenario, with a folder for each trial."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from tests.torture import command
from tests.torture.scenarios import SCENARIOS
from tests.torture.scene import Scene
from tests.torture.tally import Tally


class Campaign:
    """The scenarios and what they came to.

    Args:
        root: A folder of its own.
        seed: Of all choices.
        names: Which scenarios.
        scene: The site; by default a new one.
    """

    def __init__(
        self, root: Path, seed: int, names: Sequence[str], scene: Scene | None = None
    ) -> None:
        command.preload()
        self._root = root
        self._scene = scene or Scene(root / "scene", seed)
        self.tallies = {name: Tally() for name in names}

    def run_round(self) -> None:
        """One trial of each scenario."""
        for name in self.tallies:
            self._run(name)

    def run_next(self) -> None:
        """One trial of the scenario that has had the least time."""
        self._run(min(self.tallies, key=lambda name: self.tallies[name].seconds))

    def is_over(self, end_s: float, blows: int | None) -> bool:
        """Whether there were some blows; if no number is given, whether a time has come."""
        if blows is None:
            return time.monotonic() >= end_s
        return sum(tally.blows for tally in self.tallies.values()) >= blows

    def _run(self, name: str) -> None:
        tally, work = self.tallies[name], self._root / "trial"
        work.mkdir()
        tally.trials += 1
        began_s = time.monotonic()
        SCENARIOS[name](self._scene, work, tally)
        tally.seconds += time.monotonic() - began_s
        shutil.rmtree(work)
