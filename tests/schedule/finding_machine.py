"""The scheduler's machine, on a computer where missing blocks turn up."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.schedule.machine import SchedulerMachine


class FindingMachine(SchedulerMachine):
    """Some blocks are found on disk while others are fetched."""

    @rule(data=st.data())
    def find(self, data: st.DataObject) -> None:
        """Blocks are found on this machine; those being fetched stay with their requests."""
        package = data.draw(st.sampled_from(sorted(self.manifests)))
        manifest = self.manifests[package]
        there = [
            number
            for number in self._missing(package)
            if manifest.objects[manifest.locate_block(number)[0]].digests
        ]
        found = data.draw(st.sets(st.sampled_from(there), max_size=6)) if there else set()
        taken = {
            number
            for flight in self.flights.values()
            if flight.request.package == package
            and not (flight.request.part and flight.is_cancelled)
            for number in flight.numbers
        }
        free = {(package, number) for number in found - taken}
        self.verified |= free
        self._note(self.scheduler.found(package, sorted(found)))
        assert not free & self.arrived.keys(), "what had arrived of them is not kept"
