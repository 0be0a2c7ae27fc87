"""What an endpoint's faults mean for it: go on, slow down, wait, or leave it.

One `Health` per endpoint; each kind of fault has its own rule, because they say different things:

* A broken connection is weather. The first one since something went well is tried again at once;
  further ones make everybody wait, twice as long each time, and then the endpoint is *half-open*:
  one range tries it. A success forgives all.
* 429 and 503 ask for less: fewer connections, and a wait as long as ``Retry-After`` says.
* A body that was not asked for is a lie, a bad block is worse: they are counted and not forgiven.
* A refused certificate or token will not change by asking again.
"""

from __future__ import annotations

from dlcore.errors import Fault
from dlcore.schedule.policy import Policy

HOPELESS = frozenset({Fault.AUTH, Fault.TLS})
LIES = frozenset({Fault.REFUSED, Fault.RANGE})
FIRST_TRIALS = 4  # after one broken connection: enough to tell weather from an endpoint's end
WORDS = {
    Fault.CONNECT: "no connection",
    Fault.TRUNCATED: "the body ended early",
    Fault.STALL: "no byte for too long",
    Fault.BUSY: "it asks for less (429 or 503)",
    Fault.SERVER: "an error of the server",
    Fault.REFUSED: "not an answer to what was asked",
    Fault.RANGE: "another range than was asked for",
    Fault.AUTH: "it does not accept this client",
    Fault.TLS: "it could not prove who it is",
}


class Health:
    """The standing of one endpoint.

    Attributes:
        dropped: Why it is not asked any more; empty while it is.
        resume_at_s: Not asked before this time.
        is_proven: Whether something went well since the last failure.
        told: What was decided and why, not yet told.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._weather = 0
        self._busy = 0
        self._lies = 0
        self._corrupt = 0
        self.is_proven = False
        self._has_waited = False
        self.dropped = ""
        self.resume_at_s = 0.0
        self.told: list[tuple[str, str]] = []

    @property
    def max_trials(self) -> int | None:
        """How many ranges may try it since its last failure; None: as many as there are."""
        if not self._weather:
            return None
        return 1 if self._has_waited else FIRST_TRIALS

    def succeeded(self) -> None:
        """A range arrived whole and verified."""
        if self._has_waited:
            self.told.append(("resumed", "a range arrived"))
        self._weather = self._busy = 0
        self.is_proven, self._has_waited = True, False

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
            self._drop("dropped", fault, WORDS[fault])
        elif fault in LIES:
            self._lies += 1
            if self._lies >= self._policy.lie_patience:
                self._drop("dropped", fault, f"{WORDS[fault]}, {self._lies} times")
        elif fault is Fault.CORRUPT:
            self._corrupt += 1
            if self._corrupt >= self._policy.corrupt_patience:
                self._drop("quarantined", fault, f"{self._corrupt} bad blocks")
        elif fault is Fault.BUSY:
            self._busy += is_news
            patience = self._policy.busy_patience
            if self._is_worth_a_rest(is_news, retry_after_s):
                self._rest(fault, self._busy, patience, now_s, retry_after_s or 0.0, jitter)
        elif fault is not Fault.NOT_FOUND:
            self._weather += is_news
            patience = self._policy.weather_patience
            if self._is_worth_a_rest(is_news, retry_after_s):
                self._rest(fault, self._weather, patience, now_s, retry_after_s or 0.0, jitter)

    def revive(self) -> None:
        """Ask it again, as a download retry does; bad blocks and lies are not forgotten."""
        if self.dropped != Fault.CORRUPT:
            self.dropped = ""
            self._weather = self._busy = 0
            self.is_proven = self._has_waited = False
            self.resume_at_s = 0.0

    def _is_worth_a_rest(self, is_news: bool, retry_after_s: float | None) -> bool:
        """The first failure since something went well is not, unless it was asked for."""
        was_proven, self.is_proven = self.is_proven, False
        return retry_after_s is not None or (is_news and not was_proven)

    def _rest(
        self,
        fault: Fault,
        failures: int,
        patience: int,
        now_s: float,
        min_s: float,
        jitter: float,
    ) -> None:
        if failures >= patience:
            self._drop("dropped", fault, f"{WORDS[fault]}, {failures} times in a row")
        ceiling_s = min(
            self._policy.backoff_cap_s, 2 * self._policy.backoff_base_s * 2 ** max(0, failures - 1)
        )
        wait_s = max(jitter * ceiling_s, min_s)
        if now_s + wait_s > self.resume_at_s:
            self.resume_at_s, self._has_waited = now_s + wait_s, True
            if not self.dropped:
                reason = f"{WORDS[fault]}, {failures} in a row; asked again in {wait_s:.1f} s"
                self.told.append(("backed off", reason))

    def _drop(self, what: str, fault: Fault, reason: str) -> None:
        if not self.dropped:
            self.told.append((what, reason))
        self.dropped = fault.value
