"""What an endpoint's faults mean for it: go on, wait, or leave it.

One `Health` per endpoint. A success forgives earlier failures; each kind of fault has its own
patience, because they say different things: a reset connection is weather, a body that was not
asked for is a lie, a refused certificate will not change by asking again.
"""

from __future__ import annotations

import msgspec

from dlcore.errors import Fault


class Policy(msgspec.Struct, frozen=True):
    """How patient the schedule is, and how it cuts ranges.

    Attributes:
        range_bytes: Length of a range while much is left. Azure allows 500 requests a second
            for one blob, which 8 MiB turns into 34 Gbit/s.
        backoff_base_s: Mean of the first wait after a failure; doubles with each further one.
        backoff_cap_s: No wait without ``Retry-After`` is longer.
        weather_patience: Failures in a row (connection, truncation, stall, 5xx) before an
            endpoint is dropped.
        busy_patience: The same for 429 and 503, which at least prove that somebody is there.
        lie_patience: Answers to something else than was asked before an endpoint is dropped.
        corrupt_patience: Bad blocks, in all, before an endpoint is quarantined.
    """

    range_bytes: int = 8 << 20
    backoff_base_s: float = 0.5
    backoff_cap_s: float = 30.0
    weather_patience: int = 6
    busy_patience: int = 12
    lie_patience: int = 2
    corrupt_patience: int = 3


HOPELESS = frozenset({Fault.AUTH, Fault.TLS})
LIES = frozenset({Fault.REFUSED, Fault.RANGE})


class Health:
    """The standing of one endpoint.

    Attributes:
        dropped: Why it is not asked any more; empty while it is.
        resume_at_s: Not asked before this time.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._weather = 0
        self._busy = 0
        self._lies = 0
        self._corrupt = 0
        self.dropped = ""
        self.resume_at_s = 0.0

    def succeeded(self) -> None:
        """A range arrived whole and verified."""
        self._weather = self._busy = 0

    def failed(
        self,
        fault: Fault,
        now_s: float,
        retry_after_s: float | None,
        jitter: float,
        *,
        is_news: bool = True,
    ) -> None:
        """Take note of a fault; afterwards `dropped` and `resume_at_s` say what follows.

        Args:
            fault: What happened. ``NOT_FOUND`` concerns one object only and changes nothing here.
            now_s: The time.
            retry_after_s: Seconds the endpoint asked to wait, if it did.
            jitter: In ``[0, 1)``: spreads waits, so that many clients do not return at once.
            is_news: Whether it was asked after its last failure; if not, patience is not spent
                on the same weather twice.
        """
        if fault in HOPELESS:
            self.dropped = fault.value
        elif fault in LIES:
            self._lies += 1
            self._drop_if(fault, self._lies >= self._policy.lie_patience)
        elif fault is Fault.CORRUPT:
            self._corrupt += 1
            self._drop_if(fault, self._corrupt >= self._policy.corrupt_patience)
        elif fault is Fault.BUSY:
            self._busy += is_news
            self._drop_if(fault, self._busy >= self._policy.busy_patience)
            self._wait(now_s, self._busy, retry_after_s, jitter)
        elif fault is not Fault.NOT_FOUND:
            self._weather += is_news
            self._drop_if(fault, self._weather >= self._policy.weather_patience)
            self._wait(now_s, self._weather, retry_after_s, jitter)

    def revive(self) -> None:
        """Ask it again, as a download retry does; bad blocks and lies are not forgotten."""
        if self.dropped != Fault.CORRUPT:
            self.dropped = ""
            self.succeeded()
            self.resume_at_s = 0.0

    def _drop_if(self, fault: Fault, patience_is_over: bool) -> None:
        if patience_is_over:
            self.dropped = fault.value

    def _wait(
        self, now_s: float, failures: int, retry_after_s: float | None, jitter: float
    ) -> None:
        ceiling_s = min(
            self._policy.backoff_cap_s, 2 * self._policy.backoff_base_s * 2 ** (failures - 1)
        )
        wait_s = max(jitter * ceiling_s, retry_after_s or 0.0)
        self.resume_at_s = max(self.resume_at_s, now_s + wait_s)
