"""The endpoints that a client may use: open, with their connections and the terms of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

from dlcore.callbacks import Callback
from dlcore.deployment import Deployment, usable_endpoints
from dlcore.engine.events import EndpointRenewed
from dlcore.errors import ConfigError
from dlcore.schedule import Terms
from dlcore.spelling import hint
from dlcore.transfer import (
    ConnectionPool,
    Endpoint,
    Observe,
    Renewed,
    TransferPolicy,
    open_endpoint,
)


class OpenEndpoints:
    """Opens them, and knows how each may be used.

    Args:
        deployment: The settings.
        policy: Times and limits of the connections.
        tell: Hears of each token and location that is renewed.

    Attributes:
        all: Those that this client may use, in order of preference.
        renewals: Tokens and locations renewed so far.
        pool: Their connections.
    """

    def __init__(
        self,
        deployment: Deployment,
        policy: TransferPolicy,
        tell: Callable[[EndpointRenewed], None],
    ) -> None:
        self.all: list[Endpoint] = []
        self.renewals = 0
        self.pool = ConnectionPool(policy)
        self._deployment = deployment
        self._tell = tell
        self._terms: dict[str, Terms] = {}

    @property
    def terms(self) -> Mapping[str, Terms]:
        """How each endpoint may be used, by name."""
        return self._terms

    def open(self, stack: AsyncExitStack) -> None:
        """Open those that this client may use.

        Args:
            stack: Closes them.

        Raises:
            ConfigError: An endpoint's settings cannot be used.
        """
        usable = [each for each, obstacle in usable_endpoints(self._deployment) if not obstacle]
        for each in usable:
            endpoint = open_endpoint(each, pool=self.pool, observer=self._renewed)
            stack.push_async_callback(endpoint.aclose)
            self.all.append(endpoint)
            self._terms[each.name] = Terms(each.connections, each.cost, each.cap_bytes_per_s)

    def set_terms(self, endpoint: str, terms: Terms) -> None:
        """Change how an endpoint may be used.

        Raises:
            ConfigError: There is no such endpoint.
        """
        if endpoint not in self._terms:
            raise ConfigError(
                f"no endpoint is named {endpoint}{hint(endpoint, self._terms)}",
                remedy=f"Endpoints in use: {', '.join(self._terms) or 'none'}.",
            )
        self._terms[endpoint] = terms

    def observe_exchanges(self, observe: Observe | None) -> None:
        """Tell of each HTTP exchange from now on; None: of none."""
        self.pool.tell_exchanges(Callback(observe) if observe else None)

    def _renewed(self, renewed: Renewed) -> None:
        self.renewals += 1
        self._tell(EndpointRenewed(renewed.endpoint, renewed.what, renewed.reason, renewed.took_s))
