"""What becomes of a package that no endpoint is left for: all are asked again later, or it fails.

Guarantees: a package that is all on disk is never given up, and none is while another endpoint may
be used for it later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from dlcore.engine.download.allowed import IN_A_MOMENT, NO_MORE, AllowedEndpoints
from dlcore.engine.download.endpoint_log import EndpointLog
from dlcore.engine.download.package import PackageDownload
from dlcore.engine.download.patch_names import package_of
from dlcore.engine.download.retry import Retry
from dlcore.engine.download.tasks import Tasks
from dlcore.engine.events import DownloadRetried, PackageFailed
from dlcore.engine.listeners.bus import EventBus
from dlcore.errors import DlcoreError, ExhaustedError, IntegrityError
from dlcore.model import BlockInPackage
from dlcore.schedule import Events, PackageComplete, PackageExhausted, Scheduler

FALLBACK_LOOK_S: Final = 60.0
"""While a fallback time passes, the endpoints that may be used are asked again this often."""

logger = logging.getLogger(__name__)


class Retrying:
    """Asks again for packages, or gives them up.

    Args:
        scheduler: Learns what is asked for again, and what is not.
        endpoints: Knows how endpoints failed.
        bus: Hears what happens.
        tasks: Runs what takes time.
        random: Returns a number in ``[0, 1)``; spreads the retries of many clients.
        allowed: Says whether more endpoints may be used later.
        search: Asks every endpoint for a package.
        is_finished: Whether the package with an id is complete.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        endpoints: EndpointLog,
        bus: EventBus,
        tasks: Tasks,
        random: Callable[[], float],
        allowed: AllowedEndpoints,
        search: Callable[[PackageDownload], Awaitable[None]],
        is_finished: Callable[[str], bool],
    ) -> None:
        self._retry = Retry()
        self._scheduler = scheduler
        self._endpoints = endpoints
        self._bus = bus
        self._tasks = tasks
        self._random = random
        self._allowed = allowed
        self._search = search
        self._is_finished = is_finished
        self._now_s = asyncio.get_running_loop().time
        self._apply: Callable[[Events], None] = lambda _: None
        self._forget_buffers: Callable[[str], None] = lambda _: None

    def set_retry(self, retry: Retry) -> None:
        """Change how often an endpoint is asked again, and when."""
        self._retry = retry

    def connect(
        self, apply: Callable[[Events], None], forget_buffers: Callable[[str], None]
    ) -> None:
        """Connect it with what fetches the packages; see `Packages.connect` for why so late.

        Args:
            apply: Carries out the scheduler's events.
            forget_buffers: Frees the buffers of a package.
        """
        self._apply, self._forget_buffers = apply, forget_buffers

    def exhausted(self, package: PackageDownload, event: PackageExhausted) -> None:
        """No endpoint is left for a package."""
        if self._tell_what_is_here(package):
            return
        if not package.is_hint and self._awaits_fallback(package):
            return
        failures = self._endpoints.last_failures(event.dropped)
        error = package.exhausted(
            event.unverified_blocks,
            failures,
            self._allowed.obstacle(),
            is_away=self._allowed.has_others(),
        )
        attempt, failing_s = package.note_exhausted(self._now_s())
        wait_s = self._retry.wait_s(attempt, failing_s, self._random())
        if wait_s is not None and self._can_help(package, error):
            self._tell_retry(package, attempt, wait_s, failing_s)
            self._tasks.spawn(self._try_again(package, wait_s))
            return
        self._apply(self._scheduler.forget(package.package_id))
        self._forget_buffers(package.package_id)
        if package.is_hint:  # what it met must not keep others from an endpoint
            self._apply(self._scheduler.retry(package.package_id))
        self._tasks.spawn(self._give_up(package, error))

    def _can_help(self, package: PackageDownload, error: ExhaustedError | IntegrityError) -> bool:
        """Whether another attempt may end otherwise."""
        if package.is_hint:  # not worth waiting for while an endpoint may serve the package
            return isinstance(error, ExhaustedError) and _all_fail(error)
        return error.may_pass

    def _tell_what_is_here(self, package: PackageDownload) -> bool:
        """Tell the scheduler which blocks are on disk; it left to requests what they were fetching.

        Returns:
            Whether the package is complete with them.
        """
        here = [BlockInPackage(number) for number, has in enumerate(package.partial.have) if has]
        events = self._scheduler.found(package.package_id, here)
        self._apply(events)
        return PackageComplete(package.package_id) in events

    def _awaits_fallback(self, package: PackageDownload) -> bool:
        """Whether other endpoints may be used for it later; those of now are asked meanwhile."""
        wait_s = self._until_others_s(package)
        if wait_s is NO_MORE:
            return False
        if wait_s != IN_A_MOMENT:
            self._tasks.spawn(self._await_fallback(package, min(wait_s, FALLBACK_LOOK_S)))
        return True

    async def _await_fallback(self, package: PackageDownload, wait_s: float) -> None:
        """Ask the endpoints of now again after some time, unless others are asked then anyway."""
        await asyncio.sleep(wait_s)
        is_open = not self._is_finished(package.package_id) and not package.has_failed
        if is_open and self._until_others_s(package) != IN_A_MOMENT:
            self._apply(self._scheduler.retry(package.package_id))
            await self._search(package)

    def _until_others_s(self, package: PackageDownload) -> float | None:
        """See `AllowedEndpoints.nothing_left`."""
        return self._allowed.nothing_left(package.note_failing(self._now_s()))

    def _tell_retry(
        self, package: PackageDownload, attempt: int, wait_s: float, failing_s: float
    ) -> None:
        logger.warning("package %s: no endpoint is left for it", package.package_id)
        name, left_s = package_of(package.package_id), self._retry.left_s(failing_s)
        self._bus.emit(DownloadRetried(name, attempt, self._retry.count, wait_s, left_s))

    async def _try_again(self, package: PackageDownload, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        if self._is_finished(package.package_id):  # by an endpoint that came back meanwhile
            return
        self._apply(self._scheduler.retry(package.package_id))
        await self._search(package)

    async def _give_up(self, package: PackageDownload, error: DlcoreError) -> None:
        if not package.is_hint:
            logger.error("package %s failed: %s", package.package_id, error.message)
            self._bus.emit(PackageFailed(package.package_id, error.message))
        await package.give_up(error)


def _all_fail(error: ExhaustedError) -> bool:
    """Whether no endpoint can serve anything at present, so that waiting for it costs nothing."""
    return bool(error.causes) and all(cause.may_pass for cause in error.causes)
