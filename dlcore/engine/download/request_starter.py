"""Starts as many requests at each endpoint as the scheduler gives out.

A connection is not a task that lives. Whenever something has changed (a request arrived or ended,
an order, a term, memory came back), and whenever the scheduler wants to be asked again, each
endpoint gets requests until the scheduler has no more for it. Changes that come together are acted
on once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

from dlcore.engine.download.buffers import BufferPool
from dlcore.engine.download.decisions import Decisions
from dlcore.engine.download.fetcher import RequestFetcher
from dlcore.engine.download.package import PackageDownload
from dlcore.engine.download.receiver import Receiver
from dlcore.engine.download.tasks import Tasks
from dlcore.errors import StorageError
from dlcore.schedule import Scheduler

logger = logging.getLogger(__name__)


class RequestStarter:
    """Starts requests: as long as there is work, each connection to an endpoint has one.

    Args:
        endpoints: Names of the endpoints to ask.
        scheduler: Decides what is fetched.
        decisions: Carries out what the scheduler decides besides.
        fetcher: Fetches it.
        pool: The fetcher's memory.
        packages: Key -> package.
        tasks: Runs the requests.
        failed: Told of an error of our own; nothing can go on after it.
    """

    def __init__(
        self,
        endpoints: Iterable[str],
        scheduler: Scheduler,
        decisions: Decisions,
        fetcher: RequestFetcher,
        pool: BufferPool,
        packages: Mapping[str, PackageDownload],
        tasks: Tasks,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._endpoints = tuple(endpoints)
        self._scheduler = scheduler
        self._decisions = decisions
        self._fetcher = fetcher
        self._pool = pool
        self._packages = packages
        self._tasks = tasks
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._due: asyncio.Handle | None = None
        self._wake: asyncio.TimerHandle | None = None
        self._lacks_memory = False
        self._is_closed = False
        self._is_paused = False

    def refill(self) -> None:
        """Something has changed: ask for all endpoints, once, when all else is done."""
        if self._due is None and not self._is_closed:
            self._due = self._loop.call_soon(self._refill)

    def memory_freed(self) -> None:
        """A buffer has come back, and nothing waits for it."""
        if self._lacks_memory:
            self.refill()

    def pause(self) -> None:
        """Begin no requests until `resume`, and stop those in flight. Idempotent."""
        if not self._is_paused:
            self._is_paused = True
            self._cancel_wake()
            self._decisions.cancel_all()

    def resume(self) -> None:
        """Go on. Idempotent."""
        if self._is_paused:
            self._is_paused = False
            self.refill()

    def close(self) -> None:
        """Begin no more requests."""
        self._is_closed = True
        self._cancel_wake()

    def _refill(self) -> None:
        self._due = None
        if self._is_closed or self._is_paused:
            return
        try:
            now_s = self._loop.time()  # one for all, or a back-off could end unseen between two
            self._decisions.apply(self._scheduler.tick(now_s))
            self._lacks_memory = False
            for endpoint in self._endpoints:
                self._fill(endpoint, now_s)
            self._set_wake(now_s)
        except Exception as error:  # those that wait for a package must hear of it
            self._failed(error)

    def _fill(self, endpoint: str, now_s: float) -> None:
        while True:
            answer = self._scheduler.next_request(endpoint, now_s, self._pool.free_bytes)
            self._lacks_memory |= answer.lacks_memory  # before any comes back
            self._decisions.apply(answer.events)
            request = answer.request
            if request is None:
                return
            logger.debug("%s", request)
            receiver = self._fetcher.begin(self._packages[request.package], request)
            self._decisions.began(receiver)
            self._tasks.spawn(self._fetch(receiver))

    def _set_wake(self, now_s: float) -> None:
        self._cancel_wake()
        wake_at_s = self._scheduler.wake_at_s(now_s)
        if wake_at_s is not None:
            self._wake = self._loop.call_at(wake_at_s, self.refill)

    def _cancel_wake(self) -> None:
        if self._wake:
            self._wake.cancel()
            self._wake = None

    async def _fetch(self, receiver: Receiver) -> None:
        try:
            await self._fetcher.fetch(receiver, self.refill)
        except StorageError as error:
            receiver.package.disk_failed(error)
        finally:
            self._decisions.ended(receiver)
            self.refill()
