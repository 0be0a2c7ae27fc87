"""Nothing is concluded from what does not tell anything."""

from __future__ import annotations

from dlcore.schedule.concurrency_limit import ConcurrencyLimit
from dlcore.schedule.limit_policy import LimitPolicy
from tests.schedule.transfers import MAX, MUCH, running

POLICY = LimitPolicy()


def test_idle_time_changes_nothing() -> None:
    limit = running()
    before = limit.update(10.0, 0, is_light=False, left_bytes=MUCH), limit.connection_bytes_per_s
    for tick in range(2000):
        limit.update(10 + tick * 0.05, 0, is_light=False, left_bytes=MUCH)
    assert (
        limit.update(110.0, 0, is_light=False, left_bytes=MUCH),
        limit.connection_bytes_per_s,
    ) == before


def test_fewer_at_work_than_wanted_bring_no_more() -> None:
    limit = ConcurrencyLimit(MAX)
    limit.answered(0.05)
    for tick in range(400):
        limit.update(tick * 0.05, 3, is_light=False, left_bytes=MUCH)
        limit.received(50_000)
        limit.answered(0.05)
    assert limit.update(20.0, 3, is_light=False, left_bytes=MUCH) == POLICY.initial_limit


def test_a_stalled_endpoint_gets_no_more_connections() -> None:
    limit = running()
    before = limit.update(10.0, 80, is_light=False, left_bytes=MUCH)
    for tick in range(1, 400):
        assert limit.update(10 + tick * 0.05, before, is_light=False, left_bytes=MUCH) <= before
