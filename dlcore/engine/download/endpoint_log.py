"""What is known of endpoints for people: how they failed last, and what was decided about them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence

from dlcore.engine.download.meter import Meter
from dlcore.engine.download.package import PackageDownload
from dlcore.engine.events import EndpointDropped, EndpointNote, RangeFailed
from dlcore.engine.listeners.bus import EventBus
from dlcore.errors import Fault, TransferError
from dlcore.schedule import Culprit, EndpointChange, EndpointChanged

LOST = {EndpointChange.DROPPED, EndpointChange.QUARANTINED}

logger = logging.getLogger(__name__)


class EndpointLog:
    """Logs what becomes of endpoints, counts faults, and tells listeners.

    Args:
        meter: Counts the faults.
        bus: Hears of failures and decisions.
    """

    def __init__(self, meter: Meter, bus: EventBus) -> None:
        self._meter = meter
        self._bus = bus
        self._now_s = asyncio.get_running_loop().time
        self._failures: dict[str, TransferError] = {}
        self._notes: list[EndpointNote] = []

    @property
    def notes(self) -> Sequence[EndpointNote]:
        """What was decided about endpoints, oldest first."""
        return self._notes

    def last_failures(self, endpoints: Iterable[str]) -> dict[str, TransferError]:
        """How each of these endpoints failed last, whatever it was asked for."""
        return {name: self._failures[name] for name in endpoints if name in self._failures}

    def failed(self, package: PackageDownload, endpoint: str, error: TransferError) -> None:
        """An endpoint failed to serve something of a package, or served it wrong."""
        self._note(package, endpoint, error)
        self._meter.failed(endpoint, error.fault)

    def request_failed(self, package: PackageDownload, endpoint: str, error: TransferError) -> None:
        """A request failed.

        An endpoint that knows no ranges has not failed: only a request can find that out. The
        scheduler decides what follows, and an event tells it.
        """
        if error.fault is Fault.NO_RANGES:
            self._note(package, endpoint, error)
            return
        self.failed(package, endpoint, error)
        fault = error.fault.value
        self._bus.emit(RangeFailed(package.package_id, endpoint, fault, error.message))
        logger.info("a request to %s failed (%s): %s", endpoint, fault, error.message)

    def rejected(self, endpoint: str | None, count_bytes: int) -> None:
        """Bytes did not match their digest; ``endpoint`` is None if several served them."""
        if endpoint:
            self._meter.rejected(endpoint, count_bytes)

    def wrong_portion(self, culprit: Culprit) -> None:
        """An endpoint sent some of a block wrong, which was rejected before."""
        self._meter.rejected(culprit.endpoint, culprit.wrong_bytes)

    def changed(self, event: EndpointChanged) -> None:
        """The scheduler decided something about an endpoint."""
        if event.change is EndpointChange.DROPPED and event.fault is Fault.CORRUPT:
            self._note_dropped_for_good(event.endpoint, event.reason)
        elif event.change in LOST and event.fault:
            self._bus.emit(EndpointDropped(event.endpoint, event.fault.value))
        if event.resume_at_s is not None:
            self._meter.back_offs[event.endpoint].lasts(self._now_s(), event.resume_at_s)
        note = EndpointNote(event.endpoint, event.change.value, event.reason)
        self._notes.append(note)
        self._bus.emit(note)
        level = logging.WARNING if event.change in LOST else logging.INFO
        logger.log(level, "%s %s: %s", event.endpoint, event.change.value, event.reason)

    def _note(self, package: PackageDownload, endpoint: str, error: TransferError) -> None:
        package.note_failure(endpoint, error)
        self._failures[endpoint] = error

    def _note_dropped_for_good(self, endpoint: str, reason: str) -> None:
        """Packages that are not asked of it any more fail for this, not for another's block."""
        self._failures[endpoint] = TransferError(
            f"it was dropped because it served {reason}",
            fault=Fault.CORRUPT,
            endpoint=endpoint,
        )
