"""Endpoints that may be used or not, and those that go before others."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.errors import Fault
from dlcore.schedule import PackageExhausted, Policy
from tests.depth import cases
from tests.schedule.packages import BLOCK_BYTES
from tests.schedule.scene import EVERYTHING, Scene

POLICY = Policy(max_request_bytes=BLOCK_BYTES)


def scene_of(endpoints: str, blocks: int = 6) -> Scene:
    return Scene({"p": blocks}, dict.fromkeys(endpoints, 0), POLICY, block_bytes=BLOCK_BYTES)


def allow(scene: Scene, endpoint: str, rank: int | None) -> None:
    scene.note(scene.scheduler.allow(endpoint, rank))


def locate(scene: Scene, endpoint: str) -> None:
    scene.note(scene.scheduler.located("p", endpoint, EVERYTHING))


def test_an_endpoint_that_may_not_be_used_is_asked_for_nothing() -> None:
    scene = scene_of("ab")
    allow(scene, "a", None)
    assert scene.has_none("a")
    assert scene.scheduler.limit("a") == 0
    scene.deliver(scene.ask("b"))


def test_an_endpoint_is_not_asked_for_what_one_with_a_lower_rank_holds() -> None:
    scene = scene_of("ab")
    allow(scene, "b", 1)
    assert scene.has_none("b")
    scene.deliver(scene.ask("a"))
    scene.note(scene.scheduler.located("p", "a", frozenset()))
    scene.deliver(scene.ask("b"))


def test_an_endpoint_takes_over_from_one_with_a_lower_rank_that_was_dropped() -> None:
    """Fault: the server of the branch refuses. dlcore asks the next group that may be used."""
    scene = scene_of("ab")
    allow(scene, "b", 1)
    scene.end(scene.ask("a"), Fault.AUTH)
    assert scene.is_dropped("a")
    scene.deliver(scene.ask("b"))


def test_a_package_that_only_a_forbidden_endpoint_holds_is_exhausted_until_it_is_allowed() -> None:
    scene = scene_of("ab")
    scene.note(scene.scheduler.located("p", "b", frozenset()))
    allow(scene, "a", None)
    assert len(scene.take(PackageExhausted)) == 1
    allow(scene, "b", 2)
    assert not scene.take(PackageExhausted)  # it has not told yet whether it holds nothing
    scene.note(scene.scheduler.located("p", "b", frozenset()))
    assert not scene.take(PackageExhausted)  # it was told already, and "b" could be used all along
    allow(scene, "a", 1)
    assert not scene.take(PackageExhausted)
    locate(scene, "a")
    while request := scene.next_request("a"):
        scene.deliver(request)
    assert scene.is_complete("p")


def test_what_an_endpoint_serves_when_it_may_not_any_more_still_counts() -> None:
    scene = scene_of("ab")
    asked = scene.ask("a")
    allow(scene, "a", None)
    scene.deliver(asked)
    assert scene.has_none("a")
    while request := scene.next_request("b"):
        scene.deliver(request)
    assert scene.is_complete("p")


RANKS = st.one_of(st.none(), st.integers(0, 2))


@settings(derandomize=True, deadline=None, max_examples=cases(30, 300))
@given(st.lists(st.tuples(st.sampled_from("abc"), RANKS), max_size=8))
def test_whatever_is_allowed_when_the_best_that_may_serve_does(
    changes: list[tuple[str, int | None]],
) -> None:
    scene = scene_of("abc", blocks=2 * len(changes) + 1)
    ranks: dict[str, int | None] = dict.fromkeys("abc", 0)
    for changed, rank in changes:
        is_new = ranks[changed] is None and rank is not None
        ranks[changed] = rank
        allow(scene, changed, rank)
        if is_new:
            locate(scene, changed)
        best = min((each for each in ranks.values() if each is not None), default=None)
        for endpoint in "abc":
            request = scene.next_request(endpoint)
            assert request is None or ranks[endpoint] == best
            if request:
                scene.deliver(request)
        exhausted = scene.take(PackageExhausted)
        assert not exhausted or best is None or scene.is_complete("p")
    for endpoint in "abc":
        allow(scene, endpoint, 0)
        locate(scene, endpoint)
    while request := scene.next_request("a"):
        scene.deliver(request)
    assert scene.is_complete("p")
