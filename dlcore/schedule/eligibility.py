"""Which endpoint may serve what: by what it holds, by blame, and by cost.

An endpoint serves an object that it holds, unless

* it sent those very bytes wrong, and another endpoint has not yet;
* the object did not match as a whole, and another endpoint serves it alone now;
* it sends whole objects only, and sends this one already;
* another endpoint that goes before it holds the object: this one is in quarantine and the other is
  not, or this one's rank is higher;
* it costs more than another endpoint in use that holds the object. Then it gets work only while a
  step waits for the package, and the cheaper ones together would need longer than
  `Policy.max_cheap_wait_s` for the rest of it at the measured rate. What all cheaper ones sent
  wrong is served by it in any case, because they leave it to others.

An endpoint on trial begins blocks, but does not continue one that others can continue: what has
arrived of it would have to wait if the endpoint fails.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping

from dlcore.model import BlockInPackage, ObjectIndex
from dlcore.schedule.block_map import BlockMap
from dlcore.schedule.endpoint import Endpoint
from dlcore.schedule.inflight import InFlightTable
from dlcore.schedule.policy import Policy
from dlcore.schedule.split_block import SplitBlock
from dlcore.schedule.types import Request


class Eligibility:
    """Says which endpoint may serve what.

    Args:
        policy: How long a step waits for cheap endpoints.
        endpoints: All endpoints by name.
        in_flight: The requests in flight.
    """

    def __init__(
        self, policy: Policy, endpoints: Mapping[str, Endpoint], in_flight: InFlightTable
    ) -> None:
        self._policy = policy
        self._endpoints = endpoints
        self._in_flight = in_flight
        self._awaited: Container[str] = ()

    def set_awaited(self, packages: Container[str]) -> None:
        """Steps wait for these packages now."""
        self._awaited = packages

    def is_awaited(self, package: str) -> bool:
        """Whether a step waits for the package now."""
        return package in self._awaited

    def is_held(self, package: str, index: ObjectIndex) -> bool:
        """Whether any endpoint in use holds the object."""
        return any(endpoint.holds(package, index) for endpoint in self._endpoints.values())

    def may_serve(
        self, endpoint: Endpoint, block_map: BlockMap, index: ObjectIndex, now_s: float
    ) -> bool:
        """Whether an endpoint may serve an object of a package now."""
        return (
            self._is_used_for(endpoint, block_map.package, index)
            and self._may_be_server(endpoint, block_map, index)
            and self._may_stream(endpoint, block_map.package, index)
            and self._is_worth_its_cost(endpoint, block_map, index, now_s)
        )

    def is_needed(
        self, endpoint: Endpoint, block_map: BlockMap, index: ObjectIndex, now_s: float
    ) -> bool:
        """Whether others that cost less may serve an object, and take too long for a step."""
        cheaper = self._cheaper_servers(endpoint, block_map, index)
        return bool(cheaper) and self._takes_too_long(cheaper, block_map, now_s)

    def is_doubted(self, endpoint: Endpoint, request: Request) -> bool:
        """Whether what a request brings is not to be mixed with what others bring.

        Its endpoint is in quarantine, and another one, which is not, holds the object.
        """
        package, index = request.package, request.blocks.object
        return endpoint.is_quarantined and any(
            not other.is_quarantined and other.holds(package, index)
            for other in self._endpoints.values()
        )

    def yields_as_culprit(
        self, endpoint: Endpoint, block_map: BlockMap, number: BlockInPackage
    ) -> bool:
        """Whether an endpoint sent a block wrong, and leaves it to one that has not yet."""
        culprits = block_map.culprits(number)
        index, _ = block_map.manifest.locate_block(number)
        return self._is_replaceable_culprit(endpoint, block_map.package, index, culprits)

    def serves_after_cheaper(
        self, endpoint: Endpoint, block_map: BlockMap, number: BlockInPackage
    ) -> bool:
        """Whether an endpoint serves a block at any cost: all cheaper ones sent it wrong."""
        culprits = block_map.culprits(number)
        index, _ = block_map.manifest.locate_block(number)
        return (
            endpoint.name not in culprits
            and endpoint.holds(block_map.package, index)
            and self._may_be_server(endpoint, block_map, index)
            and all(
                other.name in culprits
                for other in self._cheaper(endpoint, block_map.package, index)
            )
        )

    def yields_on_trial(
        self, endpoint: Endpoint, block_map: BlockMap, index: ObjectIndex, now_s: float
    ) -> bool:
        """Whether an endpoint on trial leaves an object to one that is not on trial.

        It does if that one may be asked now.
        """
        return endpoint.is_on_trial and self.has_other(endpoint, block_map, index, now_s)

    def has_other(
        self, endpoint: Endpoint, block_map: BlockMap, index: ObjectIndex, now_s: float
    ) -> bool:
        """Whether another endpoint, not on trial, may be asked for the object now."""
        return any(
            other is not endpoint
            and other.is_relied_on
            and other.may_be_asked(now_s)
            and self.may_serve(other, block_map, index, now_s)
            for other in self._endpoints.values()
        )

    def should_continue(
        self, endpoint: Endpoint, block_map: BlockMap, split: SplitBlock, now_s: float
    ) -> bool:
        """Whether continuing a split block goes before all else that an endpoint may do.

        It does for the endpoint that the block was fetched from so far. Another one takes its place
        if that one cannot be asked for the rest now, or is on trial.
        """
        if not self.may_continue(endpoint, block_map, split, now_s):
            return False
        server, index = self._endpoints[split.endpoint], split.blocks.object
        return server is endpoint or not (
            server.may_be_asked(now_s)
            and not server.is_on_trial
            and self._is_used_for(server, block_map.package, index)
            and self._may_be_server(server, block_map, index)
            and self._is_worth_its_cost(server, block_map, index, now_s)
        )

    def may_continue(
        self, endpoint: Endpoint, block_map: BlockMap, split: SplitBlock, now_s: float
    ) -> bool:
        """Whether an endpoint with nothing else to do may continue a split block of another."""
        index = split.blocks.object
        return self.may_serve(endpoint, block_map, index, now_s) and not self.yields_on_trial(
            endpoint, block_map, index, now_s
        )

    def _is_used_for(self, endpoint: Endpoint, package: str, index: ObjectIndex) -> bool:
        """Whether the endpoint holds the object, and none that goes before it does."""
        own = endpoint.precedence
        return endpoint.holds(package, index) and not (
            any(own)
            and any(
                other.precedence < own and other.holds(package, index)
                for other in self._endpoints.values()
            )
        )

    def _may_stream(self, endpoint: Endpoint, package: str, index: ObjectIndex) -> bool:
        """Whether the endpoint can send parts, or does not send the object already."""
        return endpoint.sends_ranges or not self._in_flight.is_sent(endpoint.name, package, index)

    def _may_be_server(self, endpoint: Endpoint, block_map: BlockMap, index: ObjectIndex) -> bool:
        """Whether the endpoint may serve an object that only one endpoint at a time may serve."""
        if not block_map.whole_objects.needs_one_server(index):
            return True
        server = block_map.whole_objects.sole_server(index)
        if server and self._endpoints[server].holds(block_map.package, index):
            return server == endpoint.name
        culprits = block_map.whole_objects.failed_servers(index)
        return not self._is_replaceable_culprit(endpoint, block_map.package, index, culprits)

    def _is_replaceable_culprit(
        self, endpoint: Endpoint, package: str, index: ObjectIndex, culprits: Collection[str]
    ) -> bool:
        """Whether the endpoint sent bytes of the object wrong, and another that holds it did not.

        The culprits are all that sent those bytes wrong.
        """
        return endpoint.name in culprits and any(
            name not in culprits and other.holds(package, index)
            for name, other in self._endpoints.items()
        )

    def _is_worth_its_cost(
        self, endpoint: Endpoint, block_map: BlockMap, index: ObjectIndex, now_s: float
    ) -> bool:
        cheaper = self._cheaper_servers(endpoint, block_map, index)
        return not cheaper or self._takes_too_long(cheaper, block_map, now_s)

    def _cheaper_servers(
        self, endpoint: Endpoint, block_map: BlockMap, index: ObjectIndex
    ) -> list[Endpoint]:
        return [
            other
            for other in self._cheaper(endpoint, block_map.package, index)
            if self._may_be_server(other, block_map, index)
        ]

    def _takes_too_long(
        self, cheaper: Collection[Endpoint], block_map: BlockMap, now_s: float
    ) -> bool:
        """Whether a step would wait too long for a package if only these endpoints served it."""
        if not self.is_awaited(block_map.package):
            return False
        left_bytes = block_map.unverified * block_map.manifest.block_bytes
        rate_bytes_per_s = sum(other.total_bytes_per_s(now_s) for other in cheaper)
        is_soon_there = left_bytes <= rate_bytes_per_s * self._policy.max_cheap_wait_s
        return not is_soon_there

    def _cheaper(self, endpoint: Endpoint, package: str, index: ObjectIndex) -> list[Endpoint]:
        return [
            other
            for other in self._endpoints.values()
            if other.terms.cost < endpoint.terms.cost and self._is_used_for(other, package, index)
        ]
