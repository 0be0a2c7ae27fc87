"""What an endpoint's failures mean for it: continue, back off, or leave it.

One `CircuitBreaker` per endpoint. Each kind of fault has its own rule, because the kinds say
different things:

* A failed connection may be chance. The first one since something succeeded is tried again at
  once. Further ones *open* the breaker: nothing is asked for some time, twice as long after each
  failure. Then it is *half-open*: one request tries the endpoint. A success *closes* it.
* 429 and 503 ask for less: fewer connections, and a wait as long as ``Retry-After`` says.
* A response to something that was not asked for is counted and not forgiven; so is a bad block.
* After some bad blocks the endpoint is *quarantined*: it is asked only for what no other endpoint
  holds. It is dropped for good if it goes on with other objects, and has sent hardly a good block.
* A refused certificate, token or login at a proxy will not change by asking again.
"""

from __future__ import annotations

from collections.abc import Callable

from dlcore.errors import Fault
from dlcore.schedule.backoff import backoff_s
from dlcore.schedule.policy import Policy
from dlcore.schedule.types import EndpointChange

HOPELESS = frozenset({Fault.AUTH, Fault.PROXY, Fault.TLS})
WRONG_ANSWERS = frozenset({Fault.REFUSED, Fault.RANGE})
NOTED_ELSEWHERE = frozenset({Fault.NOT_FOUND, Fault.NO_RANGES, Fault.CHANGED, Fault.CORRUPT})
"""Failures of a request that say what an object is like there. The scheduler notes them."""
DESCRIPTIONS = {
    Fault.CONNECT: "no connection",
    Fault.TRUNCATED: "the body ended early",
    Fault.STALL: "no byte for too long",
    Fault.BUSY: "it asks for less (429 or 503)",
    Fault.SERVER: "an error of the server",
    Fault.REFUSED: "not an answer to what was asked",
    Fault.NO_RANGES: "it sends whole objects only",
    Fault.RANGE: "another range than was asked for",
    Fault.CHANGED: "another version than before",
    Fault.AUTH: "it does not accept this client",
    Fault.PROXY: "the proxy before it does not accept this client",
    Fault.TLS: "it could not prove who it is",
}

Tell = Callable[[EndpointChange, str, Fault | None], None]
"""Hears of a change, its reason in words, and the fault that led to it."""


