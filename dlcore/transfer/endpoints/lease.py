"""A credential with a life time, renewed by one request for all that need it.

Guarantees: at most one renewal runs at a time; cancelling one waiter does not cancel it for the
others. The value is renewed in the background when a tenth of its life (at most 60 s) is left, so
that normally nothing waits. A value that is rejected as soon as it was renewed is an `AuthError`,
never a loop. Life times are counted on the given monotonic clock, from the moment the request was
sent, so the wall clocks of client and server do not matter.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from dlcore.errors import AuthError, ConfigError, DlcoreError, Fault, TransferError
from dlcore.transfer.http.clocks import CLOCK_REMEDY
from dlcore.transfer.http.faults import RejectedError
from dlcore.transfer.interface import Observer, Renewable, RenewalReason, Renewed
from dlcore.transfer.policy import TransferPolicy
from dlcore.waiting import cancel_and_wait

_log = logging.getLogger(__name__)

NEVER_S = math.inf
"""The life of a value that does not expire."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Leased(Generic[T]):
    """One version of a lease's value; its repr does not show the value.

    Attributes:
        value: The credential.
        version: Counts from 1 with each renewal.
        reason: Why it was fetched.
        sent_at_s: When the request for it was sent, on the lease's clock.
        life_s: How long it is valid from then on, in seconds.
    """

    value: T = field(repr=False)
    version: int
    reason: RenewalReason
    sent_at_s: float
    life_s: float

    def has_expired(self, now_s: float) -> bool:
        """Whether it must not be used any more."""
        return now_s >= self.sent_at_s + self.life_s

    def is_expiring(self, now_s: float, max_lead_s: float) -> bool:
        """Whether it should be renewed: a tenth of its life or ``max_lead_s`` is left."""
        return now_s >= self.sent_at_s + self.life_s - min(self.life_s / 10, max_lead_s)


