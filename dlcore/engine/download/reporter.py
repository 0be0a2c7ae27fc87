"""Tells the scheduler what became of requests and blocks; `Decisions` carries out what follows.

Guarantees: a block counts once, however often it arrived; an endpoint is blamed for nothing but
its own bytes. If several sent a block that does not match, who is to blame is found out when the
right bytes have come (`culprits`).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection

from dlcore.engine.download.culprits import Culprits, ReceivedExtent
from dlcore.engine.download.decisions import Decisions
from dlcore.engine.download.endpoint_log import EndpointLog
from dlcore.engine.download.package import PackageDownload
from dlcore.engine.download.receiver import Receiver, RequestOutcome
from dlcore.model import BlockExtent, BlockInObject
from dlcore.schedule import BlockRejected, Culprit, Request, Scheduler, SplitBlockFilled, StartKept


class Reporter:
    """The one way from requests to the scheduler.

    Args:
        scheduler: Learns of every byte, block and end.
        decisions: Carries out what follows.
        endpoints: Keeps failures.
        culprits: Finds out who sent some of a block wrong.
        rng: Spreads the back-offs after failures.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        decisions: Decisions,
        endpoints: EndpointLog,
        culprits: Culprits,
        rng: random.Random,
    ) -> None:
        self._scheduler = scheduler
        self._decisions = decisions
        self._endpoints = endpoints
        self._culprits = culprits
        self._rng = rng
        self._now_s = asyncio.get_running_loop().time

    def received(self, request: Request, count_bytes: int, now_s: float) -> None:
        """Bytes of a request arrived."""
        self._decisions.apply(self._scheduler.received(request.number, count_bytes, now_s))

    def arrived(self, request: Request) -> bool:
        """All wanted bytes arrived; whether a split block is whole with them."""
        events = self._scheduler.arrived(request.number)
        self._decisions.apply(events)
        return SplitBlockFilled(request.number) in events

    def start_arrived(self, request: Request, block: BlockInObject, arrived_bytes: int) -> bool:
        """A request ends within a block; whether the start of that block is of use."""
        events = self._scheduler.start_arrived(request.number, block, arrived_bytes)
        self._decisions.apply(events)
        return StartKept(request.number, block) in events

    def checked(
        self, request: Request, received: ReceivedExtent, bad: Collection[BlockInObject]
    ) -> int:
        """Blocks were hashed, and those that match were written.

        Args:
            request: The request that brought the last of their bytes.
            received: All of them.
            bad: Those that do not match.

        Returns:
            Bytes of the blocks that count from now on; others had them already.
        """
        package, extent = received.package, received.extent
        before_bytes = package.verified_bytes
        package.note_written()
        for block in bad:
            self._reject(request, received, block)
        for block in received.blocks:
            self._count(package, request, BlockExtent.of(extent.object, block, block + 1))
        for block, culprit in self._culprits.verified(received):
            self._blame(received, block, culprit)
        return package.verified_bytes - before_bytes

    def object_rejected(self, request: Request) -> None:
        """An object without digests for its blocks does not match as a whole."""
        self._decisions.apply(self._scheduler.object_rejected(request.number, self._now_s()))

    def ended(self, receiver: Receiver) -> None:
        """A request came to its end, and nothing of it is being verified any more."""
        request, now_s = receiver.request, self._now_s()
        error = receiver.error
        if error:
            self._endpoints.request_failed(receiver.package, request.endpoint, error)
            events = self._scheduler.failed(
                request.number,
                now_s,
                error.fault,
                retry_after_s=error.retry_after_s,
                jitter=self._rng.random(),
            )
        elif receiver.outcome is RequestOutcome.RECEIVED:
            events = self._scheduler.finished(request.number, now_s)
        else:
            events = self._scheduler.cancelled(request.number, now_s)
        self._decisions.apply(events)

    def _reject(self, request: Request, received: ReceivedExtent, block: BlockInObject) -> None:
        events = self._scheduler.rejected(request.number, block, self._now_s())
        for event in events:
            if isinstance(event, BlockRejected):
                self._culprits.rejected(received, block, event.portions)
        self._decisions.apply(events)

    def _blame(self, received: ReceivedExtent, block: BlockInObject, culprit: Culprit) -> None:
        package, index = received.package, received.extent.object
        self._decisions.culprit_found(package, index, block, culprit)
        now_s = self._now_s()
        events = self._scheduler.culprit_found(package.package_id, index, culprit.endpoint, now_s)
        self._decisions.apply(events)

    def _count(self, package: PackageDownload, request: Request, block: BlockExtent) -> None:
        """Count a block as verified if it is.

        The store has the last word: a bad block is not there, and a block of an object with only
        one digest may have been withdrawn while its thread was on its way back.
        """
        if package.count(block):
            self._decisions.apply(self._scheduler.verified(request.number, block))
