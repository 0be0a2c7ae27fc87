"""A process that fills a package is killed at a random point of its work; the next one goes on.

A point is a written block, or whatever the interpreter audits: each file or folder that is opened,
made, listed, renamed or removed. Points are counted, not seconds, so that a busy machine makes no
difference; what the other thread is doing at that moment is left to chance.

On POSIX the process is forked, and killed by SIGKILL; on Windows it is started, which takes longer,
and ends itself by TerminateProcess.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from dlcore.store import Store
from tests.depth import cases
from tests.seeds import given_seed
from tests.store.helpers import fill, make_package, read_back

SEED = given_seed(20261122)
KILLS = int(os.environ.get("DLCORE_KILLS") or cases(12, 30))
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # what Windows ends a process with at once
SIZES = {f"{i:02}.bin": 20_000 * (i % 12) for i in range(48)} | {f"s{i}": 500 for i in range(90)}
PACKAGE = make_package(SIZES)
NUMBER_BYTES = 4
ENDING = 20  # points of a process that has written everything,
LATE = 0.2  # this share of them is killed late


def count_points(last: int) -> Callable[[], int]:
    """From now on count the points of this process; it is killed at the last one.

    Returns:
        Is to be called at points that are not audited; tells how many there were.
    """
    points = count(1)

    def reached() -> int:
        point = next(points)
        if point == last:
            os.kill(os.getpid(), KILL)
        return point

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        reached()

    sys.addaudithook(audit)
    return reached


def fill_and_tell(state: Path, seed: int, told: int, reached: Callable[[], int]) -> None:
    """Fill the package from two threads; tell each block once it is written, then all points."""
    with Store.open(state, wait_s=10) as store:
        if store.prove(PACKAGE.manifest, PACKAGE.document, to_write=False):
            return
        partial = store.begin(PACKAGE.manifest, PACKAGE.document)
        wanted = [n for n, held in enumerate(partial.have) if not held]
        random.Random(seed).shuffle(wanted)

        def tell(number: int) -> None:
            os.write(told, number.to_bytes(NUMBER_BYTES))

        def write(number: int) -> None:
            assert partial.write_extent(*PACKAGE.block(number)) == ()
            tell(number)
            reached()
            if number % 40 == 0:
                partial.sync()

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(write, wanted))
        partial.finish()
        tell(reached())


def run(state: Path, seed: int, last: int = 0) -> tuple[set[int], bool]:
    """Run `fill_and_tell` in a process of its own, killed at that point if it comes so far.

    Returns:
        What it told, and whether it was killed.
    """
    data, was_killed = run_process(state, seed, last)
    told = range(0, len(data), NUMBER_BYTES)
    return {int.from_bytes(data[at : at + NUMBER_BYTES]) for at in told}, was_killed


if sys.platform == "win32":

    def run_process(state: Path, seed: int, last: int) -> tuple[bytes, bool]:
        arguments = [str(state), str(seed), str(last)]
        child = subprocess.run(
            [sys.executable, "-m", "tests.store.test_kill", *arguments],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            check=False,
        )
        assert child.returncode in {0, KILL}
        return child.stdout, child.returncode != 0

else:

    def run_process(state: Path, seed: int, last: int) -> tuple[bytes, bool]:
        reading, telling = os.pipe()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                fill_and_tell(state, seed, telling, count_points(last))
                status = 0
            finally:
                os._exit(status)
        os.close(telling)
        with os.fdopen(reading, "rb") as pipe:
            data = pipe.read()
        _, status = os.waitpid(child, 0)
        assert status in {0, KILL}
        return data, status != 0


@pytest.mark.timeout(600)  # a process takes seconds to start under Wine
def test_a_kill_at_any_point_loses_no_written_block_and_no_byte(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Fault P1: the process is killed at any moment. dlcore loses no written block and goes on."""
    chance = random.Random(SEED)
    told, _ = run(tmp_path / "clean", SEED)
    points = max(told)  # more than there are blocks
    kills = fetched = reused = 0
    while kills < KILLS:
        state, left = tmp_path / f"after{kills}", points
        for _ in range(3):
            is_late = chance.random() < LATE
            last = left - chance.randrange(ENDING) if is_late else chance.randint(1, left)
            written, was_killed = run(state, chance.randrange(1 << 30), last)
            kills += was_killed
            with Store.open(state, wait_s=10) as store:
                if not store.prove(PACKAGE.manifest, PACKAGE.document, to_write=False):
                    assert was_killed
                    have = store.begin(PACKAGE.manifest, PACKAGE.document).have
                    assert {n for n in written if not have[n]} == set(), f"seed {SEED}"
                    reused += have.count(1)
                    left = points - have.count(1)
        with Store.open(state) as store:
            content = store.prove(PACKAGE.manifest, PACKAGE.document, to_write=False)
            if content is None:
                partial = store.begin(PACKAGE.manifest, PACKAGE.document)
                fetched += partial.missing()
                fill(partial, PACKAGE)
                content = partial.finish()
        assert read_back(content) == PACKAGE.contents, f"seed {SEED}"
    record_property("kills", kills)
    record_property("blocks_reused", reused)
    assert reused
    assert fetched


@pytest.mark.timeout(600)  # a process takes seconds to start under Wine
def test_a_kill_at_any_point_while_a_damaged_package_is_mended_needs_no_human(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Fault: the process is killed while a damaged package is mended. dlcore goes on."""
    chance = random.Random(SEED)
    with Store.open(tmp_path / "good") as store:
        partial = store.begin(PACKAGE.manifest, PACKAGE.document)
        fill(partial, PACKAGE)
        partial.finish()
    told, _ = run(damaged_copy(tmp_path / "clean", chance), SEED)
    points, kills, lives = max(told), 0, 0
    while kills < KILLS // 3:
        state = damaged_copy(tmp_path / f"after{lives}", chance)
        for _ in range(3):
            is_late = chance.random() < LATE
            last = points - chance.randrange(ENDING) if is_late else chance.randint(1, points)
            kills += run(state, chance.randrange(1 << 30), last)[1]
            lives += 1
        run(state, SEED)
        with Store.open(state) as store:
            content = store.prove(PACKAGE.manifest, PACKAGE.document, to_write=False)
            assert content, f"seed {SEED}"
            assert read_back(content) == PACKAGE.contents, f"seed {SEED}"
        shutil.rmtree(state)
    record_property("kills", kills)


def damaged_copy(state: Path, chance: random.Random) -> Path:
    """A copy of the state directory ``good`` in which one file of the package is altered."""
    shutil.copytree(state.with_name("good"), state)
    content = next((state / "packages").iterdir()) / "content"
    path = content / chance.choice([path for path, data in PACKAGE.contents.items() if data])
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1
    path.write_bytes(data)
    return state


if __name__ == "__main__":
    name, seed, last = sys.argv[1:]
    fill_and_tell(Path(name), int(seed), sys.stdout.fileno(), count_points(int(last)))