class CircuitBreaker:
    """Decides whether one endpoint may be asked.

    No field holds the state. It follows from what was counted, and from the time:

    * *dropped* if `dropped_for` is set: nothing is asked until `reset`;
    * *open* while `resume_at_s` is yet to come: nothing is asked;
    * *half-open* after that, as long as `max_trials` is 1: one request tries the endpoint;
    * *closed* in all other cases. Right after a first failure, `max_trials` still bounds how many
      requests may try the endpoint.

    A quarantine (`is_quarantined`) is independent of these. So is silence, which `Endpoint` notes:
    while no byte comes from the endpoint, only one request at a time tries it.

    Args:
        policy: How many failures are allowed, and how long a back-off lasts.
        tell: Hears what was decided.
    """

    def __init__(self, policy: Policy, tell: Tell) -> None:
        self._policy = policy
        self._tell = tell
        self._failures = 0  # in a row
        self._busy_answers = 0  # in a row
        self._wrong_answers = 0
        self._bad_blocks = self._wrong_objects = self._good_blocks = 0
        self._has_backed_off = False
        self._is_proven = False
        self._dropped_for: Fault | None = None
        self._resume_at_s = 0.0
        self._asked_for_time_until_s = 0.0

    @property
    def dropped_for(self) -> Fault | None:
        """Why the endpoint is not asked any more; None while it is."""
        return self._dropped_for

    @property
    def is_quarantined(self) -> bool:
        """Whether the endpoint has sent too many bad blocks to be asked like the others."""
        return self._bad_blocks >= self._policy.max_bad_blocks

    @property
    def resume_at_s(self) -> float:
        """The endpoint is not asked before this time."""
        return self._resume_at_s

    @property
    def is_proven(self) -> bool:
        """Whether something has succeeded since the last failure."""
        return self._is_proven

    @property
    def is_half_open(self) -> bool:
        """Whether only one request may try the endpoint, once the back-off is over."""
        return self.max_trials == 1

    @property
    def max_trials(self) -> int | None:
        """Number of requests that may try it since its last failure; None: no limit."""
        if not self._failures:
            return None
        return 1 if self._has_backed_off else self._policy.trials_after_one_failure

    def succeeded(self) -> None:
        """A request arrived whole, and every block of it was verified."""
        if self._has_backed_off and not self._dropped_for:
            self._tell(EndpointChange.RESUMED, "a request succeeded", None)
        self._failures = self._busy_answers = 0
        self._is_proven, self._has_backed_off = True, False

    def served_right(self, blocks: int) -> None:
        """Blocks that the endpoint alone sent are verified."""
        self._good_blocks += blocks

    def served_wrong(self, *, is_new_object: bool) -> None:
        """A block or a whole object that the endpoint alone sent does not match.

        Args:
            is_new_object: Whether it is the first wrong block of its object.
        """
        self._bad_blocks += 1
        if is_new_object:
            self._wrong_objects += 1
        if self._bad_blocks == self._policy.max_bad_blocks:
            reason = f"{self._bad_blocks} bad blocks; it is asked only for what no other has"
            self._tell(EndpointChange.QUARANTINED, reason, Fault.CORRUPT)
        wrong = self._wrong_objects
        if wrong >= self._policy.max_wrong_objects and wrong > self._good_blocks:
            reason = f"{wrong} objects wrong, and only {self._good_blocks} good blocks"
            self._drop(Fault.CORRUPT, reason)

    def failed(
        self,
        fault: Fault,
        now_s: float,
        *,
        retry_after_s: float | None = None,
        jitter: float = 0.0,
        is_new: bool = True,
    ) -> None:
        """Note a failure; afterwards `dropped_for` and `resume_at_s` say what follows.

        Args:
            fault: What happened; one of `NOTED_ELSEWHERE` changes nothing here.
            now_s: The time.
            retry_after_s: Seconds that the endpoint asked to wait; None if it did not.
            jitter: In ``[0, 1)``; spreads the back-offs of many clients.
            is_new: Whether the request began after the last failure. If not, both are the same
                failure, which counts once.
        """
        if retry_after_s is not None:
            until_s = now_s + retry_after_s
            self._asked_for_time_until_s = max(self._asked_for_time_until_s, until_s)
        if fault in HOPELESS:
            self._drop(fault, DESCRIPTIONS[fault])
        elif fault in WRONG_ANSWERS:
            self._wrong_answers += 1
            if self._wrong_answers >= self._policy.max_wrong_answers:
                reason = f"{DESCRIPTIONS[fault]}, {self._wrong_answers} times"
                self._drop(fault, reason)
        elif fault not in NOTED_ELSEWHERE:
            in_a_row, max_in_a_row = self._count(fault, is_new)
            was_proven, self._is_proven = self._is_proven, False
            # The first failure since a success is tried again at once, unless a wait was asked for.
            if retry_after_s is not None or (is_new and not was_proven):
                if in_a_row >= max_in_a_row:
                    self._drop(fault, f"{DESCRIPTIONS[fault]}, {in_a_row} times in a row")
                else:
                    self._back_off(fault, in_a_row, now_s, retry_after_s or 0.0, jitter)

    def reset(self) -> None:
        """Ask a dropped endpoint again, but not before the time that it asked for.

        One that was dropped for bad blocks stays dropped; a quarantine and bad blocks stay.
        """
        if self._dropped_for is Fault.CORRUPT:
            return
        if self._dropped_for:
            self._tell(EndpointChange.RESUMED, "a download retry asks it again", None)
        self._dropped_for = None
        self._failures = self._busy_answers = 0
        self._is_proven = self._has_backed_off = False
        self._resume_at_s = self._asked_for_time_until_s

    def _count(self, fault: Fault, is_new: bool) -> tuple[int, int]:
        """Count a failure; returns how many there are in a row now, and how many are allowed."""
        if fault is Fault.BUSY:
            if is_new:
                self._busy_answers += 1
            return self._busy_answers, self._policy.max_busy_answers
        is_stall = fault is Fault.STALL
        if is_new:
            self._failures += 1
        max_failures, max_stalls = self._policy.max_failures, self._policy.max_stalls
        return self._failures, min(max_failures, max_stalls) if is_stall else max_failures

    def _back_off(
        self, fault: Fault, in_a_row: int, now_s: float, min_s: float, jitter: float
    ) -> None:
        policy = self._policy
        wait_s = backoff_s(
            in_a_row, jitter, first_s=2 * policy.backoff_base_s, max_s=policy.max_backoff_s
        )
        wait_s = max(wait_s, min_s)
        if now_s + wait_s <= self._resume_at_s:
            return
        self._resume_at_s, self._has_backed_off = now_s + wait_s, True
        if not self._dropped_for:
            reason = f"{DESCRIPTIONS[fault]}, {in_a_row} in a row; asked again in {wait_s:.1f} s"
            self._tell(EndpointChange.BACKED_OFF, reason, fault)

    def _drop(self, fault: Fault, reason: str) -> None:
        if not self._dropped_for:
            self._tell(EndpointChange.DROPPED, reason, fault)
        self._dropped_for = fault
