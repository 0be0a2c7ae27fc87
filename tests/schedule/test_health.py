"""What each fault means for an endpoint, and the laws of waiting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.errors import Fault
from dlcore.schedule import Policy
from dlcore.schedule.health import FIRST_TRIALS, Health
from tests.schedule.packages import LAW

POLICY = Policy()
WEATHER = [Fault.CONNECT, Fault.TRUNCATED, Fault.STALL, Fault.SERVER]
PATIENCE = {
    Fault.AUTH: 1,
    Fault.TLS: 1,
    Fault.REFUSED: POLICY.lie_patience,
    Fault.RANGE: POLICY.lie_patience,
    Fault.CORRUPT: POLICY.corrupt_patience,
    Fault.BUSY: POLICY.busy_patience,
    **dict.fromkeys(WEATHER, POLICY.weather_patience),
}
JITTER = st.floats(0, 1, exclude_max=True)


def fail(health: Health, fault: Fault, times: int = 1, now_s: float = 0.0) -> None:
    for _ in range(times):
        health.failed(fault, now_s, None, 0.5)


def test_every_fault_has_a_meaning() -> None:
    assert set(PATIENCE) | {Fault.NOT_FOUND} == set(Fault)


@pytest.mark.parametrize(("fault", "patience"), PATIENCE.items())
def test_an_endpoint_is_dropped_when_patience_is_over_and_not_before(
    fault: Fault, patience: int
) -> None:
    health = Health(POLICY)
    fail(health, fault, patience - 1)
    assert health.dropped == ""
    fail(health, fault)
    assert health.dropped == fault.value


def test_a_missing_object_says_nothing_of_its_endpoint() -> None:
    health = Health(POLICY)
    fail(health, Fault.NOT_FOUND, 100)
    assert (health.dropped, health.resume_at_s) == ("", 0.0)


@pytest.mark.parametrize("fault", [*WEATHER, Fault.BUSY])
def test_a_success_forgives_weather(fault: Fault) -> None:
    health = Health(POLICY)
    for _ in range(3):
        fail(health, fault, PATIENCE[fault] - 1)
        health.succeeded()
    assert health.dropped == ""


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.RANGE, Fault.CORRUPT])
def test_a_success_does_not_forgive_lies_or_bad_blocks(fault: Fault) -> None:
    health = Health(POLICY)
    for _ in range(PATIENCE[fault]):
        fail(health, fault)
        health.succeeded()
    assert health.dropped == fault.value


@pytest.mark.parametrize("fault", sorted(set(PATIENCE) - {Fault.CORRUPT}))
def test_a_retry_revives_all_but_the_quarantined(fault: Fault) -> None:
    health = Health(POLICY)
    fail(health, fault, PATIENCE[fault])
    health.revive()
    assert (health.dropped, health.resume_at_s) == ("", 0.0)


def test_a_quarantined_endpoint_stays_so() -> None:
    health = Health(POLICY)
    fail(health, Fault.CORRUPT, POLICY.corrupt_patience)
    health.revive()
    assert health.dropped == Fault.CORRUPT


def test_old_news_spend_no_patience() -> None:
    health = Health(POLICY)
    fail(health, Fault.CONNECT)
    for _ in range(200):
        health.failed(Fault.CONNECT, 0.0, None, 0.5, is_news=False)
    assert health.dropped == ""


@LAW
@given(st.lists(st.tuples(st.sampled_from([*WEATHER, Fault.BUSY]), JITTER), max_size=11))
def test_waits_stay_within_their_bounds(failures: list[tuple[Fault, float]]) -> None:
    health = Health(POLICY)
    for number, (fault, jitter) in enumerate(failures):
        now_s = max(100.0 * number, health.resume_at_s)
        health.failed(fault, now_s, None, jitter)
        ceiling_s = min(POLICY.backoff_cap_s, 2 * POLICY.backoff_base_s * 2**number)
        assert now_s <= health.resume_at_s <= now_s + ceiling_s


@LAW
@given(st.sampled_from([*WEATHER, Fault.BUSY]), st.floats(0, 300), JITTER, st.booleans())
def test_retry_after_is_honoured(
    fault: Fault, retry_after_s: float, jitter: float, is_news: bool
) -> None:
    health = Health(POLICY)
    health.failed(fault, 7.0, retry_after_s, jitter, is_news=is_news)
    assert health.resume_at_s >= 7.0 + retry_after_s


@LAW
@given(st.lists(st.tuples(st.sampled_from(sorted(Fault)), st.floats(0, 9), JITTER)))
def test_a_wait_is_never_cut_short_by_another_failure(
    failures: list[tuple[Fault, float, float]],
) -> None:
    health = Health(POLICY)
    for fault, retry_after_s, jitter in failures:
        before_s = health.resume_at_s
        health.failed(fault, 0.0, retry_after_s, jitter)
        assert health.resume_at_s >= before_s


def test_the_mean_of_waits_doubles() -> None:
    health = Health(POLICY)
    for expected_s in (0.5, 1.0, 2.0, 4.0):
        now_s = health.resume_at_s
        health.failed(Fault.CONNECT, now_s, None, 0.5)
        assert health.resume_at_s - now_s == pytest.approx(expected_s)


def test_the_first_break_since_a_success_is_tried_again_at_once_by_a_few() -> None:
    health = Health(POLICY)
    health.succeeded()
    fail(health, Fault.TRUNCATED)
    assert health.resume_at_s == 0.0
    assert health.max_trials == FIRST_TRIALS
    fail(health, Fault.TRUNCATED)
    assert health.resume_at_s > 0.0
    assert health.max_trials == 1, "half-open: one range tries it"


@pytest.mark.parametrize("fault", WEATHER)
def test_a_success_opens_an_endpoint_that_was_half_open(fault: Fault) -> None:
    health = Health(POLICY)
    fail(health, fault, 2)
    assert health.max_trials == 1
    health.succeeded()
    assert health.max_trials is None


def test_busy_asks_for_a_wait_but_is_no_weather() -> None:
    health = Health(POLICY)
    health.failed(Fault.BUSY, 0.0, 3.0, 0.0)
    assert health.resume_at_s == 3.0
    assert health.max_trials is None


def test_each_decision_is_told_once_with_its_reason() -> None:
    health = Health(POLICY)
    fail(health, Fault.CONNECT, 2)
    fail(health, Fault.CORRUPT, POLICY.corrupt_patience)
    whats = [what for what, _ in health.told]
    assert whats == ["backed off", "backed off", "quarantined"]
    assert "2 in a row" in health.told[1][1]
    assert f"{POLICY.corrupt_patience} bad blocks" in health.told[2][1]
