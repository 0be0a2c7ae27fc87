"""Documents are asked for patiently, but neither too often nor for ever."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.engine.download.asking import Asking, NoAnswerError
from dlcore.engine.download.inquiry import Inquiry, InquiryPolicy
from dlcore.engine.download.retry_gate import MAX_REFUSALS
from dlcore.errors import Fault, TransferError
from dlcore.model import EndpointKind, Manifest
from tests.engine.fakes import FakePlacement
from tests.engine.virtual_time import virtually

POLICY = InquiryPolicy()
MAX_ANSWER_S = 40.0  # of an answer in these tests: two stall times


class Reply(NamedTuple):
    """What an endpoint says to one question."""

    after_s: float
    fault: Fault | None = None
    retry_after_s: float | None = None


class Scripted:
    """An endpoint that gives these replies in turn, and the last one ever after."""

    kind = EndpointKind.HTTP

    def __init__(self, name: str, *replies: Reply) -> None:
        self.name = name
        self.replies = replies
        self.asked_at_s: list[float] = []
        self.open = 0
        self.cancelled = 0

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        assert not self.open, "one question at a time"
        loop = asyncio.get_running_loop()
        reply = self.replies[min(len(self.asked_at_s), len(self.replies) - 1)]
        self.asked_at_s.append(loop.time())
        self.open += 1
        try:
            await asyncio.sleep(reply.after_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.open -= 1
        if reply.fault:
            raise TransferError(
                "no", fault=reply.fault, endpoint=self.name, retry_after_s=reply.retry_after_s
            )
        return self.name.encode()

    async def locate(self, manifest: Manifest) -> FakePlacement:
        raise NotImplementedError

    async def aclose(self) -> None:
        """Nothing is open."""


class Ended(NamedTuple):
    """How a search ended: whose answer won, or None, and how long it took."""

    winner: str | None
    took_s: float
    failures: tuple[str, ...]


def search(endpoints: Sequence[Scripted], *, seed: int = 0, length_bytes: int = 0) -> Ended:
    async def main() -> Ended:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        asking = Asking(lambda _: None, rng=random.Random(seed))
        try:
            found = await asking.ask_any(
                endpoints, lambda e: e.read_document("x", 1), length_bytes=length_bytes
            )
        except NoAnswerError as error:
            return Ended(None, loop.time() - began_s, tuple(error.failures))
        assert not any(endpoint.open for endpoint in endpoints), "the others have ended"
        return Ended(found.decode(), loop.time() - began_s, ())

    return virtually(main())


GOOD = Reply(0.1)


def near(value_s: float) -> Any:
    return pytest.approx(value_s)


REPLIES = st.builds(
    Reply, st.floats(0, MAX_ANSWER_S), st.none() | st.sampled_from(Fault), st.none()
)
ENDPOINTS = st.lists(st.lists(REPLIES, min_size=1, max_size=5), min_size=1, max_size=4)


@given(ENDPOINTS, st.integers())
def test_the_laws_of_a_search(scripts: list[list[Reply]], seed: int) -> None:
    endpoints = [Scripted(str(n), *replies) for n, replies in enumerate(scripts)]
    ended = search(endpoints, seed=seed)
    for endpoint in endpoints:
        replies = [*endpoint.replies, *[endpoint.replies[-1]] * POLICY.max_attempts]
        said = replies[: len(endpoint.asked_at_s)]
        assert len(said) <= POLICY.max_attempts
        # Only the last reply may be good or final: nothing is asked after it.
        assert all(reply.fault and reply.fault.may_pass for reply in said[:-1])
    assert ended.took_s <= POLICY.total_s + MAX_ANSWER_S
    if ended.winner is None:
        assert all(endpoint.asked_at_s for endpoint in endpoints) or ended.took_s >= POLICY.total_s
        assert not any(endpoint.cancelled for endpoint in endpoints)
        finals = [e.replies[min(len(e.asked_at_s), len(e.replies)) - 1] for e in endpoints]
        assert all(final.fault for e, final in zip(endpoints, finals, strict=True) if e.asked_at_s)


def test_silence_is_tried_less_often_than_other_failures() -> None:
    policy = InquiryPolicy(max_attempts=4, max_stalls=2)
    for is_stall, expected in ((True, 2), (False, 4)):
        inquiry = Inquiry(["a"], 0.0, length_bytes=0, random=lambda: 0.5, policy=policy)
        asked, now_s = 0, 0.0
        while inquiry.due(now_s):
            asked += 1
            wait_s = inquiry.failed("a", now_s, may_pass=True, is_stall=is_stall)
            now_s += wait_s or 0.0
        assert asked == expected


@given(st.lists(st.floats(0, 100), max_size=50), st.integers(1, 5), st.integers())
def test_endpoints_are_asked_first_in_the_order_of_preference(
    steps_s: list[float], count: int, seed: int
) -> None:
    rng = random.Random(seed)
    names = [str(n) for n in range(count)]
    inquiry = Inquiry(names, 0.0, length_bytes=0, random=rng.random, policy=POLICY)
    now_s, asked, in_question = 0.0, [], set[str]()
    for step_s in steps_s:
        for name in inquiry.due(now_s):
            assert name not in in_question
            assert now_s < POLICY.total_s
            in_question.add(name)
            asked.append(name)
        if in_question and rng.random() < 0.5:
            name = rng.choice(sorted(in_question))
            in_question.remove(name)
            inquiry.failed(name, now_s, may_pass=rng.random() < 0.7)
        now_s += step_s
    first = list(dict.fromkeys(asked))
    assert first == names[: len(first)]


@pytest.mark.parametrize("fault", sorted(fault for fault in Fault if fault.may_pass))
def test_a_failure_that_may_pass_is_tried_again(fault: Fault) -> None:
    """Fault H12: a document is answered 502, 504 or with a reset. dlcore asks again."""
    endpoint = Scripted("a", Reply(0.1, fault), Reply(0.1, fault), GOOD)
    assert search([endpoint]).winner == "a"
    assert len(endpoint.asked_at_s) == 3


def test_the_waits_are_spread() -> None:
    waits_s = set[float]()
    for seed in range(20):
        endpoint = Scripted("a", Reply(0.0, Fault.SERVER), GOOD)
        search([endpoint], seed=seed)
        first_s, second_s = endpoint.asked_at_s
        assert 0 <= second_s - first_s <= POLICY.first_wait_s
        waits_s.add(second_s - first_s)
    assert len(waits_s) == 20


@pytest.mark.parametrize("fault", sorted(fault for fault in Fault if not fault.may_pass))
def test_a_failure_that_will_not_pass_is_final(fault: Fault) -> None:
    endpoint = Scripted("a", Reply(0.1, fault), GOOD)
    assert search([endpoint]) == Ended(None, near(0.1), ("a",))
    assert len(endpoint.asked_at_s) == 1


def test_an_endpoint_that_is_not_there_is_reported_soon() -> None:
    ended = search([Scripted("a", Reply(0.0, Fault.CONNECT))])
    assert ended.failures == ("a",)
    assert ended.took_s <= 3.5


def test_a_404_of_one_endpoint_asks_the_next_at_once() -> None:
    """Fault H13: one endpoint does not have a document. dlcore asks the next at once."""
    ended = search([Scripted("a", Reply(0.1, Fault.NOT_FOUND)), Scripted("b", GOOD)])
    assert ended == Ended("b", near(0.2), ())


def test_when_one_is_slow_the_next_is_asked_as_well() -> None:
    """Fault N4: an endpoint accepts a question and is silent. dlcore asks the next one as well."""
    slow, quick = Scripted("a", Reply(1000.0)), Scripted("b", GOOD)
    assert search([slow, quick]) == Ended("b", near(POLICY.hedge_s + 0.1), ())
    assert slow.cancelled == 1


def test_the_slow_one_may_win_all_the_same() -> None:
    slow, slower = Scripted("a", Reply(POLICY.hedge_s + 1)), Scripted("b", Reply(5.0))
    assert search([slow, slower]).winner == "a"
    assert slower.cancelled == 1


def test_a_long_document_is_given_the_time_that_it_takes() -> None:
    endpoints = [Scripted("a", Reply(10.0)), Scripted("b", GOOD)]
    assert search(endpoints, length_bytes=20 << 20).winner == "a"
    assert not endpoints[1].asked_at_s


def test_while_one_is_busy_the_others_are_asked() -> None:
    busy = Scripted("a", Reply(0.1, Fault.BUSY, 100.0), GOOD)
    other = Scripted("b", GOOD)
    assert search([busy, other]) == Ended("b", near(0.2), ())


def test_a_busy_endpoint_is_asked_when_its_time_is_over() -> None:
    busy = Scripted("a", Reply(0.1, Fault.BUSY, 100.0), Reply(0.1, Fault.SERVER), GOOD)
    ended = search([busy, Scripted("b", Reply(0.1, Fault.NOT_FOUND))])
    assert ended.winner == "a"
    assert ended.took_s > 100.0


def test_an_endpoint_that_is_always_busy_is_not_asked_for_ever() -> None:
    """Fault H12: an endpoint asks for time again and again. dlcore gives it up after a while."""
    busy = Scripted("a", Reply(0.1, Fault.BUSY, 100.0))
    assert search([busy]).failures == ("a",)
    assert len(busy.asked_at_s) == MAX_REFUSALS


def test_an_error_of_our_own_ends_the_search() -> None:
    async def main() -> None:
        async def question(_: object) -> bytes:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await Asking(lambda _: None).ask_any([Scripted("a", GOOD)], question)

    virtually(main())
