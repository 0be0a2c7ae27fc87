"""Which endpoint is asked for one document now, and when the search for it is given up. Pure.

Guarantees: endpoints are asked in the order of preference. The next one is asked when those before
it have failed or are busy, or when they have not answered for a while (a *hedged* question). After
a failure that may pass, an endpoint is asked again after a random wait below a bound that doubles
(*full jitter*). No endpoint is asked while a question to it is open, and none more than
``max_attempts`` times. Nothing is asked after the deadline.

A wait that an endpoint asks for (``Retry-After``) is kept in `retry_gate`.

Source: Dean and Barroso, "The Tail at Scale" (hedged requests); AWS Architecture Blog, "Exponential
Backoff And Jitter" (full jitter).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec

from dlcore.schedule import backoff_s

MANY = 1_000_000
MIN_TOTAL_S = 1.0
"""Everything is asked once, however little patience there is."""


class InquiryPolicy(msgspec.Struct, frozen=True):
    """How patiently documents are asked for.

    Attributes:
        max_attempts: Questions to one endpoint. With the waits below, an address that is wrong is
            reported after 2 s on average, and after 3.5 s at most.
        max_stalls: Questions to one endpoint that brought nothing for the whole time limit. As
            many as of its content.
        look_s: The clock is looked at this often while answers are awaited.
        suspended_s: A wait that lasts this much too long: the machine was suspended meanwhile. A
            machine that is merely busy does not delay anything by that much.
        first_wait_s: Upper bound of the wait after the first failure. Longer than most restarts of
            a connection take.
        max_wait_s: Upper bound of every wait.
        total_s: Nothing is asked after this time. What was asked before may still be answered: how
            long that takes is bounded by the stall timer.
        hedge_s: An endpoint that has not answered for this time is slow. A token and a reply of a
            busy server over a poor link together rarely take longer.
        hedge_bytes_per_s: A long document is given the time that it takes at this rate as well.
    """

    max_attempts: int = 4
    max_stalls: int = 3
    look_s: float = 10.0
    suspended_s: float = 60.0
    first_wait_s: float = 0.5
    max_wait_s: float = 8.0
    total_s: float = 60.0
    hedge_s: float = 2.0
    hedge_bytes_per_s: int = 1 << 20

    @classmethod
    def lasting(cls, total_s: float | None) -> InquiryPolicy:
        """Ask again until this time is over; as patiently as usual if None."""
        if total_s is None:
            return cls()
        return cls(MANY, MANY, max_wait_s=60.0, total_s=max(total_s, MIN_TOTAL_S))


class Inquiry:
    """The search for one document.

    Args:
        endpoints: Which to ask, in order of preference.
        now_s: When it begins, on the clock that all times are of.
        length_bytes: How long the document may be.
        random: Returns a number from 0.0 to 1.0, for the waits.
        policy: How patient to be.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        now_s: float,
        *,
        length_bytes: int,
        random: Callable[[], float],
        policy: InquiryPolicy,
    ) -> None:
        self._policy = policy
        self._random = random
        self._hedge_s = policy.hedge_s + length_bytes / policy.hedge_bytes_per_s
        self._give_up_at_s = now_s + policy.total_s
        self._unasked = list(endpoints)
        self._asked_at_s: dict[str, float] = {}  # questions that are open
        self._again_at_s: dict[str, float] = {}  # endpoints that failed, and are asked again then
        self._failures: dict[str, int] = {}
        self._stalls: dict[str, int] = {}

    def due(self, now_s: float) -> list[str]:
        """The endpoints to ask now; their questions are open from now on."""
        if now_s >= self._give_up_at_s:
            self._unasked.clear()
            self._again_at_s.clear()
            return []
        names = [name for name, at_s in self._again_at_s.items() if at_s <= now_s]
        for name in names:
            del self._again_at_s[name]
        if self._unasked and self._hedge_at_s() <= now_s and not names:
            names.append(self._unasked.pop(0))
        self._asked_at_s.update(dict.fromkeys(names, now_s))
        return names

    def wake_at_s(self) -> float | None:
        """When `due` is to be called next, unless a question ends before; None for never."""
        times = list(self._again_at_s.values())
        if self._unasked:
            times.append(self._hedge_at_s())
        return min(self._give_up_at_s, *times) if times else None

    def failed(
        self, endpoint: str, now_s: float, *, may_pass: bool, is_stall: bool = False
    ) -> float | None:
        """A question was answered with a failure.

        Args:
            endpoint: The one that was asked.
            now_s: The time.
            may_pass: Whether it may pass.
            is_stall: Whether nothing came for the whole time limit.

        Returns:
            Seconds until the endpoint is asked again; None if it is not.
        """
        self._asked_at_s.pop(endpoint, None)
        count = self._failures[endpoint] = self._failures.get(endpoint, 0) + 1
        stalls = self._stalls[endpoint] = self._stalls.get(endpoint, 0) + (1 if is_stall else 0)
        is_left = count < self._policy.max_attempts and stalls < self._policy.max_stalls
        if may_pass and is_left:
            wait_s = backoff_s(
                count,
                self._random(),
                first_s=self._policy.first_wait_s,
                max_s=self._policy.max_wait_s,
            )
            self._again_at_s[endpoint] = now_s + wait_s
            return wait_s if now_s + wait_s < self._give_up_at_s else None
        return None

    def suspended(self, lasted_s: float) -> None:
        """The machine was suspended: nothing could be asked in that time, so it does not count."""
        self._give_up_at_s += lasted_s

    def put_off(self, endpoint: str, wait_s: float) -> None:
        """An endpoint asks for time; the question stays open, and others are asked meanwhile."""
        self._asked_at_s.pop(endpoint, None)
        self._give_up_at_s += wait_s

    def _hedge_at_s(self) -> float:
        """When the next endpoint is asked: at once if no question is open."""
        latest_s = max(self._asked_at_s.values(), default=-math.inf)
        return latest_s + self._hedge_s
