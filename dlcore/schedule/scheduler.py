"""The state machine that decides which bytes each connection fetches now.

Guarantees:

* The earliest-needed package is served first, with the whole link; later ones get what is left.
  While a step waits for a package, long requests for others make way.
* Packages that may not be needed are served only when all others are verified or in flight.
* A block is done only when it was verified. No byte is in flight twice, except where a late
  request is raced, which wastes at most `Policy.waste_share` of what is wanted.
* Of equal blocks, in one package or in several, one is fetched and the others are copied from it
  (`equal_blocks` has the exceptions).
* What a failed request did not deliver is missing again at once.

What the inputs do to a block (`block_map`, `split_block`), an endpoint (`circuit_breaker`,
`endpoint`) and a package (`completion`):

| From | Input | To | Event |
|---|---|---|---|
| Block: | | | |
| missing | next_request | in flight or split | |
| in flight | next_request, late | given to the new request | RequestShortened |
| in flight | next_request, late | raced by the new request | |
| in flight | next_request, late, not to be raced | the new request's | RequestCancelled |
| in flight | next_request, stalled | missing when it has ended | RequestCancelled |
| in flight | start_arrived | split | StartKept |
| in flight, not verified | finished, failed, cancelled | missing | |
| split | arrived | split, or to be verified | SplitBlockFilled |
| split | next_request, late | its part divided again | RequestCancelled |
| split, and no endpoint for it | next_request, no memory | missing | SplitBlockDropped |
| missing | an equal one is in flight or verified | promised | CopyBlocks if that is verified |
| promised | nothing comes of the equal one, or too late; not_copied | missing | |
| missing, promised | found | verified | |
| split, and no part in flight | found | verified | SplitBlockDropped |
| in flight, split | verified | verified; a rival lost the race | RequestCancelled |
| in flight, split | rejected | missing | BlockRejected |
| verified | object_rejected | missing | ObjectRejected |
| Endpoint: | | | |
| closed | failed | closed with few trials, or open | EndpointChanged: backed off |
| open | next_request, back-off over | half-open | EndpointChanged: half-open |
| half-open | finished | closed | EndpointChanged: resumed |
| any | failed | dropped | EndpointChanged: dropped |
| any | rejected, object_rejected, culprit_found | quarantined | EndpointChanged: quarantined |
| quarantined | the same, hardly anything was right | dropped for good | EndpointChanged: dropped |
| any | tick, no byte for long | silent, one trial at a time | EndpointChanged: fell silent |
| silent | received | as before | EndpointChanged: resumed |
| dropped, not for bad blocks | retry | closed | EndpointChanged: resumed |
| any | allow, no rank | not asked | |
| not asked | allow, a rank | as before | |
| any | lacks_ranges, failed | sends whole objects only | EndpointChanged: the same |
| Package, none of its requests in flight: | | | |
| wanted | verified, finished, found, want | complete | PackageComplete |
| wanted | finished, failed, cancelled, located, allow | exhausted | PackageExhausted |
| exhausted | retry, allow | wanted | |
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping, Sequence

from dlcore.errors import Fault
from dlcore.model import BlockExtent, BlockInObject, BlockInPackage, Manifest, ObjectIndex
from dlcore.schedule.block_map import BlockMap
from dlcore.schedule.completion import Completion
from dlcore.schedule.demand import Demand
from dlcore.schedule.dispatcher import Dispatcher
from dlcore.schedule.eligibility import Eligibility
from dlcore.schedule.endgame import Endgame
from dlcore.schedule.endpoint import Endpoint
from dlcore.schedule.equal_blocks import EqualBlocks
from dlcore.schedule.inflight import InFlight, InFlightTable
from dlcore.schedule.interface import Scheduler
from dlcore.schedule.picker import Shortage
from dlcore.schedule.policy import Policy
from dlcore.schedule.rescue import WasteBudget
from dlcore.schedule.types import (
    Answer,
    BlockRejected,
    Event,
    Events,
    ObjectRejected,
    Portion,
    RequestNumber,
    SplitBlockDropped,
    SplitBlockFilled,
    StartKept,
    Terms,
)


class DeadlineScheduler(Scheduler):
    """Serves the earliest deadline first; see `Scheduler` for its inputs.

    Args:
        endpoints: Name -> how the endpoint may be used.
        policy: The room's constants.
    """

    def __init__(self, endpoints: Mapping[str, Terms], policy: Policy | None = None) -> None:
        self._policy = policy or Policy()
        self._events: list[Event] = []
        tell = self._events.append
        self._endpoints = {
            name: Endpoint(name, self._policy, terms, tell) for name, terms in endpoints.items()
        }
        self._demand = Demand()
        self._cap_bytes_per_s = 0.0
        self._in_flight = InFlightTable(tell)
        self._eligibility = Eligibility(self._policy, self._endpoints, self._in_flight)
        self._budget = WasteBudget(self._policy)
        self._endgame = Endgame(
            self._policy, self._in_flight, self._endpoints, self._eligibility, self._budget
        )
        self._dispatcher = Dispatcher(
            self._policy,
            self._demand,
            self._endpoints,
            self._in_flight,
            self._eligibility,
            self._endgame,
            tell,
        )
        self._equal_blocks = EqualBlocks(self._demand.rank, self._is_continued, tell)
        self._completion = Completion(
            self._demand,
            self._equal_blocks,
            self._endpoints,
            self._in_flight,
            self._eligibility,
            tell,
        )
        self._now_s = 0.0
        self._gave_up_s: dict[str, float] = {}  # when an endpoint was last looked at for that
        self._share_cap()

    @property
    def spent_bytes(self) -> int:
        """What races, and requests that were cancelled, have spent of the waste budget."""
        return self._budget.spent_bytes

    # What is wanted

    def want(self, package: str, manifest: Manifest, verified: bytes | bytearray) -> Events:
        """Add a package."""
        block_map = BlockMap(package, manifest, verified, self._policy, self._demand)
        self._budget.want(block_map.missing_bytes, manifest.block_bytes)
        self._completion.want(block_map)
        return self._take_events()

    def forget(self, package: str) -> Events:
        """Fetch nothing more of a package."""
        self._completion.forget(package)
        return self._take_events()

    def order(
        self,
        needed: Sequence[str],
        maybe_needed: Sequence[str] = (),
        awaited: Container[str] = (),
    ) -> Events:
        """Set the deadline order; takes effect with the next request."""
        self._demand.order(needed, maybe_needed)
        self._eligibility.set_awaited(awaited)
        self._equal_blocks.review_all()
        self._make_way(self._demand.to_serve)
        return self._take_events()

    def set_terms(self, endpoint: str, terms: Terms) -> Events:
        """Change how an endpoint may be used."""
        self._endpoints[endpoint].set_terms(terms, self._cap_of(terms))
        return self._take_events()

    def allow(self, endpoint: str, rank: int | None) -> Events:
        """Set whether an endpoint may be used, and which go before it."""
        changed = self._endpoints[endpoint]
        was_allowed = changed.is_allowed
        changed.set_rank(rank)
        if changed.is_allowed and not was_allowed:
            self._completion.allowed(endpoint)
        self._completion.review_without(changed)
        return self._take_events()

    def set_cap(self, cap_bytes_per_s: float) -> Events:
        """Set the bandwidth cap of all endpoints together."""
        self._cap_bytes_per_s = cap_bytes_per_s
        self._share_cap()
        return self._take_events()

    def located(self, package: str, endpoint: str, objects: frozenset[ObjectIndex]) -> Events:
        """Note what an endpoint holds of a package."""
        if block_map := self._demand.block_maps.get(package):
            self._endpoints[endpoint].located(package, objects)
            self._make_way([block_map])
            self._completion.located(package, endpoint)
            self._equal_blocks.review_all()
        return self._take_events()

    def lacks_ranges(self, endpoint: str) -> Events:
        """Ask an endpoint for whole objects only."""
        self._lacks_ranges(self._endpoints[endpoint])
        return self._take_events()

    def retry(self, package: str) -> Events:
        """Ask all endpoints again, except those that were dropped for bad blocks."""
        for endpoint in self._endpoints.values():
            endpoint.reset()
        self._completion.retry(package)
        self._equal_blocks.review_all()
        return self._take_events()

    def found(self, package: str, blocks: Iterable[BlockInPackage]) -> Events:
        """Fetch no blocks that are on disk already."""
        if block_map := self._demand.block_maps.get(package):
            for number in blocks:
                if split := block_map.found(number):
                    self._events.append(SplitBlockDropped(package, split.blocks))
            if block_map.is_complete:
                self._demand.review(block_map)
            self._completion.review(package)
        return self._take_events()

    def not_copied(self, package: str, blocks: Iterable[BlockInPackage]) -> Events:
        """Fetch blocks that could not be copied."""
        if block_map := self._demand.block_maps.get(package):
            self._equal_blocks.not_copied(block_map, blocks)
        return self._take_events()

    # What time changes, and what connections do

    def tick(self, now_s: float) -> Events:
        """Notice what only time changes."""
        self._now_s = now_s
        left_bytes = self._left_bytes()
        for endpoint in self._endpoints.values():
            stall_s = self._endgame.stall_s(endpoint)
            endpoint.tick(now_s, stall_s=stall_s, left_bytes=left_bytes)
        return self._take_events()

    def wake_at_s(self, now_s: float) -> float | None:
        """While requests are in flight, they are checked regularly; else back-offs end."""
        if self._in_flight.items:
            return now_s + self._policy.check_s
        if not self._demand.to_serve:
            return None
        resume_s = [endpoint.resume_at_s for endpoint in self._endpoints.values()]
        return min((at_s for at_s in resume_s if at_s > now_s), default=None)

    def next_request(self, endpoint: str, now_s: float, free_bytes: int) -> Answer:
        """Pick what a connection to the endpoint asks for."""
        self._now_s = now_s
        self._give_up_late(self._endpoints[endpoint])
        found = self._dispatcher.next_request(self._endpoints[endpoint], now_s, free_bytes)
        if isinstance(found, Shortage):
            return Answer(None, self._take_events(), lacks_memory=True)
        if found and found.part and (item := self._in_flight.get(found.number)):
            self._equal_blocks.review(item.block_map, found.blocks)
        return Answer(found, self._take_events(), lacks_memory=False)

    def limit(self, endpoint: str) -> int:
        """How many requests should be in flight at an endpoint; 0 if it is not asked any more.

        Not part of `Scheduler`: the engine asks for requests until there is none. For whoever
        checks or simulates the scheduler.
        """
        return self._endpoints[endpoint].limit

    # What became of requests

    def received(self, number: RequestNumber, count_bytes: int, now_s: float) -> Events:
        """Count bytes that arrived."""
        self._now_s = now_s
        if item := self._in_flight.get(number):
            item.received(count_bytes, now_s)
        return self._take_events()

    def arrived(self, number: RequestNumber) -> Events:
        """Free the connection of a request; its part is in the buffer of its block."""
        item = self._in_flight.get(number)
        if item is None:
            return self._take_events()
        item.free_connection()
        if item.request.part and (split := item.split_block):
            counts = split.arrived(item.request.part, number, item.request.endpoint)
            if counts and split.is_whole:
                self._events.append(SplitBlockFilled(number))
        return self._take_events()

    def start_arrived(
        self, number: RequestNumber, block: BlockInObject, arrived_bytes: int
    ) -> Events:
        """Have the rest of a broken block fetched in parts, if that is possible."""
        item = self._in_flight.get(number)
        if item is None or self._eligibility.is_doubted(item.endpoint, item.request):
            return self._take_events()
        blocks = BlockExtent.of(item.request.blocks.object, block, block + 1)
        endpoint = item.request.endpoint
        if item.block_map.split_after_start(number, blocks, endpoint, arrived_bytes):
            if item.is_cancelled:
                item.keep_arrived()
            self._events.append(StartKept(number, block))
        return self._take_events()

    def verified(self, number: RequestNumber, blocks: BlockExtent) -> Events:
        """Count blocks as verified; requests that lost a race for them are cancelled."""
        item = self._in_flight.get(number)
        if item is None:
            return self._take_events()
        if item.request.part is None:
            for loser in item.block_map.verified(number, blocks, item.request.endpoint):
                self._in_flight.cancel(loser, blocks.first)
            self._count_good({item.request.endpoint}, item.block_map, blocks)
        elif split := item.split_block:
            item.block_map.split_verified(split)
            self._count_good(split.served_by, item.block_map, blocks)
        if item.block_map.is_complete:
            self._demand.review(item.block_map)
        return self._take_events()

    def rejected(self, number: RequestNumber, block: BlockInObject, now_s: float) -> Events:
        """Have a bad block fetched again, and blame the endpoint that sent it."""
        self._now_s = now_s
        item = self._in_flight.get(number)
        if item is None:
            return self._take_events()
        item.rejected()
        request, culprit, portions = item.request, None, tuple[Portion, ...]()
        if request.part is None:
            culprit = request.endpoint
            item.block_map.rejected(number, request.blocks.object, block, culprit)
        elif split := item.split_block:
            culprit = item.block_map.split_rejected(split)
            portions = () if culprit else split.portions
        index = request.blocks.object
        self._events.append(BlockRejected(request.package, index, block, culprit, portions))
        self._blame(culprit, request.package, index)
        return self._take_events()

    def culprit_found(
        self, package: str, index: ObjectIndex, endpoint: str, now_s: float
    ) -> Events:
        """Blame an endpoint for its portion of a block, as for a whole one."""
        self._now_s = now_s
        self._blame(endpoint, package, index)
        self._completion.review(package)
        return self._take_events()

    def object_rejected(self, number: RequestNumber, now_s: float) -> Events:
        """Have an object fetched again from one endpoint."""
        self._now_s = now_s
        item = self._in_flight.get(number)
        if item is None:
            return self._take_events()
        item.rejected()
        index = item.request.blocks.object
        culprit = item.block_map.object_rejected(
            index, self._in_flight.deliverers(item.request.package, index)
        )
        if culprit:
            self._endpoints[culprit].lost(item.request.package, index)
        self._demand.review(item.block_map)
        self._events.append(ObjectRejected(item.request.package, index, culprit))
        self._blame(culprit, item.request.package, index)
        return self._take_events()

    def finished(self, number: RequestNumber, now_s: float) -> Events:
        """End a request whose bytes have all arrived."""
        if item := self._end(number, now_s):
            item.endpoint.finished(number, is_sound=item.is_sound)
            self._completion.review(item.request.package)
        return self._take_events()

    def failed(
        self,
        number: RequestNumber,
        now_s: float,
        fault: Fault,
        *,
        retry_after_s: float | None = None,
        jitter: float = 0.0,
    ) -> Events:
        """End a request that failed, and decide what that means for its endpoint."""
        if item := self._end(number, now_s):
            package, index = item.request.package, item.request.blocks.object
            if fault in {Fault.NOT_FOUND, Fault.CORRUPT}:  # it has none, or says it has another
                item.endpoint.lost(package, index)
            elif fault is Fault.NO_RANGES and item.request.from_beginning:
                fault = Fault.REFUSED  # there is no other way to ask
            elif fault is Fault.NO_RANGES:
                self._lacks_ranges(item.endpoint)
            elif fault is Fault.CHANGED:
                item.block_map.whole_objects.changed(index)
            if fault is Fault.CORRUPT:
                item.endpoint.blame(package, index)
            item.endpoint.failed(number, fault, now_s, retry_after_s, jitter)
            self._equal_blocks.review_all()
            self._completion.review(package)
            self._completion.review_without(item.endpoint)
        return self._take_events()

    def cancelled(self, number: RequestNumber, now_s: float) -> Events:
        """End a request that was stopped on this side."""
        if item := self._end(number, now_s):
            item.endpoint.cancelled(number)
            self._completion.review(item.request.package)
        return self._take_events()

    # What follows

    def _left_bytes(self) -> int:
        """What is still to be asked of each endpoint, if all deliver the same."""
        askable = sum(endpoint.is_askable for endpoint in self._endpoints.values())
        return self._demand.left_bytes // max(1, askable)

    def _end(self, number: RequestNumber, now_s: float) -> InFlight | None:
        self._now_s = now_s
        item = self._in_flight.end(number)
        if item:
            self._budget.ended(number, item.surplus_bytes)
            if item.request.part and not item.endpoint.sends_ranges:
                self._lacks_ranges(item.endpoint)
            self._equal_blocks.review(item.block_map, item.request.blocks)
        return item

    def _lacks_ranges(self, endpoint: Endpoint) -> None:
        """Have an endpoint's split blocks fetched whole: each part would be a stream of its own."""
        endpoint.lacks_ranges()
        self._dispatcher.drop_split_blocks(
            lambda _, split: split.endpoint == endpoint.name and split.is_at_rest
        )

    def _count_good(
        self, servers: Collection[str], block_map: BlockMap, blocks: BlockExtent
    ) -> None:
        """Count good blocks; of an object with one digest it turns out later whether they are."""
        if len(servers) == 1 and block_map.manifest.objects[blocks.object].digests:
            (server,) = servers
            self._endpoints[server].served_right(blocks.end - blocks.first)

    def _blame(self, culprit: str | None, package: str, index: ObjectIndex) -> None:
        if culprit:
            endpoint = self._endpoints[culprit]
            endpoint.blame(package, index)
            self._completion.review_without(endpoint)
            self._equal_blocks.review_all()

    def _is_continued(self, block_map: BlockMap, number: BlockInPackage) -> bool:
        """Whether the rest of a block that has arrived in part will be asked for."""
        index, _ = block_map.manifest.locate_block(number)
        is_ordered = self._demand.rank(block_map.package) < float("inf")
        return is_ordered and self._eligibility.is_held(block_map.package, index)

    def _give_up_late(self, endpoint: Endpoint) -> None:
        """An endpoint fetches blocks that wait for late ones, if it cannot help those."""
        now_s, checked_s = self._now_s, self._gave_up_s.get(endpoint.name)
        is_due = checked_s is None or now_s >= checked_s + self._policy.check_s
        if not (is_due and endpoint.may_be_asked(now_s)):
            return
        self._gave_up_s[endpoint.name] = now_s
        self._equal_blocks.give_up(
            lambda block, is_behind: self._endgame.is_late(
                endpoint, *block, now_s, is_behind=is_behind
            ),
            lambda block: self._may_fetch(endpoint, *block),
        )
        self._update_equal_blocks()

    def _may_fetch(self, endpoint: Endpoint, block_map: BlockMap, number: BlockInPackage) -> bool:
        index, _ = block_map.manifest.locate_block(number)
        return self._eligibility.may_serve(endpoint, block_map, index, self._now_s)

    def _update_equal_blocks(self) -> None:
        """Promise equal blocks, or make them missing again, as the changes demand."""
        for package in self._equal_blocks.update():
            self._completion.review(package)

    def _make_way(self, block_maps: Iterable[BlockMap]) -> None:
        """While a step waits for one of these, long requests for others end as soon as they can."""
        if any(m.missing for m in block_maps if self._eligibility.is_awaited(m.package)):
            self._endgame.make_way(self._now_s)

    def _share_cap(self) -> None:
        for endpoint in self._endpoints.values():
            endpoint.set_terms(endpoint.terms, self._cap_of(endpoint.terms))

    def _cap_of(self, terms: Terms) -> float:
        """The lower one of the endpoint's own cap and the total; 0.0: none."""
        caps = [cap for cap in (self._cap_bytes_per_s, terms.cap_bytes_per_s) if cap]
        return min(caps, default=0.0)

    def _take_events(self) -> Events:
        self._update_equal_blocks()
        if not self._events:
            return ()
        events = tuple(self._events)
        self._events.clear()
        return events
