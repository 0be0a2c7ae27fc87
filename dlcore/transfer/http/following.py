"""Sends requests where redirects lead, as `redirects` allows.

Guarantees: a redirect is remembered, so that many ranges of an object do not each pay for it. When
its target refuses a request, as after the end of a signature's life, the first URL is asked again
for a new one, once. A redirect that repeats a secret of the request is refused. Only requests that
are repeated as they were are redirected: GET and HEAD.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from dlcore.errors import Fault, TransferError
from dlcore.transfer.http.redirect_memory import RedirectMemory
from dlcore.transfer.http.redirects import REDIRECTS, Route
from dlcore.transfer.http.response import Redirect, Response
from dlcore.transfer.http.sent_fields import repeats_secret

Send = Callable[[str, Route, Mapping[str, str]], Awaitable[Response]]
"""Sends one request: method, route and headers."""

_log = logging.getLogger(__name__)

_METHODS = frozenset({"GET", "HEAD"})
_REFUSALS = REDIRECTS | {400, 401, 403, 404, 410}
"""What an outdated target answers, as when its signature has expired."""


class Following:
    """Follows the redirects that one endpoint's servers send.

    Args:
        endpoint: Name of the endpoint, for logs.
        send: Sends one request.
        memory: Keeps the routes.
    """

    def __init__(self, endpoint: str, send: Send, memory: RedirectMemory) -> None:
        self._endpoint = endpoint
        self._send = send
        self._memory = memory

    def url(self, url: str) -> str:
        """The URL that will be asked, as far as is known."""
        return self._memory.route(url).url

    async def request(self, method: str, url: str, headers: Mapping[str, str]) -> Response:
        """Send a request and follow redirects until there is another answer.

        Raises:
            TransferError: As `Send`; ``REFUSED`` for a redirect that must not be followed.
        """
        if method not in _METHODS:
            return await self._send(method, Route((url,)), headers)
        route = self._memory.route(url)
        if not route.is_redirected:
            return await self._follow(method, route, headers)
        try:
            response = await self._send(method, route, route.headers(headers))
        except TransferError:
            self._memory.forget(route)
            raise
        if response.status < 300:
            return response
        self._memory.forget(route)
        if response.status not in _REFUSALS:
            return response
        with response:
            await response.drain()
        _log.info("%s: %s was answered %d; asking again", self._endpoint, route, response.status)
        return await self._follow(method, self._memory.route(url), headers)

    async def _follow(self, method: str, route: Route, headers: Mapping[str, str]) -> Response:
        followed: list[Redirect] = []
        while True:
            response = await self._send(method, route, route.headers(headers))
            if response.status not in REDIRECTS:
                if response.status < 300:
                    self._memory.remember(route)
                return response.reached_by(followed)
            followed.append(Redirect(route.url, response.headers))
            with response:
                route = self._redirected(route, response, headers)
                await response.drain()
            _log.info("%s: %s %s", self._endpoint, method, route)

    def _redirected(self, route: Route, response: Response, headers: Mapping[str, str]) -> Route:
        location = response.headers.get("Location", "")
        try:
            if repeats_secret(location, headers):
                raise ValueError("a redirect that repeats a credential")
            return route.redirected(location)
        except ValueError as error:
            raise response.error(
                Fault.REFUSED,
                f"was answered {response.status}: {error}",
                remedy="Name the final URL, or have the server redirect over https only.",
            ) from None
