"""A credential with a life time, renewed by one request for everybody who needs it.

Guarantees: at most one renewal is under way; a waiter that is cancelled does not cancel it for
the others; the value is renewed in the background when a tenth of its life (at most 60 s) is
left, so that nobody waits; a value that is rejected as soon as it was renewed is an `AuthError`,
never a loop. Life times are counted on the given monotonic clock from the moment the request was
sent: a skewed wall clock does not matter.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from dlcore.errors import AuthError, Fault, TransferError
from dlcore.transfer.http.faults import RejectedError
from dlcore.transfer.interface import Observer, Renewed

EXPIRING = "expiring"
REJECTED = "rejected"
FOREVER_S = math.inf
MARGIN_S = 60.0  # most time left at which a renewal begins
RETRY_S = 5.0  # at least, between two attempts to renew what still has some life
DISTRUST_S = 30.0  # how long a value that was rejected when new is not worth another renewal

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Held(Generic[T]):
    """One version of a lease's value; its repr does not show it."""

    value: T = field(repr=False)
    version: int
    reason: str
    born_s: float
    life_s: float

    def is_expired(self, now_s: float) -> bool:
        """Whether it must not be used any more."""
        return now_s >= self.born_s + self.life_s

    def is_expiring(self, now_s: float) -> bool:
        """Whether it is time to renew it."""
        return now_s >= self.born_s + self.life_s - min(self.life_s / 10, MARGIN_S)


class Lease(Generic[T]):
    """A value that can be renewed.

    Args:
        endpoint: Name of the endpoint, for errors and events.
        what: ``token``, ``locations`` or ``signature``.
        fetch: Gets the value and its life in seconds (`FOREVER_S` if it has no end).
        observer: Told of each renewal.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        endpoint: str,
        what: str,
        fetch: Callable[[], Awaitable[tuple[T, float]]],
        *,
        observer: Observer,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoint = endpoint
        self._what = what
        self._fetch = fetch
        self._observer = observer
        self._clock = clock
        self._held: Held[T] | None = None
        self._renewal: asyncio.Task[Held[T]] | None = None
        self._proven = 0  # the last version known to have been accepted
        self._quiet_until_s = -math.inf

    async def get(self) -> Held[T]:
        """The value, fresh enough to be used.

        Raises:
            TransferError: There is none and fetching one failed.
        """
        held, now = self._held, self._clock()
        if held is None or held.is_expired(now):
            return await self._join(EXPIRING)
        if held.is_expiring(now) and now >= self._quiet_until_s:
            self._begin(EXPIRING)
        return held

    async def renew(self, seen_version: int, reason: str) -> Held[T]:
        """A newer value than the version seen; one request serves all who ask for it.

        Raises:
            AuthError: The version seen was itself the fruit of a rejection a moment ago.
            TransferError: Fetching failed.
        """
        held = self._held
        if held is not None and held.version != seen_version:
            return await self.get()
        if held is not None and reason == REJECTED and self._is_distrusted(held):
            raise self._rejected_again()
        return await self._join(reason)

    async def use(
        self, attempt: Callable[[T], Awaitable[R]], *, renews: Callable[[RejectedError], bool]
    ) -> R:
        """Run ``attempt`` with the value; if it is rejected, once more with a renewed one.

        Args:
            attempt: What needs the value; a rejection must not leave anything behind.
            renews: Whether a rejection is one that renewing might cure.

        Raises:
            AuthError: RejectedError, and renewing cannot or did not help.
            TransferError: What ``attempt`` or the renewal raised.
        """
        held = await self.get()
        try:
            result = await attempt(held.value)
        except RejectedError as rejection:
            if not renews(rejection):
                raise
        else:
            self._proven = max(self._proven, held.version)
            return result
        renewed = await self.renew(held.version, REJECTED)
        if renewed.value == held.value:
            raise self._rejected_again()
        result = await attempt(renewed.value)
        self._proven = max(self._proven, renewed.version)
        return result

    async def aclose(self) -> None:
        """Stop a renewal that is under way. Idempotent."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait({self._renewal})

    def _is_distrusted(self, held: Held[T]) -> bool:
        unproven = held.reason == REJECTED and held.version > self._proven
        return unproven and self._clock() < held.born_s + DISTRUST_S

    async def _join(self, reason: str) -> Held[T]:
        return await asyncio.shield(self._begin(reason))

    def _begin(self, reason: str) -> asyncio.Task[Held[T]]:
        if self._renewal is None:
            self._renewal = asyncio.ensure_future(self._renew(reason))
            self._renewal.add_done_callback(self._ended)
        return self._renewal

    def _ended(self, renewal: asyncio.Task[Held[T]]) -> None:
        self._renewal = None
        if renewal.cancelled():
            return
        error = renewal.exception()  # looked at: perhaps nobody waits for it
        if error:
            asked_s = error.retry_after_s if isinstance(error, TransferError) else None
            self._quiet_until_s = self._clock() + max(RETRY_S, asked_s or 0.0)

    async def _renew(self, reason: str) -> Held[T]:
        sent_s = self._clock()
        value, life_s = await self._fetch()
        version = self._held.version + 1 if self._held else 1
        first, self._held = self._held is None, Held(value, version, reason, sent_s, life_s)
        if not first:
            self._observer(Renewed(self._endpoint, self._what, reason))
        return self._held

    def _rejected_again(self) -> AuthError:
        return AuthError(
            f"the {self._what} was rejected, and renewing it did not help",
            fault=Fault.AUTH,
            endpoint=self._endpoint,
            remedy="Check what this client is registered for and may read.",
        )
