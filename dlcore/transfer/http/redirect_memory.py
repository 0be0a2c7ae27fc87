"""Which URL is asked in place of another one, so that each redirect is paid for once.

Guarantees: a route is used for a limited time, and never again after its target has refused or
failed. At most ``max_remembered`` routes are kept, the latest ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from dlcore.transfer.http.redirects import Route
from dlcore.transfer.policy import TransferPolicy


class RedirectMemory:
    """The routes of one endpoint.

    Args:
        policy: How long, and how many.
        clock: Monotonic seconds.
    """

    def __init__(self, policy: TransferPolicy, clock: Callable[[], float] = time.monotonic) -> None:
        self._life_s = policy.redirect_memory_s
        self._max_routes = policy.max_remembered_redirects
        self._clock = clock
        self._routes: dict[str, tuple[Route, float]] = {}  # first URL -> route, and until when

    def route(self, url: str) -> Route:
        """How a URL is asked now: by the route that is remembered, or directly."""
        route, until_s = self._routes.get(url, (Route((url,)), 0.0))
        return route if self._clock() < until_s else Route((url,))

    def remember(self, route: Route) -> None:
        """A route was right. Its life is counted from the first time on."""
        if route.is_redirected and self.route(route.first) != route:
            self._routes.pop(route.first, None)
            self._routes[route.first] = route, self._clock() + self._life_s
            if len(self._routes) > self._max_routes:
                del self._routes[next(iter(self._routes))]

    def forget(self, route: Route) -> None:
        """A route was wrong; a newer one for the same URL stays."""
        if self._routes.get(route.first, (None, 0.0))[0] == route:
            del self._routes[route.first]
