"""The endpoints that a client has open, and how each may be used."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack

from dlcore.deployment import Deployment, usable_endpoints
from dlcore.errors import ConfigError
from dlcore.schedule import Terms
from dlcore.spelling import hint
from dlcore.transfer import ConnectionPool, Endpoint, Renewed, open_endpoint


class OpenEndpoints:
    """Those that a client may use.

    Attributes:
        in_order: All of them, in order of preference.
        terms: How each may be used, by its name.
    """

    def __init__(self) -> None:
        self.in_order: list[Endpoint] = []
        self.terms: dict[str, Terms] = {}

    def open(
        self,
        deployment: Deployment,
        pool: ConnectionPool,
        renewed: Callable[[Renewed], None],
        stack: AsyncExitStack,
    ) -> None:
        """Open those that the settings allow; ``stack`` closes them.

        Raises:
            ConfigError: An endpoint's settings cannot be used.
        """
        for each, obstacle in usable_endpoints(deployment):
            if not obstacle:
                endpoint = open_endpoint(each, pool=pool, observer=renewed)
                stack.push_async_callback(endpoint.aclose)
                self.in_order.append(endpoint)
                self.terms[each.name] = Terms(each.connections, each.cost, each.cap_bytes_per_s)

    def set_terms(self, name: str, terms: Terms) -> None:
        """Note how one may be used from now on.

        Raises:
            ConfigError: There is no such endpoint.
        """
        if name not in self.terms:
            raise ConfigError(
                f"no endpoint is named {name}{hint(name, self.terms)}",
                remedy=f"Endpoints in use: {', '.join(self.terms) or 'none'}.",
            )
        self.terms[name] = terms
