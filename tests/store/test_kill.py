"""A process that fills a package is killed at a random moment; the next one goes on."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dlcore.store import Store
from tests.store.helpers import fill, make_package, read_back

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")

SEED = int(os.environ.get("DLCORE_SEED", "20261122"))
KILLS = int(os.environ.get("DLCORE_KILLS", "30"))
SIZES = {f"{i:02}.bin": 20_000 * (i % 12) for i in range(48)} | {f"s{i}": 500 for i in range(90)}
PACKAGE = make_package(SIZES)
NUMBER_BYTES = 4


def fill_and_tell(state: Path, seed: int, told: int) -> None:
    """Fill the package from two threads, telling each block once it is written."""
    with Store.open(state, wait_s=10) as store:
        if store.find(PACKAGE.digest, PACKAGE.manifest):
            return
        partial = store.begin(PACKAGE.manifest, PACKAGE.document)
        wanted = [n for n, held in enumerate(partial.have) if not held]
        random.Random(seed).shuffle(wanted)

        def write(number: int) -> None:
            assert partial.write_run(*PACKAGE.block(number)) == ()
            os.write(told, number.to_bytes(NUMBER_BYTES))
            if number % 40 == 0:
                partial.sync()

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(write, wanted))
        partial.finish()


def start(state: Path, seed: int) -> tuple[int, int]:
    """Run `fill_and_tell` in a process of its own. Returns its id and what it tells through."""
    reading, telling = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            fill_and_tell(state, seed, telling)
            status = 0
        finally:
            os._exit(status)
    os.close(telling)
    return child, reading


def end(child: int, reading: int) -> tuple[set[int], int]:
    """Read what the process told until it ended. Returns the blocks and its exit status."""
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(child, 0)
    told = range(0, len(data) - len(data) % NUMBER_BYTES, NUMBER_BYTES)
    return {int.from_bytes(data[at : at + NUMBER_BYTES]) for at in told}, status


def duration_s(state: Path) -> float:
    began = time.monotonic()
    assert end(*start(state, SEED))[1] == 0
    return time.monotonic() - began


def test_a_kill_at_any_moment_loses_no_written_block_and_no_byte(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(SEED)
    clean_s = min(duration_s(tmp_path / f"clean{at}") for at in range(3))
    kills = fetched = reused = 0
    while kills < KILLS:
        state = tmp_path / f"after{kills}"
        for _ in range(3):
            child, reading = start(state, chance.randrange(1 << 30))
            time.sleep(chance.uniform(0, clean_s))  # the moment of the kill
            os.kill(child, signal.SIGKILL)
            written, _ = end(child, reading)
            kills += 1
            with Store.open(state, wait_s=10) as store:
                if not store.find(PACKAGE.digest, PACKAGE.manifest):
                    have = store.begin(PACKAGE.manifest, PACKAGE.document).have
                    assert {n for n in written if not have[n]} == set(), f"seed {SEED}"
                    reused += have.count(1)
        with Store.open(state) as store:
            content = store.find(PACKAGE.digest, PACKAGE.manifest)
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
