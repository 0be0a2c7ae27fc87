"""When a package is complete, and when no endpoint is left for it; each is told once.

Both are judged only while none of the package's requests is in flight. A package is exhausted if
every endpoint has told what it holds, blocks are missing, and no endpoint in use holds one of them.
While blocks of a package are promised, it is not exhausted: they are still going to come.
A package that is complete leaves the schedule, so that it costs nothing any more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dlcore.schedule.block_map import BlockMap
from dlcore.schedule.demand import Demand
from dlcore.schedule.eligibility import Eligibility
from dlcore.schedule.endpoint import Endpoint
from dlcore.schedule.equal_blocks import EqualBlocks
from dlcore.schedule.inflight import InFlightTable
from dlcore.schedule.types import Event, PackageComplete, PackageExhausted


class Completion:
    """The packages that are wanted, until it is known what they come to.

    Args:
        demand: What is wanted.
        equal_blocks: Which of its blocks are equal.
        endpoints: All endpoints by name.
        in_flight: The requests in flight.
        eligibility: Says which objects an endpoint in use holds.
        tell: Hears what was decided.
    """

    def __init__(
        self,
        demand: Demand,
        equal_blocks: EqualBlocks,
        endpoints: Mapping[str, Endpoint],
        in_flight: InFlightTable,
        eligibility: Eligibility,
        tell: Callable[[Event], None],
    ) -> None:
        self._demand = demand
        self._equal_blocks = equal_blocks
        self._endpoints = endpoints
        self._in_flight = in_flight
        self._eligibility = eligibility
        self._tell = tell
        self._unlocated: dict[str, set[str]] = {}  # package -> endpoints that have not told yet
        self._exhausted: set[str] = set()  # packages that were told to be so

    def want(self, block_map: BlockMap) -> None:
        """A package is wanted; it may be complete already."""
        self._leave(block_map.package)
        self._demand.add(block_map)
        self._equal_blocks.add(block_map)
        self.retry(block_map.package)
        self.review(block_map.package)

    def forget(self, package: str) -> None:
        """Nothing more will come of a package; nothing changes if it is complete."""
        self._leave(package)
        self._unlocated.pop(package, None)
        self._exhausted.discard(package)
        for endpoint in self._endpoints.values():
            endpoint.forget(package)

    def located(self, package: str, endpoint: str) -> None:
        """An endpoint has told what it holds of a package that is wanted."""
        self._unlocated[package].discard(endpoint)
        self.review(package)

    def retry(self, package: str) -> None:
        """Every endpoint is to tell again what it holds of a package, if that is wanted."""
        if package in self._demand.block_maps:
            self._unlocated[package] = set(self._endpoints)
            self._exhausted.discard(package)

    def allowed(self, endpoint: str) -> None:
        """An endpoint may be used from now on: it is to tell what it holds of each package."""
        for package, unlocated in self._unlocated.items():
            unlocated.add(endpoint)
            self._exhausted.discard(package)

    def review(self, package: str) -> None:
        """Tell if a package is complete, or if no endpoint is left for it."""
        block_map = self._demand.block_maps.get(package)
        if block_map is None or self._in_flight.count(package):
            return
        if block_map.is_complete:
            self.forget(package)
            for server in block_map.whole_objects.servers():
                self._endpoints[server].served_right(1)
            self._tell(PackageComplete(package))
        elif block_map.promised:
            return
        elif not self._unlocated[package] and not block_map.is_servable(
            lambda index: self._eligibility.is_held(package, index)
        ):
            self._tell_exhausted(block_map)

    def review_without(self, endpoint: Endpoint) -> None:
        """If an endpoint is not asked any more, any package may be exhausted."""
        if not endpoint.is_askable:
            for package in tuple(self._demand.block_maps):
                self.review(package)

    def _leave(self, package: str) -> None:
        if block_map := self._demand.block_maps.get(package):
            self._demand.remove(package)
            self._equal_blocks.remove(block_map)

    def _tell_exhausted(self, block_map: BlockMap) -> None:
        """Told once until it is retried."""
        if block_map.package not in self._exhausted:
            self._exhausted.add(block_map.package)
            dropped = tuple(n for n, endpoint in self._endpoints.items() if endpoint.is_dropped)
            self._tell(PackageExhausted(block_map.package, block_map.unverified, dropped))
