"""A few trials of each scenario, and that the checks find what they look for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.seeds import given_seed
from tests.torture.campaign import Campaign
from tests.torture.scenarios import NEEDS_POSIX, SCENARIOS
from tests.torture.scene import CANARY, PACKAGES, Scene, differences
from tests.torture.tally import Tally, table

SEED = given_seed(20261122)
TRIALS = int(os.environ.get("DLCORE_TORTURE_TRIALS", "1"))


needs_posix = pytest.mark.posix_only(reason="calls are seen by way of /proc; users have ids")


@pytest.mark.parametrize(
    "name",
    [
        *(name for name in SCENARIOS if name not in NEEDS_POSIX),
        *(pytest.param(name, marks=needs_posix) for name in NEEDS_POSIX),
    ],
)
def test_a_few_trials_find_nothing(scene: Scene, tmp_path: Path, name: str) -> None:
    scene.dice.seed(SEED)  # whichever tests came before
    campaign = Campaign(tmp_path, SEED, [name], scene)
    for _ in range(TRIALS):
        campaign.run_round()
    assert campaign.tallies[name].is_clean, f"seed {SEED}\n{table(campaign.tallies)}"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("scene"), SEED)


@pytest.fixture
def right_log(scene: Scene, tmp_path: Path) -> list[str]:
    """What the steps write when all is well."""
    tally = Tally()
    assert scene.finish("run", scene.write_sequence(tmp_path), tmp_path, tally)
    scene.check_log(tmp_path, tally, 0, is_complete=True)
    assert tally.is_clean, tally.found
    return (tmp_path / "log").read_text().splitlines(keepends=True)


def found_in(scene: Scene, work: Path, lines: list[str], kills: int) -> set[str]:
    (work / "log").write_text("".join(lines))
    tally = Tally()
    scene.check_log(work, tally, kills, is_complete=True)
    return {kind for kind, notes in tally.found.items() if notes}


def test_the_log_of_the_steps_tells_what_was_wrong(
    scene: Scene, tmp_path: Path, right_log: list[str]
) -> None:
    log = right_log
    assert len(log) == len(PACKAGES) + 1
    assert found_in(scene, tmp_path, log, 0) == set()
    assert found_in(scene, tmp_path, [log[0], *log], 1) == set()  # the step that was hit
    assert found_in(scene, tmp_path, [log[0], *log], 0) == {"steps repeated"}
    assert found_in(scene, tmp_path, [*log[:2], log[0], *log[2:]], 1) == {"steps repeated"}
    assert found_in(scene, tmp_path, [*log, *log], 1) == set()  # started over after its end
    assert "steps skipped" in found_in(scene, tmp_path, [log[0], *log[2:]], 1)
    assert "steps skipped" in found_in(scene, tmp_path, [log[0], *log[2:], *log], 1)
    assert "steps skipped" in found_in(scene, tmp_path, log[:-1], 1)
    altered = [log[0].replace(log[0].split()[1], "0" * 64), *log[1:]]
    assert "wrong files" in found_in(scene, tmp_path, altered, 0)


def test_the_environment_of_a_step_is_searched_for_secrets(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "environment").write_text(f"DLCORE_TOKEN={CANARY}\n")
    tally = Tally()
    scene.check_secrets(tmp_path, tally)
    assert len(tally.found["leaks"]) == 1


def test_trees_are_compared_in_both_directions(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "planted").touch()
    found = differences(scene.source("ABC00001"), tmp_path)
    assert {"planted", "empty", "tools/check.exe"} <= set(found)
    assert "tools" not in found
