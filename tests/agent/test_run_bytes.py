"""What an agent received for a run, counted from one of its answers to the next."""

from __future__ import annotations

from dlcore.agent.interface import PackageState, PackageStatus
from dlcore.agent.run_bytes import RunBytes

MINE, OTHER = "a" * 64, "b" * 64


def told(
    received_bytes: int,
    *,
    verified_bytes: int = 0,
    digest: str = MINE,
    name: str = "ABC00001",
    state: PackageState = PackageState.FETCHING,
) -> PackageStatus:
    return PackageStatus(
        "ABC00001",
        state,
        manifest_digest=digest,
        verified_bytes=verified_bytes,
        total_bytes=100,
        name=name,
        received_bytes=received_bytes,
    )


def counted(*answers: tuple[object, PackageStatus]) -> RunBytes:
    found = RunBytes({"ABC00001": MINE})
    for number, (life, status) in enumerate(answers):
        found.note(life, [status], float(number))
    return found


def test_what_came_before_the_run_does_not_count() -> None:
    assert counted(("one", told(70)), ("one", told(95))).fetched.total() == 25


def test_an_agent_that_begins_anew_counts_from_0() -> None:
    """Fault: the agent ends while a run goes on. What came in its next life is counted in full."""
    found = counted(("one", told(70)), ("one", told(80)), ("two", told(85)), ("two", told(90)))
    assert found.fetched.total() == 10 + 90


def test_a_count_that_falls_for_a_moment_is_not_counted_twice() -> None:
    """The agent adds up what its downloads came to when it puts them away."""
    found = counted(("one", told(0)), ("one", told(50)), ("one", told(0)), ("one", told(60)))
    assert found.fetched.total() == 60


def test_another_version_of_a_package_is_not_the_runs() -> None:
    found = counted(("one", told(0)), ("one", told(60, digest=OTHER)))
    assert found.fetched.total() == 0
    assert not found.means(told(0, digest=OTHER))
    renamed = counted(("one", told(40)), ("one", told(60, name="ABC00001@aaaaaaaaaaaaaaaa")))
    assert renamed.fetched.total() == 60
    assert renamed.names == {"ABC00001@aaaaaaaaaaaaaaaa": "ABC00001"}


def test_what_was_verified_and_not_received_was_there() -> None:
    ready = told(30, verified_bytes=100, state=PackageState.READY)
    found = counted(("one", told(0)), ("one", ready))
    assert found.reused_bytes(["ABC00001"]) == {"ABC00001": 70}
    assert found.ready == {"ABC00001"}
    assert (found.busy_s, found.arrivals.since(0.0)[-1].total_bytes) == (1.0, 30)
