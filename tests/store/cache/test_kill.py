"""A process that shares, separates and evicts packages is killed at a random point of its work."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from dlcore.store import CacheLimit, Store
from tests.depth import cases
from tests.seeds import given_seed
from tests.store.cache.contents import package_of
from tests.store.helpers import BLOCK_BYTES, Package, fill, read_back
from tests.store.test_kill import count_points

SEED = given_seed(20261129)
KILLS = int(os.environ.get("DLCORE_KILLS") or cases(12, 30))
SHARED = {f"drivers/{n}.dll": bytes([n + 1]) * BLOCK_BYTES * 2 for n in range(6)}
PACKAGES = [
    package_of(f"ABC0000{n}", SHARED | {"own.exe": bytes([90 + n]) * BLOCK_BYTES * 2})
    for n in range(3)
]

pytestmark = pytest.mark.posix_only(reason="forks")


def work(state: Path, seed: int, reached: Callable[[], int]) -> None:
    """Fill all packages, hand some out to be written into, let some give way, and fill again."""
    chance = random.Random(seed)
    with Store.open(state, wait_s=10) as store:
        store.use_cache()
        for _ in range(3):
            for package in PACKAGES:
                complete(store, package)
                reached()
            package = chance.choice(PACKAGES)
            store.prove(package.manifest, package.document, lend=True, to_write=True)
            store.evictor.release([each.key for each in store.holdings()])
            store.prune(CacheLimit(max_bytes=chance.choice([0, 100_000, 200_000])))


def complete(store: Store, package: Package) -> Path:
    content = store.prove(package.manifest, package.document, to_write=False)
    if content is None:
        partial = store.begin(package.manifest, package.document)
        fill(partial, package, [n for n, held in enumerate(partial.have) if not held])
        content = partial.finish()
    return content


def run(state: Path, seed: int, last: int) -> int:
    """Work in a process of its own, killed at that point; returns how many points there were."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            reached = count_points(last)
            work(state, seed, reached)
            os.write(theirs, reached().to_bytes(4))
            status = 0
        finally:
            os._exit(status)
    os.close(theirs)
    points = os.read(ours, 4)
    os.close(ours)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or status == 0
    return int.from_bytes(points)


def test_a_killed_process_leaves_nothing_wrong_and_nothing_stuck(tmp_path: Path) -> None:
    """Fault: the process dies while packages share files or give way. The next one goes on."""
    points = run(tmp_path / "measured", SEED, 0)
    assert points > 100
    chance = random.Random(SEED)
    state = tmp_path / "state"
    for _ in range(KILLS):
        run(state, chance.randrange(1000), chance.randrange(1, points))
        with Store.open(state) as store:
            for package in PACKAGES:
                content = store.prove(package.manifest, package.document, to_write=False)
                assert content is None or read_back(content) == package.contents
            assert list((state / "removed").iterdir()) == []
    with Store.open(state) as store:
        store.use_cache()
        for package in PACKAGES:
            assert read_back(complete(store, package)) == package.contents