class Lease(Generic[T]):
    """A value that can be renewed.

    Args:
        endpoint: Name of the endpoint, for errors, logs and events.
        what: What the value is.
        fetch: Gets a new value and its life in seconds; `NEVER_S` if it does not expire.
        observer: Told of each renewal.
        policy: Gives the lead of a renewal and the pauses between renewals.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        endpoint: str,
        what: Renewable,
        fetch: Callable[[], Awaitable[tuple[T, float]]],
        *,
        observer: Observer,
        policy: TransferPolicy,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoint = endpoint
        self._what = what
        self._fetch = fetch
        self._observer = observer
        self._policy = policy
        self._clock = clock
        self._current: Leased[T] | None = None
        self._renewal: asyncio.Task[Leased[T]] | None = None
        self._accepted_version = 0  # the last one that a server is known to have accepted
        self._next_early_renewal_s = -math.inf
        self._clocks = ""  # how they differed at the last rejection

    async def get(self) -> Leased[T]:
        """The value, still valid.

        Raises:
            DlcoreError: The first value, or one in place of an expired one, could not be fetched.
        """
        current, now_s = self._current, self._clock()
        if current is None or current.has_expired(now_s):
            return await self._join_renewal("expiring")
        is_expiring = current.is_expiring(now_s, self._policy.max_renewal_lead_s)
        if is_expiring and now_s >= self._next_early_renewal_s:
            self._begin_renewal("expiring")
        return current

    async def renew(self, seen_version: int, reason: RenewalReason) -> Leased[T]:
        """A newer value than ``seen_version``; one request serves all that ask for it.

        Raises:
            AuthError: The version seen was itself fetched after a rejection a moment ago.
            DlcoreError: Fetching failed.
        """
        current = self._current
        if current is not None and current.version != seen_version:
            return await self.get()
        if current is not None and reason == "rejected" and self._is_distrusted(current):
            raise self._rejected_again()
        return await self._join_renewal(reason)

    async def use(
        self, attempt: Callable[[T], Awaitable[R]], *, is_curable: Callable[[RejectedError], bool]
    ) -> R:
        """Run ``attempt`` with the value; if it is rejected, once more with a renewed value.

        Args:
            attempt: What needs the value. An attempt that is rejected must have no effect.
            is_curable: Whether a renewed value might be accepted after this rejection.

        Raises:
            AuthError: The value was rejected, and renewing it cannot or did not help.
            DlcoreError: What ``attempt`` or the renewal raised.
        """
        leased = await self.get()
        try:
            result = await attempt(leased.value)
        except RejectedError as rejection:
            if not is_curable(rejection):
                raise
            self._clocks = rejection.clocks
        else:
            self._note_accepted(leased)
            return result
        renewed = await self.renew(leased.version, "rejected")
        if renewed.value == leased.value:
            raise self._rejected_again()
        result = await attempt(renewed.value)
        self._note_accepted(renewed)
        return result

    async def aclose(self) -> None:
        """Cancel a renewal that is running. Idempotent."""
        if self._renewal is not None:
            await cancel_and_wait([self._renewal])

    def _note_accepted(self, leased: Leased[T]) -> None:
        self._accepted_version = max(self._accepted_version, leased.version)

    def _is_distrusted(self, leased: Leased[T]) -> bool:
        is_unproven = leased.reason == "rejected" and leased.version > self._accepted_version
        return is_unproven and self._clock() < leased.sent_at_s + self._policy.distrust_s

    async def _join_renewal(self, reason: RenewalReason) -> Leased[T]:
        return await asyncio.shield(self._begin_renewal(reason))

    def _begin_renewal(self, reason: RenewalReason) -> asyncio.Task[Leased[T]]:
        if self._renewal is None:
            self._renewal = asyncio.ensure_future(self._renew(reason))
            self._renewal.add_done_callback(self._renewal_ended)
        return self._renewal

    def _renewal_ended(self, renewal: asyncio.Task[Leased[T]]) -> None:
        self._renewal = None
        if renewal.cancelled():
            return
        error = renewal.exception()  # looked at, because there may be no waiter
        if error:
            # The text of a foreign error may hold a secret.
            reason = error if isinstance(error, DlcoreError) else type(error).__name__
            _log.warning("%s: cannot get a new %s: %s", self._endpoint, self._what, reason)
            retry_after_s = error.retry_after_s if isinstance(error, TransferError) else None
            pause_s = max(self._policy.min_renewal_interval_s, retry_after_s or 0.0)
            self._next_early_renewal_s = self._clock() + pause_s

    async def _renew(self, reason: RenewalReason) -> Leased[T]:
        sent_at_s = self._clock()
        previous = self._current
        try:
            value, life_s = await self._fetch()
        except ConfigError as error:
            if previous is None:
                raise
            raise self._lost(error) from None
        version = previous.version + 1 if previous else 1
        self._current = Leased(value, version, reason, sent_at_s, life_s)
        if previous:
            _log.info("%s: renewed the %s (%s)", self._endpoint, self._what, reason)
            took_s = self._clock() - sent_at_s
            self._observer(Renewed(self._endpoint, self._what, reason, took_s))
        return self._current

    def _lost(self, error: ConfigError) -> AuthError:
        """The settings were right when the work began: now only this endpoint is out of use."""
        return AuthError(
            error.message.removeprefix(f"endpoint {self._endpoint}: "),
            fault=Fault.AUTH,
            endpoint=self._endpoint,
            remedy=error.remedy,
        )

    def _rejected_again(self) -> AuthError:
        message = f"the {self._what} was rejected, and renewing it did not help"
        remedy = "Check what this client is registered for and may read."
        return AuthError(
            f"{message}; {self._clocks}" if self._clocks else message,
            fault=Fault.AUTH,
            endpoint=self._endpoint,
            remedy=f"{CLOCK_REMEDY} {remedy}" if self._clocks else remedy,
        )
