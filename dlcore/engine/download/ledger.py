"""Tells whom it concerns what became of ranges and blocks: schedule, package and listeners.

Guarantees: a block counts once, however often it arrived; an endpoint is blamed for nothing but
its own bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterator

from dlcore.engine.download.meter import Meter
from dlcore.engine.download.package import PackageDownload
from dlcore.engine.events import (
    BlockRejected,
    EndpointDropped,
    EndpointNote,
    EventBus,
    RangeFailed,
)
from dlcore.errors import Fault, TransferError
from dlcore.model import BlockRange
from dlcore.schedule import Assignment, Planner


class Ledger:
    """What is known of ranges that have come to their end.

    Args:
        planner: Learns of every block and every failure.
        meter: Counts the faults.
        bus: Hears of failures and rejected blocks.
        rng: Spreads the waits after failures.

    Attributes:
        failures: The last failure of each endpoint, whatever it was asked for.
        notes: What the planner decided about endpoints.
    """

    def __init__(self, planner: Planner, meter: Meter, bus: EventBus, rng: random.Random) -> None:
        self.failures: dict[str, TransferError] = {}
        self.notes: list[EndpointNote] = []
        self._planner = planner
        self._meter = meter
        self._bus = bus
        self._rng = rng
        self._now_s = asyncio.get_running_loop().time

    def verified(
        self,
        package: PackageDownload,
        assignment: Assignment,
        run: BlockRange,
        bad: tuple[int, ...],
    ) -> None:
        """Blocks were verified, and the good ones written.

        Args:
            package: Theirs.
            assignment: The range that brought the last of their bytes.
            run: All of them.
            bad: Numbers of those that do not match.
        """
        package.unsynced = True
        for block in bad:
            self._reject(package, assignment, block)
        for block in range(run.first, run.last):
            self._count(package, assignment, BlockRange(run.object, block, block + 1))

    def object_rejected(self, package: PackageDownload, assignment: Assignment) -> None:
        """An object without digests for its blocks does not match as a whole."""
        name = package.manifest.objects[assignment.blocks.object].name
        with self._telling_drops(assignment.endpoint):
            culprit, _ = self._planner.object_bad(assignment, self._now_s())
        package.undo(assignment.blocks.object)
        if culprit:
            message = self._blame(package, culprit, f"object {name}").message
        else:
            message = f"object {name} from several endpoints does not match its digest"
        endpoint = culprit or assignment.endpoint
        self._bus.emit(RangeFailed(package.package_id, endpoint, Fault.CORRUPT.value, message))

    def ended(
        self,
        package: PackageDownload,
        assignment: Assignment,
        error: TransferError | None,
        *,
        dismissed: bool,
    ) -> None:
        """A range came to its end."""
        with self._telling_drops(assignment.endpoint):
            self._planner.range_ended(
                assignment,
                self._now_s(),
                fault=error.fault if error else None,
                retry_after_s=error.retry_after_s if error else None,
                jitter=self._rng.random() if error else 0.0,
                dismissed=dismissed,
            )
        if error:
            package.causes[assignment.endpoint] = self.failures[assignment.endpoint] = error
            fault = error.fault.value
            self._meter.faults[assignment.endpoint][fault] += 1
            event = RangeFailed(package.package_id, assignment.endpoint, fault, error.message)
            self._bus.emit(event)

    def pass_on_notes(self) -> None:
        """Tell what the planner decided about endpoints since this was last called."""
        for endpoint, what, reason in self._planner.notes():
            note = EndpointNote(endpoint, what, reason)
            self.notes.append(note)
            self._bus.emit(note)

    def _count(self, package: PackageDownload, assignment: Assignment, block: BlockRange) -> None:
        """Count a block as done if it is.

        The store has the last word: a bad block is not there, and a block of an object with but
        one digest may have been withdrawn while its thread was on its way back.
        """
        if package.count(block):
            self._planner.blocks_done(assignment, block)

    def _reject(self, package: PackageDownload, assignment: Assignment, block: int) -> None:
        name = package.manifest.objects[assignment.blocks.object].name
        with self._telling_drops(assignment.endpoint):
            culprit = self._planner.block_bad(assignment, block, self._now_s())
        self._bus.emit(BlockRejected(package.package_id, name, block, culprit))
        if culprit:
            self._blame(package, culprit, f"block {block} of object {name}")

    def _blame(self, package: PackageDownload, endpoint: str, what: str) -> TransferError:
        error = TransferError(
            f"{what} does not match its digest", fault=Fault.CORRUPT, endpoint=endpoint
        )
        package.causes[endpoint] = self.failures[endpoint] = error
        self._meter.faults[endpoint][Fault.CORRUPT.value] += 1
        return error

    @contextlib.contextmanager
    def _telling_drops(self, endpoint: str) -> Iterator[None]:
        """Tell listeners if the endpoint is dropped meanwhile."""
        before = self._planner.dropped(endpoint)
        yield
        after = self._planner.dropped(endpoint)
        if after and not before:
            self._bus.emit(EndpointDropped(endpoint, after))
