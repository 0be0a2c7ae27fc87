"""Gathers what all connections have received into jobs that verify and write it.

Hashing sixteen blocks side by side takes hardly longer than hashing four. So while a job runs,
buffers from all connections gather for the next one, which begins beside it when it is full: the
faster the network, the larger the jobs, and no buffer waits while no job runs. A job hashes all it
has, then writes it extent by extent. The request that waits for an extent hears of it as soon as it
is on disk: its buffer is filled again while the job continues. For one event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

from dlcore.model import BlockExtent, BlockInObject
from dlcore.store import Partial
from dlcore.waiting import enduring, wait_for_all
from dlcore.work_threads import WorkThreads

JOB_BYTES = 16 << 20  # sixteen blocks of 1 MiB fill the widest lanes
MAX_JOBS = 4  # one or two hash while the others write; more would be short of memory


class _Item(NamedTuple):
    """An extent of blocks in memory, and the future of its verdict."""

    partial: Partial
    extent: BlockExtent
    data: memoryview
    bad: asyncio.Future[tuple[BlockInObject, ...]]

    @property
    def is_alone(self) -> bool:
        """Whether it must be a job of its own: its last block may decide over an object."""
        return not self.partial.manifest.objects[self.extent.object].digests


class Verifier:
    """Verifies and writes extents of blocks in threads."""

    def __init__(self) -> None:
        self._threads = WorkThreads(MAX_JOBS, thread_name_prefix="dlcore-disk")
        self._queue: deque[_Item] = deque()
        self._queued_bytes = 0
        self._jobs: set[asyncio.Task[None]] = set()
        self._written: deque[tuple[_Item, tuple[BlockInObject, ...]]] = deque()  # and not told yet
        self._tell_is_due = False

    async def verify(
        self, partial: Partial, extent: BlockExtent, data: memoryview
    ) -> tuple[BlockInObject, ...]:
        """Verify an extent of whole blocks and write the good ones.

        Waits even if cancelled: a thread may be reading the data. Afterwards none does.

        Returns:
            The blocks that do not match.

        Raises:
            IntegrityError: An object that has only one digest does not match.
            StorageError: The local disk failed.
        """
        bad: asyncio.Future[tuple[BlockInObject, ...]] = asyncio.get_running_loop().create_future()
        self._queue.append(_Item(partial, extent, data, bad))
        self._queued_bytes += len(data)
        self._start_jobs()
        await wait_for_all([bad])
        return bad.result()

    async def aclose(self) -> None:
        """End the threads; nobody is waiting for data any more."""
        await wait_for_all(list(self._jobs))
        self._threads.shutdown()

    def _start_jobs(self) -> None:
        while self._is_time_for_a_job():
            job = enduring(self._run(self._next_job()))
            self._jobs.add(job)
            job.add_done_callback(self._ended)

    def _is_time_for_a_job(self) -> bool:
        if not self._queue or len(self._jobs) == MAX_JOBS:
            return False
        is_full = self._queued_bytes >= JOB_BYTES or self._queue[0].is_alone
        return is_full or not self._jobs

    def _ended(self, job: asyncio.Task[None]) -> None:
        self._jobs.discard(job)
        self._start_jobs()

    def _next_job(self) -> list[_Item]:
        """The longest-waiting extent, and what has gathered of the same package."""
        job = [self._queue.popleft()]
        length_bytes = len(job[0].data)
        while self._queue and not job[0].is_alone:
            item = self._queue[0]
            length_bytes += len(item.data)
            if item.partial is not job[0].partial or item.is_alone or length_bytes > JOB_BYTES:
                break
            job.append(self._queue.popleft())
        self._queued_bytes -= sum(len(item.data) for item in job)
        return job

    async def _run(self, job: list[_Item]) -> None:
        extents = [(item.extent.object, item.extent.first, item.data) for item in job]
        loop = asyncio.get_running_loop()

        def written(index: int, bad: tuple[int, ...]) -> None:  # in the thread
            self._written.append((job[index], tuple(BlockInObject(block) for block in bad)))
            if not self._tell_is_due:  # waking the loop for each costs more than the rest of it
                self._tell_is_due = True
                loop.call_soon_threadsafe(self._tell)

        write = job[0].partial.write_extents
        try:
            await loop.run_in_executor(self._threads, write, extents, written)
        except BaseException as error:  # it is for those that wait
            self._tell()  # a thread may be late to wake the loop for what is on disk
            for item in job:
                if not item.bad.done():
                    item.bad.set_exception(error)

    def _tell(self) -> None:
        self._tell_is_due = False  # first: what is written from here on needs another call
        while self._written:
            item, bad = self._written.popleft()
            item.bad.set_result(bad)
