"""How much of what is left one range takes."""

from __future__ import annotations

from dlcore.schedule import Policy, Terms
from dlcore.schedule.cutting import next_length
from dlcore.schedule.source import Source
from tests.schedule.scene import MIB


def test_what_is_left_is_not_shared_with_an_endpoint_that_is_on_trial() -> None:
    policy = Policy()
    one, other = (Source(name, policy, Terms()) for name in ("e", "f"))

    def length_bytes(source: Source) -> int:
        return next_length(policy, source, [one, other], MIB, 100 * MIB, 0.0)

    shared_bytes = length_bytes(one)
    other.is_mute = True
    assert length_bytes(one) > shared_bytes
    assert length_bytes(other) == shared_bytes
