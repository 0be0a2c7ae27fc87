"""The times of the transfer room agree with each other."""

from __future__ import annotations

import pytest

from dlcore.transfer.policy import TransferPolicy


def test_without_a_time_limit_the_policy_is_the_usual_one() -> None:
    assert TransferPolicy.giving_up_after(None) == TransferPolicy()


@pytest.mark.parametrize("timeout_s", [0.1, 3.0, 10.0, 60.0, 3600.0])
def test_nothing_outlasts_or_undercuts_a_time_limit(timeout_s: float) -> None:
    policy = TransferPolicy.giving_up_after(timeout_s)
    assert policy.stall_s == timeout_s
    assert policy.connect_timeout_s >= timeout_s, "the request's own timer ends both"
    assert policy.low_water_silence_s <= timeout_s / 4, "else a slow server seems silent"
