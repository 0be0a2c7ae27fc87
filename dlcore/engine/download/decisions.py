"""Carries out what the scheduler decides: each event goes to the object that it concerns."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final, Protocol

from dlcore import schedule
from dlcore.engine.download.endpoint_log import EndpointLog
from dlcore.engine.download.package import PackageDownload
from dlcore.engine.download.receiver import Receiver
from dlcore.engine.download.split_block_buffer import SplitBlockBuffers
from dlcore.engine.events import BlockRejected, CulpritFound, RangeFailed
from dlcore.engine.listeners.bus import EventBus
from dlcore.errors import Fault, TransferError
from dlcore.model import BlockInObject, ObjectIndex
from dlcore.schedule import Culprit, RequestNumber

SHOWN_DIGITS: Final = 16  # of the digest that was expected, which whoever reads it has at hand

logger = logging.getLogger(__name__)


class PackageListener(Protocol):
    """Hears what packages come to."""

    def complete(self, package: str) -> None:
        """Every block of a package is verified, and nothing of it is in flight."""
        ...

    def exhausted(self, event: schedule.PackageExhausted) -> None:
        """No endpoint is left for a package."""
        ...

    def copy(self, event: schedule.CopyBlocks) -> None:
        """Blocks of a package are to be copied from one that is on disk."""
        ...


class Decisions:
    """Carries out the events that the scheduler returns.

    Args:
        packages: Key -> package.
        endpoints: Keeps what is decided about endpoints.
        listener: Hears what packages come to.
        split_blocks: The buffers of blocks that are fetched in parts.
        bus: Hears of rejected blocks, and who is to blame.
    """

    def __init__(
        self,
        packages: Mapping[str, PackageDownload],
        endpoints: EndpointLog,
        listener: PackageListener,
        split_blocks: SplitBlockBuffers,
        bus: EventBus,
    ) -> None:
        self._packages = packages
        self._endpoints = endpoints
        self._listener = listener
        self._split_blocks = split_blocks
        self._bus = bus
        self._receivers: dict[RequestNumber, Receiver] = {}

    def began(self, receiver: Receiver) -> None:
        """A request is in flight: it may be cancelled or shortened."""
        self._receivers[receiver.request.number] = receiver

    def ended(self, receiver: Receiver) -> None:
        """A request is not in flight any more."""
        del self._receivers[receiver.request.number]

    def cancel_all(self) -> None:
        """Stop all requests in flight; what has arrived of them is verified and kept."""
        for receiver in self._receivers.values():
            receiver.cancel()

    def cancel_at(self, endpoint: str) -> None:
        """As `cancel_all`, of one endpoint."""
        for receiver in self._receivers.values():
            if receiver.request.endpoint == endpoint:
                receiver.cancel()

    def apply(self, events: schedule.Events) -> None:
        """Carry out what an input or a decision led to."""
        for event in events:
            match event:
                case schedule.RequestCancelled(number):
                    if number in self._receivers:
                        self._receivers[number].cancel()
                case schedule.RequestShortened(number, end_block):
                    if number in self._receivers:
                        self._receivers[number].shorten(end_block)
                case schedule.EndpointChanged():
                    self._endpoints.changed(event)
                case schedule.BlockRejected():
                    self._block_rejected(event)
                case schedule.ObjectRejected():
                    self._object_rejected(event)
                case schedule.PackageComplete(package):
                    self._listener.complete(package)
                case schedule.PackageExhausted():
                    self._listener.exhausted(event)
                case schedule.CopyBlocks():
                    self._listener.copy(event)
                case schedule.SplitBlockFilled() | schedule.StartKept():
                    pass  # these are answers to `Reporter`, which asked
                case schedule.SplitBlockDropped(package, blocks):
                    self._split_blocks.drop((package, blocks.object, blocks.first))

    def culprit_found(
        self, package: PackageDownload, index: ObjectIndex, block: BlockInObject, culprit: Culprit
    ) -> None:
        """Tell who sent wrong bytes into a block that came from several endpoints."""
        what = f"block {block} of {package.called(index)}"
        logger.warning("what %s sent of %s did not match", culprit.endpoint, what)
        self._endpoints.wrong_portion(culprit)
        name = package.manifest.objects[index].name
        self._bus.emit(CulpritFound(package.package_id, name, block, culprit.endpoint))
        self._endpoints.failed(package, culprit.endpoint, _mismatch(what, culprit.endpoint))

    def _block_rejected(self, event: schedule.BlockRejected) -> None:
        package = self._packages[event.package]
        name = package.manifest.objects[event.object].name
        what = f"block {event.block} of {package.called(event.object)}"
        logger.warning("%s from %s does not match", what, event.endpoint or "several endpoints")
        start, end = package.manifest.block_span(event.object, event.block)
        self._endpoints.rejected(event.endpoint, end - start)
        self._bus.emit(
            BlockRejected(event.package, name, event.block, endpoint=event.endpoint or "")
        )
        if event.endpoint:
            self._endpoints.failed(package, event.endpoint, _mismatch(what, event.endpoint))

    def _object_rejected(self, event: schedule.ObjectRejected) -> None:
        package = self._packages[event.package]
        package.undo(event.object)
        wanted = package.manifest.objects[event.object]
        self._endpoints.rejected(event.endpoint, wanted.length_bytes)
        what = package.called(event.object)
        logger.warning("%s from %s does not match", what, event.endpoint or "several endpoints")
        found = package.partial.rejected_digest(event.object)
        expected = _told_apart(wanted.whole.hex, found.hex())
        reason = f"its {wanted.whole.title} is {found.hex()}, not {expected}…"
        if event.endpoint:
            error = _mismatch(what, event.endpoint, reason)
            self._endpoints.failed(package, event.endpoint, error)
            message = error.message
        else:
            message = f"{what} from several endpoints does not match its digest: {reason}"
        fault = Fault.CORRUPT.value
        self._bus.emit(RangeFailed(event.package, event.endpoint or "", fault, message))


def _mismatch(what: str, endpoint: str, reason: str = "") -> TransferError:
    return TransferError(
        f"{what} does not match its digest{': ' if reason else ''}{reason}",
        fault=Fault.CORRUPT,
        endpoint=endpoint,
    )


def _told_apart(digits: str, other: str) -> str:
    """The first digits of a digest, enough of them to tell it from another."""
    count = SHOWN_DIGITS
    while digits[:count] == other[:count] and count < len(digits):
        count += SHOWN_DIGITS
    return digits[:count]
