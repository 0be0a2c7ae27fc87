"""Tells whoever wants to know of each HTTP exchange: what was asked, and what came of it.

Nothing is observed unless somebody asks for it before the connection pool is made. What is told
holds no secret: the URL comes without user, query and fragment.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import NamedTuple, TypeAlias
from urllib.parse import urlsplit

from dlcore.callbacks import Callback
from dlcore.errors import Fault
from dlcore.redaction import redact


class Exchange(NamedTuple):
    """One request, and its response as far as it came.

    Attributes:
        endpoint: Name of the endpoint.
        package: Id of the package that it is for; empty if it is for none.
        method: The HTTP method.
        url: Without user, query and fragment.
        status: Of the response; None if there was none.
        fault: How it failed; None if it did not, as far as HTTP can tell.
        received_bytes: Bytes of the body that were read.
        began_s: On the clock of the event loop.
        ended_s: On the same clock.
    """

    endpoint: str
    package: str
    method: str
    url: str
    status: int | None
    fault: Fault | None
    received_bytes: int
    began_s: float
    ended_s: float

    @property
    def server(self) -> tuple[str, int | None]:
        """Host and port that were asked."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)


Observe: TypeAlias = Callable[[Exchange], None]
"""Called at the end of each exchange, in the event loop; does not wait. Failures are logged."""

_observe: ContextVar[Observe | None] = ContextVar("dlcore.exchanges.observe", default=None)
_package: ContextVar[str] = ContextVar("dlcore.exchanges.package", default="")


@contextlib.contextmanager
def observed(observe: Observe) -> Iterator[None]:
    """Observe the exchanges of all connection pools that are made inside."""
    token = _observe.set(Callback(observe))
    try:
        yield
    finally:
        _observe.reset(token)


def observer() -> Observe | None:
    """Who observes the exchanges of a pool that is made here and now."""
    return _observe.get()


def ask_for(package_id: str) -> None:
    """Say which package the rest of the task asks for."""
    _package.set(package_id)


class OpenExchange:
    """An exchange under way.

    Args:
        observe: Is told of it when it ends.
        endpoint: Name of the endpoint.
        method: The HTTP method.
        url: As it is sent.
        now_s: The clock of the event loop.
    """

    def __init__(
        self, observe: Observe, endpoint: str, method: str, url: str, now_s: Callable[[], float]
    ) -> None:
        self._received_bytes = 0
        self._observe = observe
        self._asked = endpoint, _package.get(), method, _without_query(url)
        self._now_s = now_s
        self._began_s = now_s()
        self._has_ended = False

    def received(self, count_bytes: int) -> None:
        """More of the body has come."""
        self._received_bytes += count_bytes

    def end(self, status: int | None, fault: Fault | None) -> None:
        """It has ended. Idempotent."""
        if not self._has_ended:
            self._has_ended = True
            times = self._began_s, self._now_s()
            self._observe(Exchange(*self._asked, status, fault, self._received_bytes, *times))


def _without_query(url: str) -> str:
    return redact(url.partition("#")[0].partition("?")[0])
