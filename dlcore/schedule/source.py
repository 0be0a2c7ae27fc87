"""One endpoint as the planner sees it: what it holds, how it stands, how fast it is."""

from __future__ import annotations

from dlcore.errors import Fault
from dlcore.schedule.assignment import Note
from dlcore.schedule.concurrency_limit import ConcurrencyLimit
from dlcore.schedule.health import Health
from dlcore.schedule.policy import Policy
from dlcore.schedule.terms import Terms

REFUSALS_S = 1.0  # two connections refused within that time, others doing well, are too many
FASTEST_BYTES_PER_S = float("inf")


class Source:
    """One endpoint.

    Attributes:
        name: The endpoint's.
        terms: What is allowed.
        health: Its standing.
        limit: How many connections it gets, and what was measured of them.
        held: Package -> objects of it that the endpoint holds.
        at_work: Number of ranges whose bytes are still arriving.
        light_at_work: Number of those that fetch small objects.
        open: So many connections to it are open, as far as can be told here.
        longest_bytes: The longest range that arrived.
        is_silent: Nothing comes of what it was asked for; one range at a time tries it.
    """

    def __init__(self, name: str, policy: Policy, terms: Terms) -> None:
        self.name = name
        self.terms = terms
        self.health = Health(policy)
        self.limit = ConcurrencyLimit(terms.max_connections)
        self.held: dict[str, set[int]] = {}
        self.at_work = self.light_at_work = self.open = 0
        self.longest_bytes = 0
        self.is_silent = False
        self._heard_s = 0.0  # of it last, or asked first
        self._wanted = 1
        self._news_from = 0  # ranges with lower numbers were asked before its last news
        self._latest = -1
        self._trials: set[int] = set()
        self._asked_s: float | None = None
        self._refused_s = -2 * REFUSALS_S
        self._preferred: set[str] = set()
        self._patience_s = policy.patience_s

    def holds(self, package: str, object_index: int) -> bool:
        """Whether the object is there to be asked for, now or after a rest."""
        return not self.health.dropped and object_index in self.held.get(package, ())

    def is_askable(self, now_s: float) -> bool:
        """Whether one more range may be asked for now."""
        if self.health.dropped or now_s < self.health.resume_at_s:
            return False
        max_trials = self._max_trials
        return max_trials is None or len(self._trials) < max_trials

    @property
    def is_on_trial(self) -> bool:
        """Whether it has failed, or is silent, and has not done well since."""
        return self._max_trials is not None

    @property
    def is_relied_on(self) -> bool:
        """Whether it can be expected to deliver its part of what is left."""
        return not (self.health.dropped or self.is_on_trial)

    @property
    def _max_trials(self) -> int | None:
        return 1 if self.is_silent else self.health.max_trials

    def connections(self, now_s: float, left_bytes: int) -> int:
        """How many connections should be at work, with this much left to fetch from it."""
        is_light = 0 < self.at_work == self.light_at_work
        self._wanted = self.limit.update(
            now_s, self.at_work, is_light=is_light, left_bytes=left_bytes
        )
        if self.health.dropped:
            return 0
        return min(self._wanted, self.health.max_trials or self._wanted)

    @property
    def connection_bytes_per_s(self) -> float | None:
        """Rate of one connection; None: not measured yet."""
        return self.limit.connection_bytes_per_s

    @property
    def round_trip_s(self) -> float:
        """From a request to its first byte; 0.0: not measured yet."""
        return self.limit.round_trip_s or 0.0

    @property
    def window_bytes(self) -> float:
        """What one connection carries in a round trip while bytes flow; 0.0: not known."""
        return self.limit.window_bytes

    @property
    def wanted(self) -> int:
        """How many connections should have been at work when it was last asked."""
        return self._wanted

    def total_bytes_per_s(self, now_s: float) -> float:
        """What it delivers with all its connections; infinite while that is not known."""
        if self.health.dropped or now_s < self.health.resume_at_s:
            return 0.0
        if self.connection_bytes_per_s is not None:
            return self.connection_bytes_per_s * max(self._wanted, self.at_work)
        is_overdue = self._asked_s is not None and now_s - self._asked_s > self._patience_s
        return 0.0 if is_overdue else FASTEST_BYTES_PER_S

    def asked(self, number: int, now_s: float) -> None:
        """A range of that number is under way."""
        if not self.at_work:
            self._heard_s = now_s
        self.at_work += 1
        self.open = max(self.open, self.at_work)
        self._latest = number
        if self._asked_s is None:
            self._asked_s = now_s
        if self.is_on_trial:
            self._trials.add(number)
            if self.health.max_trials == 1:
                self.health.told.append(("half-open", "one range tries it"))

    def heard(self, now_s: float) -> None:
        """Bytes came of it."""
        self._heard_s = now_s
        if self.is_silent:
            self.is_silent = False
            self.health.told.append(("resumed", "it delivers again"))

    def listen(self, now_s: float, patience_s: float) -> None:
        """Notice that nothing has come for so long of all that it was asked for."""
        if self.at_work and not self.is_silent and now_s - self._heard_s > patience_s:
            self.is_silent = True
            self._trials.clear()
            reason = f"no byte for {patience_s:.1f} s; one range at a time tries it"
            self.health.told.append(("fell silent", reason))

    def ended(
        self,
        number: int,
        fault: Fault | None,
        now_s: float,
        retry_after_s: float | None,
        jitter: float,
    ) -> None:
        """A range came to its end; faults change its standing.

        Ranges that were under way when it failed say nothing new when they fail too: they are one
        failure, however many connections there are.
        """
        self._trials.discard(number)
        if fault is None:
            self.health.succeeded()
            return
        self.broke_off()
        is_news = number >= self._news_from
        if is_news and self._asks_for_less(fault, now_s):
            self.limit.pushed_back(now_s)
        if is_news and fault is not Fault.NOT_FOUND:
            self._news_from = self._latest + 1
            self._trials.clear()
        self.health.failed(fault, now_s, retry_after_s, jitter, is_news=is_news)

    def _asks_for_less(self, fault: Fault, now_s: float) -> bool:
        """Whether it has too many connections: it says so, or refuses some while others do well."""
        if fault is not Fault.CONNECT:
            return fault is Fault.BUSY
        if not self.health.is_proven:
            return False
        refused_s, self._refused_s = self._refused_s, now_s
        return now_s - refused_s <= REFUSALS_S

    def broke_off(self) -> None:
        """A connection was given up in the middle of a range: it cannot be used again."""
        self.open = max(self.at_work, self.open - 1)

    def dismissed(self, number: int) -> None:
        """A range was stopped for our own reasons."""
        self._trials.discard(number)

    def notes(self) -> list[Note]:
        """What was decided since it was last asked."""
        told, self.health.told = self.health.told, []
        return [Note(self.name, what, reason) for what, reason in told]

    def prefer(self, package: str, patience_s: float) -> None:
        """It gets work although it costs more than others."""
        if package not in self._preferred:
            self._preferred.add(package)
            reason = f"a step waits for {package}; cheaper ones alone need over {patience_s:g} s"
            self.health.told.append(("put to work", reason))
