"""When a package is tried again for which no endpoint is left: so often, and for so long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.engine.download.inquiry import InquiryPolicy
from dlcore.engine.download.retry import UNLIMITED, Retry

seconds = st.floats(0, 1e6)
shares = st.floats(0, 1, exclude_max=True)
retries = st.builds(
    Retry,
    count=st.integers(0, UNLIMITED),
    delay_s=st.none() | seconds,
    total_s=st.none() | seconds,
    first_s=st.floats(0.001, 1e4),
    max_s=st.floats(0.001, 1e4),
)


@given(retries, st.integers(1, UNLIMITED + 1), seconds, shares)
def test_it_ends_in_time(retry: Retry, attempt: int, failing_s: float, share: float) -> None:
    wait_s = retry.wait_s(attempt, failing_s, share)
    if attempt > retry.count or (retry.total_s is not None and failing_s >= retry.total_s):
        assert wait_s is None
    else:
        assert wait_s is not None
        assert wait_s >= 0
        if retry.total_s is not None:
            assert wait_s <= retry.total_s - failing_s
        if retry.delay_s is not None:
            assert wait_s <= retry.delay_s


def test_two_retries_wait_as_long_as_configmgrs_on_average() -> None:
    waits = [Retry().wait_s(attempt, 0.0, 0.5) for attempt in (1, 2, 3)]
    assert waits == [10.0, 20.0, None]


@pytest.mark.parametrize(("total_s", "attempts"), [(None, 4), (600.0, 1_000_000), (0.0, 1_000_000)])
def test_documents_are_asked_for_as_long(total_s: float | None, attempts: int) -> None:
    policy = InquiryPolicy.lasting(total_s)
    assert policy.max_attempts == attempts
    usual_s = InquiryPolicy().total_s
    assert policy.total_s == (usual_s if total_s is None else max(total_s, 1.0))
