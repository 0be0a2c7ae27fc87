"""A package under way: what it consists of, where it is written, who has it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from dlcore.errors import ExhaustedError, Fault, IntegrityError, TransferError
from dlcore.model import BlockRange, Manifest
from dlcore.store import Partial
from dlcore.transfer.interface import Placement


class PackageDownload:
    """The state of one package's download.

    Attributes:
        attempts: Download retries begun.
        causes: The last failure of each endpoint.
        unsynced: Whether blocks were written since the last sync.
        location: Name of the endpoint that was last asked, and the package's id.
        ending: Whether it is being finished, retried or has failed: leave it alone.
        searching: Whether endpoints are still being asked for its objects.
        disk: Held while a thread syncs or finishes it.
        flights: Number of its ranges under way; it ends when none is.
        verified_bytes: Known to be on disk.
    """

    def __init__(self, package_id: str, manifest: Manifest, partial: Partial) -> None:
        self.package_id = package_id
        self.manifest = manifest
        self.partial = partial
        self.attempts = 0
        self.causes: dict[str, TransferError] = {}
        self.placements: dict[str, Placement] = {}
        self.location = ""
        self.unsynced = False
        self.ending = False
        self.searching = True
        self.disk = asyncio.Lock()
        self.flights = 0
        self.verified_bytes = partial.reused_bytes
        self.path: asyncio.Future[Path] = asyncio.get_running_loop().create_future()
        self._counted = bytearray(partial.have)

    def count(self, block: BlockRange) -> bool:
        """Whether a block is on disk, verified; its bytes count from the first time on."""
        number = self.manifest.block_number(block.object, block.first)
        if not self.partial.have[number]:
            return False
        if not self._counted[number]:
            self._counted[number] = 1
            start, end = self.manifest.range_span(block)
            self.verified_bytes += end - start
        return True

    def undo(self, object_index: int) -> None:
        """No block of the object counts any more."""
        first, last = self.manifest.first_blocks[object_index : object_index + 2]
        for number in range(first, last):
            if self._counted[number]:
                start, end = self.manifest.block_span(*self.manifest.locate_block(number))
                self.verified_bytes -= end - start
        self._counted[first:last] = bytes(last - first)

    def exhausted(
        self, missing_blocks: int, failures: Mapping[str, TransferError]
    ) -> ExhaustedError | IntegrityError:
        """Say why the package could not be completed, endpoint by endpoint.

        Args:
            missing_blocks: How many are.
            failures: Why endpoints are not asked any more, for those that never were for this one.
        """
        causes = {**failures, **self.causes}.values()
        why = "; ".join(cause.message for cause in causes) or "no endpoint holds it"
        message = (
            f"package {self.package_id} version {self.manifest.version}: "
            f"{missing_blocks} of {self.manifest.first_blocks[-1]} blocks are missing: {why}"
        )
        remedy = "What was verified is kept: run again when an endpoint can serve the package."
        if causes and all(cause.fault is Fault.CORRUPT for cause in causes):
            return IntegrityError(message, remedy=remedy)
        return ExhaustedError(message, causes=tuple(causes), remedy=remedy)
