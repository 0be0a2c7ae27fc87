"""What all connections receive is gathered into jobs; whoever waits hears what became of his."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from dlcore.engine.download import verifier as verifiers
from dlcore.engine.download.verifier import Verifier
from dlcore.errors import StorageError
from dlcore.model import BlockExtent, Manifest, Object
from dlcore.store import Partial
from dlcore.store.pending_extents import OnWritten

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
    """Takes note of the jobs; each waits until it is let go. Block 13 is always bad.

    Attributes:
        halts_before: The block before which a job that was let go waits once more, for `on`.
        fails: Whether the disk is broken, from that block on if there is one.
    """

    def __init__(self) -> None:
        self.manifest = MANIFEST
        self.jobs: list[list[tuple[int, int]]] = []
        self.go, self.on = threading.Event(), threading.Event()
        self.halts_before: int | None = None
        self.fails = False
        self.ended = 0

    def write_extents(
        self, runs: Sequence[tuple[int, int, memoryview]], on_written: OnWritten
    ) -> None:
        self.jobs.append([(index, first) for index, first, _ in runs])
        assert self.go.wait(30)
        for place, (_, first, _) in enumerate(runs):
            if first == self.halts_before:
                assert self.on.wait(30)
            if self.fails and self.halts_before in {None, first}:
                raise StorageError("broken")
            on_written(place, (13,) if first == 13 else ())
        self.ended += 1


class Bench:
    """A verifier with two threads and a package."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(verifiers, "MAX_JOBS", 2)
        self.verifier = Verifier()
        self.partial = FakePartial()

    def start(self, *blocks: int, index: int = 0) -> list[asyncio.Task[tuple[int, ...]]]:
        partial = cast("Partial", self.partial)
        return [
            asyncio.ensure_future(
                self.verifier.verify(partial, BlockExtent.of(index, block, block + 1), DATA)
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
    await bench.verifier.aclose()


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
    await bench.verifier.aclose()


async def test_a_run_that_may_decide_over_its_object_is_a_job_of_its_own(bench: Bench) -> None:
    tasks = bench.start(0)
    await until_busy(bench, 1)
    tasks += [*bench.start(3, index=1), *bench.start(2), *bench.start(4, 5)]
    await until_busy(bench, 2)  # it need not wait for others
    bench.partial.go.set()
    await asyncio.gather(*tasks)
    assert [(1, 3)] in bench.partial.jobs
    await bench.verifier.aclose()


async def test_a_disk_that_fails_is_told_to_everybody_in_the_job(bench: Bench) -> None:
    bench.partial.fails = True
    tasks = bench.start(0)
    await until_busy(bench, 1)
    tasks += bench.start(2, 3)
    bench.partial.go.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, StorageError) for result in results)
    await bench.verifier.aclose()


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
    await bench.verifier.aclose()


async def test_who_waits_hears_of_his_run_while_the_job_goes_on(bench: Bench) -> None:
    tasks = bench.start(0)
    await until_busy(bench, 1)
    tasks += bench.start(1, 13, 3, 4)
    bench.partial.halts_before = 3
    bench.partial.go.set()
    assert await asyncio.gather(*tasks[:3]) == [(), (), (13,)]
    assert [task.done() for task in tasks[3:]] == [False, False]
    bench.partial.on.set()
    assert await asyncio.gather(*tasks[3:]) == [(), ()]
    await bench.verifier.aclose()


async def test_a_fault_is_told_to_those_whose_runs_are_not_on_disk(bench: Bench) -> None:
    bench.partial.fails, bench.partial.halts_before = True, 3
    bench.partial.on.set()
    tasks = bench.start(0)
    await until_busy(bench, 1)
    tasks += bench.start(1, 2, 3, 4)
    bench.partial.go.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results[:3] == [(), (), ()]
    assert [type(result) for result in results[3:]] == [StorageError, StorageError]
    await bench.verifier.aclose()


async def test_a_fault_does_not_overtake_what_is_on_disk(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    late: list[Callable[[], object]] = []
    wake = loop.call_soon_threadsafe

    def wake_late(callback: Callable[..., object], *args: Any, **more: Any) -> asyncio.Handle:
        if getattr(callback, "__name__", "") == "_tell":
            late.append(callback)
            callback = len
            args = ((),)
        return wake(callback, *args, **more)

    monkeypatch.setattr(loop, "call_soon_threadsafe", wake_late)
    bench.partial.fails, bench.partial.halts_before = True, 3
    bench.partial.on.set()
    tasks = bench.start(0)
    await until_busy(bench, 1)
    tasks += bench.start(1, 2, 3, 4)
    bench.partial.go.set()
    await asyncio.wait(tasks[3:])
    for callback in late:
        callback()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results[:3] == [(), (), ()]
    assert [type(result) for result in results[3:]] == [StorageError, StorageError]
    await bench.verifier.aclose()


async def test_who_is_cancelled_while_his_job_writes_waits_for_his_own_run_alone(
    bench: Bench,
) -> None:
    tasks = bench.start(0)
    await until_busy(bench, 1)
    tasks += bench.start(1, 2, 3)
    bench.partial.halts_before = 2
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    bench.partial.go.set()
    await asyncio.wait(tasks[:2])
    assert [task.done() for task in tasks] == [True, True, False, False]
    bench.partial.on.set()
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)
    await bench.verifier.aclose()


async def test_closing_waits_for_jobs_of_which_everybody_has_heard(bench: Bench) -> None:
    bench.partial.go.set()
    await asyncio.gather(*bench.start(0), *bench.start(1, 2))
    await bench.verifier.aclose()
    assert bench.partial.ended == len(bench.partial.jobs)
    assert asyncio.all_tasks() == {asyncio.current_task()}
