"""What all connections receive is gathered into jobs; whoever waits hears what became of his."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import cast

import pytest

from dlcore.engine.download import verifier as verifiers
from dlcore.engine.download.verifier import Verifier
from dlcore.errors import StorageError
from dlcore.model import BlockRange, Manifest, Object
from dlcore.store import Partial

BLOCK_BYTES = 4096
DATA = memoryview(bytes(BLOCK_BYTES))
MANIFEST = Manifest(
    schema=1,
    package_id="ABC00001",
    version=1,
    block_bytes=BLOCK_BYTES,
    objects=(
        Object("blocks", 100 * BLOCK_BYTES, digests=bytes(3200)),
        Object("whole", 100 * BLOCK_BYTES, sha256=bytes(32)),
    ),
    files=(),
)


class FakePartial:
    """Takes note of the jobs; each waits until it is let go. Block 13 is always bad."""

    def __init__(self) -> None:
        self.manifest = MANIFEST
        self.jobs: list[list[tuple[int, int]]] = []
        self.go = threading.Event()
        self.fails = False

    def write_runs(self, runs: Sequence[tuple[int, int, memoryview]]) -> list[tuple[int, ...]]:
        self.jobs.append([(index, first) for index, first, _ in runs])
        assert self.go.wait(30)
        if self.fails:
            raise StorageError("broken")
        return [(13,) if first == 13 else () for _, first, _ in runs]


class Bench:
    """A verifier with two threads, the fewest there are, and a package."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.cpu_count", lambda: 1)
        self.verifier = Verifier()
        self.partial = FakePartial()

    def start(self, *blocks: int, index: int = 0) -> list[asyncio.Task[tuple[int, ...]]]:
        partial = cast("Partial", self.partial)
        return [
            asyncio.ensure_future(
                self.verifier.verify(partial, BlockRange(index, block, block + 1), DATA)
            )
            for block in blocks
        ]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


async def until_busy(bench: Bench, jobs: int) -> None:
    # Threads tell of their start here, and nowhere else.
    while len(bench.partial.jobs) < jobs:  # noqa: ASYNC110
        await asyncio.sleep(0)


async def test_what_comes_during_a_job_goes_together_in_the_next(bench: Bench) -> None:
    first = bench.start(0)
    await until_busy(bench, 1)
    gathered = bench.start(2, 13, 4, 5)
    await asyncio.sleep(0)
    bench.partial.go.set()
    assert await asyncio.gather(*first, *gathered) == [(), (), (13,), (), ()]
    assert bench.partial.jobs == [[(0, 0)], [(0, 2), (0, 13), (0, 4), (0, 5)]]
    bench.verifier.close()


async def test_a_second_job_begins_when_it_is_full_and_no_fuller(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifiers, "JOB_BYTES", 3 * BLOCK_BYTES)
    tasks = bench.start(0)
    await until_busy(bench, 1)
    tasks += bench.start(1, 2)
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(bench.partial.jobs) == 1
    tasks += bench.start(3, 4)
    await until_busy(bench, 2)
    assert bench.partial.jobs[1] == [(0, 1), (0, 2), (0, 3)]
    bench.partial.go.set()
    await asyncio.gather(*tasks)
    bench.verifier.close()


async def test_a_run_that_may_decide_over_its_object_is_a_job_of_its_own(bench: Bench) -> None:
    tasks = bench.start(0)
    await until_busy(bench, 1)
    tasks += [*bench.start(3, index=1), *bench.start(2), *bench.start(4, 5)]
    await until_busy(bench, 2)  # it need not wait for others
    bench.partial.go.set()
    await asyncio.gather(*tasks)
    assert [(1, 3)] in bench.partial.jobs
    bench.verifier.close()


async def test_a_disk_that_fails_is_told_to_everybody_in_the_job(bench: Bench) -> None:
    bench.partial.fails = True
    tasks = bench.start(0)
    await until_busy(bench, 1)
    tasks += bench.start(2, 3)
    bench.partial.go.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, StorageError) for result in results)
    bench.verifier.close()


async def test_who_is_cancelled_waits_for_the_thread_that_reads_his_buffer(bench: Bench) -> None:
    (task,) = bench.start(0)
    await until_busy(bench, 1)
    task.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not task.done()
    bench.partial.go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    bench.verifier.close()
