"""The scheduler's machine with packages that have blocks in common, among them and within them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from dlcore.model import DIGEST_BYTES, BlockInPackage, Manifest
from dlcore.schedule import CopyBlocks, Event
from tests.schedule.block_model import BLOCK_BYTES, Block
from tests.schedule.finding_machine import FindingMachine
from tests.schedule.model_request import ModelRequest
from tests.schedule.packages import shape

CONTENTS = 12  # that many different blocks there are


class SharingMachine(FindingMachine):
    """Blocks are equal, and are copied from each other; a copy may fail."""

    def __init__(self) -> None:
        super().__init__()
        self.copies: dict[Block, None] = {}
        self.orders: set[tuple[str, ...]] = set()  # in which requests were asked for

    def _draw_manifest(self, lengths: list[int], data: st.DataObject) -> Manifest:
        made = shape(lengths, block_bytes=BLOCK_BYTES)
        content = st.integers(0, CONTENTS - 1)
        objects = []
        for item in made.objects:
            count = -(-item.length_bytes // BLOCK_BYTES)
            drawn = [2 * data.draw(content) for _ in range(count)]
            drawn[-1] += 1  # it is shorter, so it is another one than all full blocks
            digests = b"".join(number.to_bytes(DIGEST_BYTES, "big") for number in drawn)
            if item.digests:
                objects.append(msgspec.structs.replace(item, digests=digests))
            elif count == 1:
                objects.append(msgspec.structs.replace(item, sha256=digests))
            else:
                objects.append(item)
        return msgspec.structs.replace(made, objects=tuple(objects))

    # What may happen

    @precondition(lambda self: self._pending)
    @rule(data=st.data(), good=st.sampled_from([True, True, False]))
    def copy(self, data: st.DataObject, good: bool) -> None:
        """Blocks have been copied, or could not be."""
        package = data.draw(st.sampled_from(sorted({package for package, _ in self._pending})))
        numbers = sorted(number for name, number in self._pending if name == package)
        self._copy(package, numbers[: data.draw(st.integers(1, 4))], good=good)

    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        """A package that nothing is in flight of fails, and starts over."""
        package = data.draw(st.sampled_from(sorted(self.manifests)))
        if package in self.complete or self._in_flight(package):
            return
        self._note(self.scheduler.forget(package))
        for places in (self.arrived, self.copies):
            for place in [place for place in places if place[0] == package]:
                del places[place]
        self.bad = {place for place in self.bad if place[0] != package}
        self.exhausted.discard(package)
        self.unlocated |= {(package, endpoint) for endpoint in self.endpoints}
        count = self.manifests[package].first_blocks[-1]
        have = bytes((package, number) in self.verified for number in range(count))
        self._note(self.scheduler.want(package, self.manifests[package], have))
        for endpoint in self.endpoints:
            self._note_located(package, endpoint, self.held[package, endpoint])

    @property
    def _pending(self) -> list[Block]:
        """The blocks that are to be copied and have not been found meanwhile."""
        return [place for place in self.copies if place not in self.verified]

    def _copy(self, package: str, numbers: list[BlockInPackage], *, good: bool) -> None:
        for number in numbers:
            del self.copies[package, number]
        if good:
            self.verified |= {(package, number) for number in numbers}
            self._note(self.scheduler.found(package, numbers))
        else:
            self._note(self.scheduler.not_copied(package, numbers))

    # What must hold

    def _check_event(self, event: Event) -> None:
        super()._check_event(event)
        if isinstance(event, CopyBlocks):
            source = event.source, event.source_block
            assert source in self.verified
            for number in event.blocks:
                place = event.package, number
                assert self._content(*place) == self._content(*source)
                assert place not in self.verified
                assert place not in self.copies, "each is told once"
                self.copies[place] = None

    def _check_equals(self, flight: ModelRequest) -> None:
        """Equal blocks are not fetched at the same time, unless one may have been given up."""
        self.orders.add((*self.needed, *self.maybe_needed))
        request = flight.request
        if request.part and not request.buffer_bytes:
            return  # the block was begun before
        mine = [(request.package, number) for number, _ in self._claims(flight)]
        if not request.part:
            contents = [self._content(*place) for place in mine]
            for one, another in combinations(contents, 2):
                assert one is None or one != another
        for place in mine:
            assert place not in self._pending
            content = self._content(*place)
            for other in self._claimed():
                if content and other != place and self._content(*other) == content:
                    assert self._was_behind(other) or self._is_helpless(other)

    def _was_behind(self, place: Block) -> bool:
        """Whether a package with an equal block has ever come first, and may not have waited."""
        content = self._content(*place)
        sharing = {
            package
            for package, manifest in self.manifests.items()
            for number in range(manifest.first_blocks[-1])
            if self._content(package, BlockInPackage(number)) == content
        }
        for order in self.orders:
            rank = order.index(place[0]) if place[0] in order else len(order)
            if sharing & set(order[:rank]):
                return True
        return False

    def _is_helpless(self, place: Block) -> bool:
        """Whether some endpoint can do nothing for a block, so that it may give it up."""
        for flight in self.flights.values():
            asked = flight.request
            if asked.part and asked.package == place[0] and place[1] in flight.numbers:
                return True  # nobody else fetches a part that is on its way
        index, _ = self.manifests[place[0]].locate_block(place[1])
        return any(index not in self.held[place[0], endpoint] for endpoint in self.endpoints)

    def _claimed(self) -> Iterator[Block]:
        """The blocks that requests in flight are to deliver."""
        for flight in self.flights.values():
            if not flight.is_cancelled:
                for number, _ in self._claims(flight):
                    yield flight.request.package, number

    def _may_yet_come(self, package: str) -> bool:
        others = {  # of blocks that may still be served
            self._content(other, number)
            for other in (*self.needed, *self.maybe_needed)
            if other in self.manifests
            for number in self._missing(other)
            if self._holders(other, number)
        }
        missing = [(package, number) for number in self._missing(package)]
        return any(
            self._is_left_to_equals(p) or self._content(*p) in others - {None} for p in missing
        )

    def _is_left_to_equals(self, place: Block) -> bool:
        content = self._content(*place)
        if content is None:
            return False
        there = {*self.verified, *self.arrived, *self.copies}
        there |= {
            (f.request.package, n) for f in self.flights.values() for n in self._all_numbers(f)
        }
        return any(self._content(*other) == content for other in there)

    def _content(self, package: str, number: BlockInPackage) -> bytes | None:
        """The digest of a block; None if it has none of its own."""
        manifest = self.manifests[package]
        index, block = manifest.locate_block(number)
        item = manifest.objects[index]
        if item.digests:
            return item.digests[block * DIGEST_BYTES : (block + 1) * DIGEST_BYTES]
        return item.sha256 if item.length_bytes <= BLOCK_BYTES else None

    def _finish_rest(self) -> None:
        while pending := self._pending:
            package, number = pending[0]
            self._copy(package, [number], good=True)
