"""What a killed command leaves is judged rightly."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.torture.remains import Kept, moment_of_fetch, moment_of_run
from tests.torture.scene import BLOCK_BYTES, PACKAGES, Scene, flip_a_bit
from tests.torture.tally import Tally

PACKAGE_ID = "ABC00001"
CONTENT_BYTES = sum(PACKAGES[PACKAGE_ID].values())


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("scene"), 1)


@pytest.fixture
def content(scene: Scene, tmp_path: Path) -> Path:
    """The content of a package that is complete, but not finished."""
    source = scene.source(PACKAGE_ID)
    return shutil.copytree(source, tmp_path / "partial" / f"{PACKAGE_ID}.1-0123" / "content")


@pytest.fixture
def kept(scene: Scene, tmp_path: Path) -> Kept:
    return Kept(scene.published, [PACKAGE_ID], tmp_path)


def report(fetched_bytes: int) -> dict[str, int]:
    return {"bytes_fetched": fetched_bytes, "bytes_wasted": 0, "bytes_reused": 0}


def test_right_bytes_that_are_gone_are_found(content: Path, kept: Kept) -> None:
    tally = Tally()
    for _ in range(2):
        kept.look(tally)
    assert tally.is_clean
    flip_a_bit(content / "tools" / "check.exe", random.Random(1))
    kept.look(tally)
    assert len(tally.found["fetched twice"]) == 1


def test_bytes_that_were_right_and_are_fetched_again_are_found(content: Path, kept: Kept) -> None:
    with (content / "tools" / "check.exe").open("r+b") as file:
        file.write(b"not right")  # in its first block
    (content / "s" / "39").unlink()  # the last of the pack, of which all other bytes are right
    missing_bytes = BLOCK_BYTES + 40 * 3_000 % BLOCK_BYTES
    tally = Tally()
    kept.look(tally)
    kept.compare(report(missing_bytes), tally)
    assert tally.is_clean
    kept.compare(report(missing_bytes + 1), tally)
    assert tally.found["fetched twice"] == ["trial 0: 1 bytes"]


def test_nothing_was_kept_where_nothing_is(tmp_path: Path, kept: Kept) -> None:
    tally = Tally()
    kept.look(tally)
    kept.compare(report(CONTENT_BYTES), tally)
    assert tally.is_clean
    kept.compare(report(CONTENT_BYTES + 1), tally)
    assert tally.found["fetched twice"] == ["trial 0: 1 bytes"]


def test_what_is_left_tells_when_a_fetch_was_killed(tmp_path: Path) -> None:
    state = tmp_path / ".folder.dlcore"
    found = [moment_of_fetch(state, is_delivered=False)]
    for path in (state / "partial" / "key", state / "packages" / "key", state / "replaced"):
        path.mkdir(parents=True)
        found.append(moment_of_fetch(state, is_delivered=False))
    found.append(moment_of_fetch(state, is_delivered=True))
    shutil.rmtree(state)
    found.append(moment_of_fetch(state, is_delivered=True))
    assert found == [
        *("begun", "content fetched", "delivered", "folder away"),
        *("state removed", "ended"),
    ]


def test_the_log_of_the_steps_tells_when_a_run_was_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    found = [moment_of_run(tmp_path, log)]
    for path in (tmp_path / "run.json", log):
        path.write_text("step-0 digest  -\n")
        found.append(moment_of_run(tmp_path, log))
    assert found == ["begun", "before the first step", "after 1 steps"]
