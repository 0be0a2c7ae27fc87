"""Rounds of trials, one of each scenario, with a folder for each trial."""

from __future__ import annotations

import shutil
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
    """

    def __init__(self, root: Path, seed: int, names: Sequence[str]) -> None:
        command.preload()
        self._root = root
        self._scene = Scene(root / "scene", seed)
        self.tallies = {name: Tally() for name in names}

    def run_round(self) -> None:
        """One trial of each scenario."""
        for name, tally in self.tallies.items():
            work = self._root / "trial"
            work.mkdir()
            tally.trials += 1
            SCENARIOS[name](self._scene, work, tally)
            shutil.rmtree(work)
