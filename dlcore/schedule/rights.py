"""Who may serve what.

An endpoint serves an object if it holds it, unless

* it served those very bytes wrong and somebody else has not yet;
* the object failed as a whole, and it is another endpoint's turn to serve it alone;
* it costs more than another endpoint in use that holds the object. Then it gets work only while a
  step waits for the package and the cheaper ones together would need longer than
  `Policy.patience_s` for the rest of it, at the rate measured.

One on trial begins blocks, but goes on with none that others can go on with: what has arrived of
them would have to wait if it fails.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from dlcore.schedule.demand import Demand
from dlcore.schedule.policy import Policy
from dlcore.schedule.source import Source


class Rights:
    """Applies the rules.

    Args:
        policy: How long a step waits for cheap endpoints.
        sources: All endpoints by name.

    Attributes:
        waiting: Packages for which a step waits now.
    """

    def __init__(self, policy: Policy, sources: Mapping[str, Source]) -> None:
        self._policy = policy
        self._sources = sources
        self.waiting: Container[str] = ()

    def may_serve(self, source: Source, demand: Demand, index: int, now_s: float) -> bool:
        """Whether an endpoint may serve an object of a package now."""
        return (
            source.holds(demand.package, index)
            and self._is_its_turn(source.name, demand, index)
            and self._is_worth_its_cost(source, demand, index, now_s)
        )

    def avoids(self, source: Source, demand: Demand, number: int) -> bool:
        """Whether an endpoint should leave a block to others, having served it wrong."""
        culprits = demand.served_bad.get(number, ())
        index, _ = demand.manifest.locate_block(number)
        return self._leaves_to_others(source.name, demand.package, index, culprits)

    def leaves_to_better(self, source: Source, demand: Demand, index: int, now_s: float) -> bool:
        """Whether an endpoint is on trial, and one that is not may be asked for the object now."""
        return source.is_on_trial and any(
            other.is_relied_on
            and other.is_askable(now_s)
            and self.may_serve(other, demand, index, now_s)
            for other in self._sources.values()
        )

    def is_held(self, package: str, index: int) -> bool:
        """Whether anybody in use holds the object."""
        return any(source.holds(package, index) for source in self._sources.values())

    def _is_its_turn(self, endpoint: str, demand: Demand, index: int) -> bool:
        """Whether ``endpoint`` may serve an object that only one at a time may."""
        if index not in demand.alone:
            return True
        alone = demand.alone[index]
        if alone and self._sources[alone].holds(demand.package, index):
            return alone == endpoint
        culprits = demand.failed_alone.get(index, set())
        return not self._leaves_to_others(endpoint, demand.package, index, culprits)

    def _leaves_to_others(
        self, endpoint: str, package: str, index: int, culprits: Container[str]
    ) -> bool:
        """Whether ``endpoint`` served the object's bytes wrong and somebody else has not yet."""
        return endpoint in culprits and any(
            name not in culprits and source.holds(package, index)
            for name, source in self._sources.items()
        )

    def _is_worth_its_cost(self, source: Source, demand: Demand, index: int, now_s: float) -> bool:
        cheaper = [
            other
            for other in self._sources.values()
            if other.terms.cost < source.terms.cost and other.holds(demand.package, index)
        ]
        if not cheaper:
            return True
        if demand.package not in self.waiting:
            return False
        left_bytes = demand.unfinished * demand.manifest.block_bytes
        rate_bytes_per_s = sum(other.total_bytes_per_s(now_s) for other in cheaper)
        if left_bytes <= rate_bytes_per_s * self._policy.patience_s:
            return False
        source.prefer(demand.package, self._policy.patience_s)
        return True
