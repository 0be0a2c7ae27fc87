"""Has the content of a sequence on disk before it is needed: in the background, by a time.

Guarantees: packages are fetched in the order of need. A package counts as ready only after it was
proven (`PackageProvider.path`). One that cannot be fetched does not hold up the others. Whatever
ends it, what was verified stays, and the next call fetches only the rest.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from dlcore.engine.client import Client
from dlcore.engine.events import FetchEnded
from dlcore.engine.package_provider import PackageProvider
from dlcore.engine.running.built_in_variables import initial_variables
from dlcore.engine.running.lookahead import look_ahead
from dlcore.engine.traffic_rules import Urgency
from dlcore.errors import DeadlineError, DlcoreError, StorageError
from dlcore.schedule.deadline import Deadline
from dlcore.tasksequence import TaskSequence
from dlcore.waiting import cancel_and_wait, in_thread

LOOK_EVERY_S: Final = 2.0
RETRY_EVERY_S: Final = 60.0  # as long as a step waits for the network: a person may plug a cable in

Clock: TypeAlias = Callable[[], float]


class PrecachedPackage(msgspec.Struct, frozen=True):
    """One package at the end.

    Attributes:
        package: Its id.
        version: Its version; None if the catalog does not know it.
        content_bytes: Length of all its files; 0 if that is not known.
        verified_bytes: How much of it is verified on disk.
        is_ready: Whether it is complete, and was proven.
        is_certain: Whether a step that will run needs it; else only one that may run.
        code: Code of the error that keeps it from being ready; empty if nothing does.
        message: The error in words.
    """

    package: str
    version: int | None
    content_bytes: int
    verified_bytes: int
    is_ready: bool
    is_certain: bool = True
    code: str = ""
    message: str = ""


class Precached(msgspec.Struct, frozen=True):
    """What a pre-cache came to.

    Attributes:
        packages: All packages, in the order of need.
        took_s: Seconds that it took.
        bytes_fetched: Payload bytes received.
        bytes_reused: Verified bytes that were on disk before.
        by_s: When all was to be there, in seconds since 1970 (UTC); None: no time was given.
        bytes_patched: Of `bytes_reused`, those that patches made of older files.
        hurried_s: For how many of the seconds it used the whole link, because the time was near.
    """

    packages: tuple[PrecachedPackage, ...]
    took_s: float
    bytes_fetched: int
    bytes_reused: int
    by_s: float | None = None
    hurried_s: float = 0.0
    bytes_patched: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether every package is ready."""
        return all(package.is_ready for package in self.packages)


class SequenceContent(msgspec.Struct, frozen=True):
    """What a sequence may need, in the order of need.

    Attributes:
        needed: Packages of steps that will run.
        maybe_needed: Packages of steps that may run.
    """

    needed: tuple[str, ...]
    maybe_needed: tuple[str, ...] = ()

    @property
    def packages(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.needed, *self.maybe_needed)


async def content_of_sequence(client: Client, sequence: TaskSequence) -> SequenceContent:
    """What a sequence may need on this machine, from its first step on.

    Raises:
        TaskSequenceError: A text becomes too long when it is expanded.
    """
    variables = await in_thread(
        initial_variables, sequence, client.deployment, client.state, client.machine
    )
    ahead = await in_thread(look_ahead, sequence, 0, variables, client.judge(), {})
    return SequenceContent(ahead.needed, ahead.maybe_needed)


async def precache(
    client: Client,
    wanted: SequenceContent,
    *,
    by_s: float | None = None,
    clock: Clock = time.time,
) -> Precached:
    """Fetch what is wanted, in the background, until it is there or its time has come.

    When the time is so near that what is left may just arrive with the whole link, and would not in
    the background, the whole link is used. The client's urgency is what it was before afterwards.

    Args:
        client: Open.
        wanted: Packages, in the order of need.
        by_s: When all is to be there, on `clock`; None: whenever it comes.
        clock: Seconds since 1970 (UTC).

    Raises:
        StorageError: The local disk failed, or is full; what was verified is kept.
        LockedError: Another process holds the state directory.
        DlcoreError: The catalog cannot be read.
    """
    content = await client.content()
    before = client.urgency
    job = _Precache(client, content, wanted, by_s, clock)
    try:
        return await job.run()
    finally:
        content.order(())
        client.set_urgency_back(before)


