"""What each fault means for an endpoint, and the laws of waiting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.errors import Fault
from dlcore.schedule import EndpointChange, Policy
from dlcore.schedule.circuit_breaker import NOTED_ELSEWHERE, CircuitBreaker
from tests.schedule.packages import LAW

POLICY = Policy()
FAILURES = [Fault.CONNECT, Fault.TRUNCATED, Fault.STALL, Fault.SERVER]
MAX = {
    Fault.AUTH: 1,
    Fault.PROXY: 1,
    Fault.TLS: 1,
    Fault.REFUSED: POLICY.max_wrong_answers,
    Fault.RANGE: POLICY.max_wrong_answers,
    Fault.CORRUPT: POLICY.max_wrong_objects,
    Fault.BUSY: POLICY.max_busy_answers,
    **dict.fromkeys(FAILURES, POLICY.max_failures),
    Fault.STALL: POLICY.max_stalls,
}
JITTER = st.floats(0, 1, exclude_max=True)


def ignore(*change: object) -> None:
    """Nobody hears of it."""


def fail(breaker: CircuitBreaker, fault: Fault, times: int = 1, now_s: float = 0.0) -> None:
    """Have it fail; `Fault.CORRUPT` stands for blocks of different objects."""
    for _ in range(times):
        if fault is Fault.CORRUPT:
            breaker.served_wrong(is_new_object=True)
        else:
            breaker.failed(fault, now_s, jitter=0.5)


def test_every_fault_has_a_meaning() -> None:
    assert set(MAX) | NOTED_ELSEWHERE == set(Fault)
    assert set(MAX) & NOTED_ELSEWHERE == {Fault.CORRUPT}


@pytest.mark.parametrize(("fault", "allowed"), MAX.items())
def test_an_endpoint_is_dropped_when_no_more_failures_are_allowed_and_not_before(
    fault: Fault, allowed: int
) -> None:
    breaker = CircuitBreaker(POLICY, ignore)
    fail(breaker, fault, allowed - 1)
    assert breaker.dropped_for is None
    fail(breaker, fault)
    assert breaker.dropped_for is fault


def test_who_sets_a_time_limit_for_silence_allows_fewer_stalls() -> None:
    breaker = CircuitBreaker(Policy(max_stalls=2), ignore)
    fail(breaker, Fault.CONNECT)
    breaker.succeeded()
    fail(breaker, Fault.STALL)
    assert breaker.dropped_for is None, "one lost connection is not the end of an endpoint"
    fail(breaker, Fault.STALL)
    assert breaker.dropped_for is Fault.STALL
    other = CircuitBreaker(Policy(max_stalls=2), ignore)
    fail(other, Fault.CONNECT, POLICY.max_failures - 1)
    assert other.dropped_for is None


def test_a_missing_object_says_nothing_of_its_endpoint() -> None:
    """Fault H13: an endpoint lacks one object. dlcore asks others for it and goes on using the
    endpoint.
    """
    breaker = CircuitBreaker(POLICY, ignore)
    fail(breaker, Fault.NOT_FOUND, 100)
    assert (breaker.dropped_for, breaker.resume_at_s) == (None, 0.0)


@pytest.mark.parametrize("fault", [*FAILURES, Fault.BUSY])
def test_a_success_forgives_failures(fault: Fault) -> None:
    breaker = CircuitBreaker(POLICY, ignore)
    for _ in range(3):
        fail(breaker, fault, MAX[fault] - 1)
        breaker.succeeded()
    assert breaker.dropped_for is None


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.RANGE, Fault.CORRUPT])
def test_a_success_does_not_forgive_wrong_answers_or_bad_blocks(fault: Fault) -> None:
    breaker = CircuitBreaker(POLICY, ignore)
    for _ in range(MAX[fault]):
        fail(breaker, fault)
        breaker.succeeded()
    assert breaker.dropped_for is fault


@pytest.mark.parametrize("fault", sorted(set(MAX) - {Fault.CORRUPT}))
def test_a_retry_resets_all_but_the_quarantined(fault: Fault) -> None:
    """Fault G8: all endpoints were dropped. dlcore asks them again at a retry, except those that
    lied.
    """
    breaker = CircuitBreaker(POLICY, ignore)
    fail(breaker, fault, MAX[fault])
    breaker.reset()
    assert (breaker.dropped_for, breaker.resume_at_s) == (None, 0.0)


def test_a_quarantined_endpoint_stays_so() -> None:
    breaker = CircuitBreaker(POLICY, ignore)
    fail(breaker, Fault.CORRUPT, POLICY.max_bad_blocks - 1)
    assert not breaker.is_quarantined
    fail(breaker, Fault.CORRUPT)
    breaker.reset()
    breaker.served_right(1000)
    assert breaker.is_quarantined
    assert breaker.dropped_for is None


@given(st.lists(st.booleans(), max_size=100))
def test_only_an_endpoint_that_serves_hardly_anything_right_is_dropped_for_bad_blocks(
    blocks: list[bool],
) -> None:
    told: list[EndpointChange] = []
    breaker = CircuitBreaker(POLICY, lambda change, *_: told.append(change))
    is_hopeless = False
    for number, is_good in enumerate(blocks, 1):
        if is_good:
            breaker.served_right(1)
        else:
            fail(breaker, Fault.CORRUPT)
            bad = blocks[:number].count(False)
            is_hopeless |= bad >= POLICY.max_wrong_objects and bad > number - bad
        assert (breaker.dropped_for is Fault.CORRUPT) == is_hopeless
    quarantines = [EndpointChange.QUARANTINED] * (blocks.count(False) >= POLICY.max_bad_blocks)
    assert told == quarantines + [EndpointChange.DROPPED] * is_hopeless


def test_requests_before_a_failure_count_with_it() -> None:
    breaker = CircuitBreaker(POLICY, ignore)
    fail(breaker, Fault.CONNECT)
    for _ in range(200):
        breaker.failed(Fault.CONNECT, 0.0, jitter=0.5, is_new=False)
    assert breaker.dropped_for is None


@LAW
@given(st.lists(st.tuples(st.sampled_from([*FAILURES, Fault.BUSY]), JITTER), max_size=11))
def test_waits_stay_within_their_bounds(failures: list[tuple[Fault, float]]) -> None:
    breaker = CircuitBreaker(POLICY, ignore)
    for number, (fault, jitter) in enumerate(failures):
        now_s = max(100.0 * number, breaker.resume_at_s)
        breaker.failed(fault, now_s, jitter=jitter)
        if breaker.dropped_for:
            return  # whoever is not asked needs no wait
        ceiling_s = min(POLICY.max_backoff_s, 2 * POLICY.backoff_base_s * 2**number)
        assert now_s <= breaker.resume_at_s <= now_s + ceiling_s


@LAW
@given(st.sampled_from([*FAILURES, Fault.BUSY]), st.floats(0, 300), JITTER, st.booleans())
def test_retry_after_is_honoured(
    fault: Fault, retry_after_s: float, jitter: float, is_new: bool
) -> None:
    breaker = CircuitBreaker(POLICY, ignore)
    breaker.failed(fault, 7.0, retry_after_s=retry_after_s, jitter=jitter, is_new=is_new)
    assert breaker.resume_at_s >= 7.0 + retry_after_s


@LAW
@given(st.lists(st.tuples(st.sampled_from(sorted(Fault)), st.floats(0, 9), JITTER)))
def test_a_wait_is_never_cut_short_by_another_failure(
    failures: list[tuple[Fault, float, float]],
) -> None:
    breaker = CircuitBreaker(POLICY, ignore)
    for fault, retry_after_s, jitter in failures:
        before_s = breaker.resume_at_s
        breaker.failed(fault, 0.0, retry_after_s=retry_after_s, jitter=jitter)
        assert breaker.resume_at_s >= before_s


def test_the_mean_of_waits_doubles() -> None:
    breaker = CircuitBreaker(POLICY, ignore)
    for expected_s in (0.5, 1.0, 2.0, 4.0):
        now_s = breaker.resume_at_s
        breaker.failed(Fault.CONNECT, now_s, jitter=0.5)
        assert breaker.resume_at_s - now_s == pytest.approx(expected_s)


def test_the_first_break_since_a_success_is_tried_again_at_once_by_a_few() -> None:
    breaker = CircuitBreaker(POLICY, ignore)
    breaker.succeeded()
    fail(breaker, Fault.TRUNCATED)
    assert breaker.resume_at_s == 0.0
    assert breaker.max_trials == POLICY.trials_after_one_failure
    fail(breaker, Fault.TRUNCATED)
    assert breaker.resume_at_s > 0.0
    assert breaker.max_trials == 1, "half-open: one range tries it"


@pytest.mark.parametrize("fault", FAILURES)
def test_a_success_opens_an_endpoint_that_was_half_open(fault: Fault) -> None:
    breaker = CircuitBreaker(POLICY, ignore)
    fail(breaker, fault, 2)
    assert breaker.max_trials == 1
    breaker.succeeded()
    assert breaker.max_trials is None


def test_busy_asks_for_a_wait_but_is_no_failures() -> None:
    breaker = CircuitBreaker(POLICY, ignore)
    breaker.failed(Fault.BUSY, 0.0, retry_after_s=3.0, jitter=0.0)
    assert breaker.resume_at_s == 3.0
    assert breaker.max_trials is None


def test_an_endpoint_with_one_damaged_object_is_not_dropped() -> None:
    breaker = CircuitBreaker(POLICY, ignore)
    fail(breaker, Fault.CORRUPT)
    for _ in range(100):
        breaker.served_wrong(is_new_object=False)
    assert breaker.is_quarantined
    assert breaker.dropped_for is None


def test_each_decision_is_told_once_with_its_reason() -> None:
    told: list[tuple[EndpointChange, str, Fault | None]] = []
    breaker = CircuitBreaker(POLICY, lambda *change: told.append(change))
    fail(breaker, Fault.CONNECT, 2)
    fail(breaker, Fault.CORRUPT, POLICY.max_bad_blocks)
    backed_off, quarantined = EndpointChange.BACKED_OFF, EndpointChange.QUARANTINED
    assert [change for change, _, _ in told] == [backed_off, backed_off, quarantined]
    assert [fault for _, _, fault in told] == [Fault.CONNECT, Fault.CONNECT, Fault.CORRUPT]
    assert "2 in a row" in told[1][1]
    assert f"{POLICY.max_bad_blocks} bad blocks" in told[2][1]


def test_a_retry_says_that_a_dropped_endpoint_is_asked_again() -> None:
    told: list[EndpointChange] = []
    breaker = CircuitBreaker(POLICY, lambda change, *_: told.append(change))
    breaker.reset()
    assert told == []
    fail(breaker, Fault.AUTH)
    breaker.reset()
    assert told == [EndpointChange.DROPPED, EndpointChange.RESUMED]


def test_a_download_retry_keeps_to_the_time_that_was_asked_for() -> None:
    """Fault: a busy server says when to ask again. dlcore does not ask before, in a retry."""
    breaker = CircuitBreaker(POLICY, ignore)
    for _ in range(POLICY.max_busy_answers):
        breaker.failed(Fault.BUSY, 10.0, retry_after_s=120.0)
    assert breaker.dropped_for is Fault.BUSY
    breaker.reset()
    assert breaker.dropped_for is None
    assert breaker.resume_at_s == 130.0


def test_a_download_retry_forgets_a_back_off_of_its_own() -> None:
    breaker = CircuitBreaker(POLICY, ignore)
    for _ in range(POLICY.max_failures):
        breaker.failed(Fault.CONNECT, 10.0, jitter=0.9)
    assert breaker.resume_at_s > 10.0
    breaker.reset()
    assert breaker.resume_at_s == 0.0
