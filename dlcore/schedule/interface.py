"""The contract between the scheduler and the engine.

Sans-I/O: the engine tells what happened, and every input returns the events that follow from it.
There is nothing to poll. Times are seconds on any monotonic clock of the caller.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Protocol

from dlcore.errors import Fault
from dlcore.model import BlockExtent, BlockInObject, BlockInPackage, Manifest, ObjectIndex
from dlcore.schedule.types import Answer, Events, RequestNumber, Terms


class Scheduler(Protocol):
    """Decides what each connection fetches.

    A request lives from the `next_request` that returned it until `finished`, `failed` or
    `cancelled` is called with its number; one of these must be called for each request. Inputs
    about a request that has ended change nothing.
    """

    # What is wanted

    def want(self, package: str, manifest: Manifest, verified: bytes | bytearray) -> Events:
        """Add a package. Every endpoint is to tell with `located` what it holds of it.

        Args:
            package: Its key.
            manifest: What the package consists of.
            verified: One byte per block, non-zero where it is verified on disk already.
        """
        ...

    def forget(self, package: str) -> Events:
        """The package is not wanted any more; none of its requests is in flight.

        A package that is complete is forgotten already; nothing changes then.
        """
        ...

    def order(
        self,
        needed: Sequence[str],
        maybe_needed: Sequence[str] = (),
        awaited: Container[str] = (),
    ) -> Events:
        """Set the deadline order. A package that is in neither list is not fetched for now.

        Args:
            needed: Packages that will be needed, the earliest first.
            maybe_needed: Packages that may be needed, the earliest first. They are fetched only
                when all of ``needed`` is verified.
            awaited: Packages that a step waits for now.
        """
        ...

    def set_terms(self, endpoint: str, terms: Terms) -> Events:
        """Change how an endpoint may be used.

        Raises:
            KeyError: There is no such endpoint.
        """
        ...

    def allow(self, endpoint: str, rank: int | None) -> Events:
        """Set whether an endpoint may be used; at first all may, with rank 0.

        One that may not is asked for nothing, and what it holds does not count. Its requests in
        flight are the caller's to stop. One that may be used again is to tell what it holds of each
        package that is wanted; none of these is exhausted before that.

        Args:
            endpoint: Its name.
            rank: It is asked only for what no endpoint with a lower rank holds; None: not at all.

        Raises:
            KeyError: There is no such endpoint.
        """
        ...

    def set_cap(self, cap_bytes_per_s: float) -> Events:
        """Set the bandwidth cap of all endpoints together; 0.0: none."""
        ...

    def located(self, package: str, endpoint: str, objects: frozenset[ObjectIndex]) -> Events:
        """An endpoint has told which objects of a package it holds; none if it holds no part."""
        ...

    def lacks_ranges(self, endpoint: str) -> Events:
        """An endpoint is known to send whole objects only, before it was asked for a part."""
        ...

    def retry(self, package: str) -> Events:
        """Try again to fetch a package that was exhausted.

        Dropped endpoints are asked again, except those that were dropped for bad blocks; a
        quarantine stays. Every endpoint is to tell again what it holds of the package.
        """
        ...

    def found(self, package: str, blocks: Iterable[BlockInPackage]) -> Events:
        """Blocks of a package that were not requested are on disk, verified.

        Nothing changes for those that a request fetches now: it tells what becomes of them. A
        split block of which no part is in flight gives up its buffer (`SplitBlockDropped`).
        """
        ...

    def not_copied(self, package: str, blocks: Iterable[BlockInPackage]) -> Events:
        """Blocks that were to be copied (`CopyBlocks`) could not be: they are fetched after all.

        Nothing changes for those that have been found meanwhile.
        """
        ...

    # What time changes, and what connections do

    def tick(self, now_s: float) -> Events:
        """Notice what only time changes. To be called before `next_request` if time has passed."""
        ...

    def wake_at_s(self, now_s: float) -> float | None:
        """When to call `tick` and `next_request` even if nothing happens; None: never."""
        ...

    def next_request(self, endpoint: str, now_s: float, free_bytes: int) -> Answer:
        """Decide what a connection to an endpoint asks for.

        Ask again until there is no request: the endpoint's concurrency limit is kept here. While
        ``free_bytes`` does not suffice for a block, only parts of split blocks that have their
        buffer are given out, and for these one request more than the limit is allowed. The
        connections within the limit may all be waiting for memory that only those parts can free.
        If nothing is in flight that could free memory, split blocks that no endpoint can continue
        give up theirs (`SplitBlockDropped`).

        Args:
            endpoint: Name of the endpoint.
            now_s: The time.
            free_bytes: Buffer memory that can be taken at once.
        """
        ...

    # What became of requests

    def received(self, number: RequestNumber, count_bytes: int, now_s: float) -> Events:
        """Bytes of a request arrived; at least one."""
        ...

    def arrived(self, number: RequestNumber) -> Events:
        """All wanted bytes of a request arrived, and its connection is free for the next one.

        A part is in the buffer of its block. What arrived is still to be verified.

        Returns:
            `SplitBlockFilled`, if a part arrived and nothing is missing of its block any more.
        """
        ...

    def start_arrived(
        self, number: RequestNumber, block: BlockInObject, arrived_bytes: int
    ) -> Events:
        """A request for whole blocks is about to end within a block.

        Args:
            number: The request.
            block: The block within which it ends.
            arrived_bytes: Length of that block's start that arrived; more than 0, and not all.

        Returns:
            `StartKept`, if the start is of use.
        """
        ...

    def verified(self, number: RequestNumber, blocks: BlockExtent) -> Events:
        """Blocks that a request completed are verified and written."""
        ...

    def rejected(self, number: RequestNumber, block: BlockInObject, now_s: float) -> Events:
        """A block that a request completed does not match its digest.

        Returns:
            `BlockRejected` with the endpoint that is blamed, and what follows for that endpoint.
        """
        ...

    def culprit_found(
        self, package: str, index: ObjectIndex, endpoint: str, now_s: float
    ) -> Events:
        """It is known by now that an endpoint sent some of a rejected block wrong.

        Nobody was blamed for the block when it was rejected, because several endpoints had sent it
        (`MixedBlocks`). No request need be in flight.

        Args:
            package: Key of the block's package.
            index: The block's object.
            endpoint: The endpoint that is blamed.
            now_s: The time.

        Returns:
            What follows for that endpoint.
        """
        ...

    def object_rejected(self, number: RequestNumber, now_s: float) -> Events:
        """The object of a request has only one digest, and does not match it.

        Returns:
            `ObjectRejected` with the endpoint that is blamed, and what follows for that endpoint.
        """
        ...

    def finished(self, number: RequestNumber, now_s: float) -> Events:
        """All bytes of a request arrived, and what was to be verified of them is."""
        ...

    def failed(
        self,
        number: RequestNumber,
        now_s: float,
        fault: Fault,
        *,
        retry_after_s: float | None = None,
        jitter: float = 0.0,
    ) -> Events:
        """A request failed; what was not verified of it is missing again.

        Args:
            number: The request.
            now_s: The time.
            fault: What went wrong.
            retry_after_s: Seconds that the endpoint asked to wait; None if it did not.
            jitter: In ``[0, 1)``; spreads the back-offs of many clients.
        """
        ...

    def cancelled(self, number: RequestNumber, now_s: float) -> Events:
        """A request was stopped on this side, which says nothing about its endpoint."""
        ...