class _Precache:
    """One pre-cache."""

    def __init__(
        self,
        client: Client,
        content: PackageProvider,
        wanted: SequenceContent,
        by_s: float | None,
        clock: Clock,
    ) -> None:
        self._client = client
        self._content = content
        self._wanted = wanted
        self._clock = clock
        link = float(client.deployment.transfer.link_bytes_per_s)
        self._deadline = None if by_s is None else Deadline(by_s, link)
        self._by_s = by_s
        self._now_s = asyncio.get_running_loop().time  # nobody sets it, as they set `clock`
        self._ready: set[str] = set()
        self._errors: dict[str, DlcoreError] = {}
        self._hurried_since_s: float | None = None

    async def run(self) -> Precached:
        """Fetch until all is there, or the time has come."""
        began_s = self._now_s()
        self._client.set_urgency(Urgency.SPARE)
        self._content.order(self._wanted.needed, self._wanted.maybe_needed)
        fetching = asyncio.ensure_future(self._fetch_all())
        try:
            while not fetching.done():
                if not self._has_time():
                    break
                await asyncio.wait([fetching], timeout=LOOK_EVERY_S)
            if fetching.done():
                fetching.result()
        finally:
            await cancel_and_wait([fetching])
        return self._result(began_s)

    async def _fetch_all(self) -> None:
        """Fetch each, and try those again that may succeed later, as long as there is time."""
        pending = self._wanted.packages
        while pending:
            for package_id in pending:
                await self._fetch(package_id)
            if self._deadline is None:
                return
            pending = tuple(each for each, error in self._errors.items() if error.may_pass)
            if pending:
                await asyncio.sleep(RETRY_EVERY_S)

    async def _fetch(self, package_id: str) -> None:
        try:
            await self._content.path(package_id)
        except StorageError:
            raise
        except DlcoreError as error:
            self._errors[package_id] = error
        else:
            self._errors.pop(package_id, None)
            self._ready.add(package_id)

    def _has_time(self) -> bool:
        """Look at the clock: hurry if need be; whether the time has not come yet."""
        if self._deadline is None:
            return True
        now_s = self._clock()
        self._deadline.arrived(self._received_bytes, now_s)
        if self._deadline.has_hurry(self._left_bytes(), now_s) and self._hurried_since_s is None:
            self._hurried_since_s = self._now_s()
            self._client.set_urgency(Urgency.DUE)
        return now_s < self._deadline.by_s

    @property
    def _received_bytes(self) -> int:
        return sum(self._content.downloads.meter.by_endpoint.values())

    def _left_bytes(self) -> int:
        return sum(total - there for total, there in map(self._amounts, self._wanted.packages))

    def _amounts(self, package_id: str) -> tuple[int, int]:
        """Length of a package, and how much of it is verified; 0 if the catalog lacks it."""
        entry = self._content.package_index.catalog.packages.get(package_id)
        if entry is None:
            return 0, 0
        total = entry.content_bytes
        if package_id in self._ready:
            return total, total
        return total, min(total, self._content.downloads.verified_bytes(package_id, total))

    def _result(self, began_s: float) -> Precached:
        now_s, packages = self._now_s(), tuple(map(self._package, self._wanted.packages))
        downloads, took_s = self._content.downloads, now_s - began_s
        hurried_s = 0.0 if self._hurried_since_s is None else now_s - self._hurried_since_s
        missing = [each for each in packages if not each.is_ready]
        fetched, reused = self._received_bytes, downloads.reused_bytes
        self._client.bus.emit(
            FetchEnded(
                "failed" if missing else "succeeded",
                took_s,
                len(missing),
                fetched,
                reused,
                downloads.wasted_bytes,
                missing[0].message if missing else "",
            )
        )
        patched = downloads.patched_bytes.total()
        return Precached(packages, took_s, fetched, reused, self._by_s, hurried_s, patched)

    def _package(self, package_id: str) -> PrecachedPackage:
        entry = self._content.package_index.catalog.packages.get(package_id)
        version, total = (entry.version, entry.content_bytes) if entry else (None, 0)
        there_bytes = self._content.downloads.verified_bytes(package_id, total)
        if package_id in self._ready:
            return PrecachedPackage(
                package=package_id,
                version=version,
                content_bytes=total,
                verified_bytes=total,
                is_ready=True,
                is_certain=package_id in self._wanted.needed,
            )
        error = self._errors.get(package_id) or DeadlineError("not all of it came in time")
        return _failed(package_id, self._wanted, version, total, min(there_bytes, total), error)


def _failed(
    package_id: str,
    wanted: SequenceContent,
    version: int | None,
    content_bytes: int,
    verified_bytes: int,
    error: DlcoreError,
) -> PrecachedPackage:
    return PrecachedPackage(
        package=package_id,
        version=version,
        content_bytes=content_bytes,
        verified_bytes=verified_bytes,
        is_ready=False,
        is_certain=package_id in wanted.needed,
        code=error.code,
        message=error.message,
    )
