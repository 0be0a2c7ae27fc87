"""A lease is renewed by one request, ahead of time, and never in a loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dlcore.errors import AuthError, ConfigError, DlcoreError, Fault, TransferError
from dlcore.transfer.endpoints.lease import NEVER_S, Lease, Leased
from dlcore.transfer.http.faults import RejectedError
from dlcore.transfer.interface import Renewed
from dlcore.transfer.policy import TransferPolicy

LIFE_S = 1000.0
POLICY = TransferPolicy()
FAILED = TransferError("down", fault=Fault.CONNECT, endpoint="edge")


def rejection(status: int = 401) -> RejectedError:
    return RejectedError("no", endpoint="edge", status=status, detail="")


class Issuer:
    """Gives ``value-1``, ``value-2``, ...; can be held up, and can fail."""

    def __init__(self, life_s: float = LIFE_S) -> None:
        self.now_s = 50.0
        self.life_s = life_s
        self.fetches = 0
        self.running = 0
        self.max_running = 0
        self.fails = False
        self.error: DlcoreError = FAILED
        self.same = False
        self.open = asyncio.Event()
        self.open.set()
        self.renewals: list[Renewed] = []
        self.lease = Lease(
            "edge",
            "token",
            self.fetch,
            observer=self.renewals.append,
            policy=POLICY,
            clock=lambda: self.now_s,
        )

    async def fetch(self) -> tuple[str, float]:
        self.fetches += 1
        self.running += 1
        self.max_running = max(self.max_running, self.running)
        try:
            await self.open.wait()
        finally:
            self.running -= 1
        if self.fails:
            raise self.error
        return f"value-{1 if self.same else self.fetches}", self.life_s


def accepting(*values: str) -> Callable[[str], Awaitable[str]]:
    """An attempt that is rejected unless the value is one of these."""

    async def attempt(value: str) -> str:
        if value not in values:
            raise rejection()
        return value

    return attempt


def always(_: RejectedError) -> bool:
    return True


async def run_pending() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_first_value_is_fetched_once_for_all() -> None:
    issuer = Issuer()
    held = await asyncio.gather(*(issuer.lease.get() for _ in range(50)))
    assert {h.value for h in held} == {"value-1"}
    assert issuer.fetches == 1
    assert issuer.renewals == []  # the first is no renewal


async def test_it_is_renewed_ahead_of_time_and_no_caller_waits() -> None:
    issuer = Issuer()
    await issuer.lease.get()
    issuer.open.clear()
    issuer.now_s += LIFE_S - 61
    assert (await issuer.lease.get()).value == "value-1"
    assert issuer.fetches == 1
    issuer.now_s += 2  # 59 of 1,000 seconds left: less than a minute
    assert (await issuer.lease.get()).value == "value-1"
    await run_pending()
    assert issuer.fetches == 2
    issuer.now_s += 1.5
    issuer.open.set()
    await run_pending()
    assert (await issuer.lease.get()).value == "value-2"
    assert issuer.renewals == [Renewed("edge", "token", "expiring", took_s=1.5)]


async def test_a_short_life_is_renewed_when_a_tenth_is_left() -> None:
    issuer = Issuer(life_s=20)
    await issuer.lease.get()
    for elapsed_s, fetches in [(17.9, 1), (0.2, 2)]:
        issuer.now_s += elapsed_s
        await issuer.lease.get()
        await run_pending()
        assert issuer.fetches == fetches


async def test_life_counts_from_the_moment_the_request_was_sent() -> None:
    """Fault C1: the wall clock is wrong. dlcore counts the life of credentials on the monotonic
    clock.
    """
    issuer = Issuer(life_s=20)
    issuer.open.clear()
    getting = asyncio.ensure_future(issuer.lease.get())
    await run_pending()
    issuer.now_s += 15
    issuer.open.set()
    await getting
    issuer.now_s += 5
    assert (await issuer.lease.get()).value == "value-2"


async def test_an_expired_value_is_not_used_while_the_renewal_runs() -> None:
    issuer = Issuer()
    await issuer.lease.get()
    issuer.now_s += LIFE_S
    issuer.open.clear()
    getting = asyncio.ensure_future(issuer.lease.get())
    await run_pending()
    assert not getting.done()
    issuer.open.set()
    assert (await getting).value == "value-2"


async def test_a_failed_early_renewal_does_no_harm_and_is_not_repeated_at_once() -> None:
    issuer = Issuer()
    await issuer.lease.get()
    issuer.fails = True
    issuer.now_s += LIFE_S - 30
    for _ in range(10):
        assert (await issuer.lease.get()).value == "value-1"
        await run_pending()
    assert issuer.fetches == 2
    issuer.now_s += POLICY.min_renewal_interval_s
    await issuer.lease.get()
    await run_pending()
    assert issuer.fetches == 3


async def test_an_early_renewal_comes_no_sooner_than_the_endpoint_asked_for() -> None:
    issuer = Issuer()
    await issuer.lease.get()
    issuer.error = TransferError("no", fault=Fault.BUSY, endpoint="edge", retry_after_s=20.0)
    issuer.fails = True
    issuer.now_s += LIFE_S - 50
    for fetches in (2, 2, 2, 2, 3):
        await issuer.lease.get()
        await run_pending()
        assert issuer.fetches == fetches
        issuer.now_s += POLICY.min_renewal_interval_s


async def test_a_failed_first_fetch_reaches_every_waiter_and_is_tried_again_later() -> None:
    issuer = Issuer()
    issuer.fails = True
    results = await asyncio.gather(*(issuer.lease.get() for _ in range(5)), return_exceptions=True)
    assert results == [FAILED] * 5
    assert issuer.fetches == 1
    issuer.fails = False
    assert (await issuer.lease.get()).value == "value-2"


async def test_a_rejected_value_is_renewed_once_for_all_and_all_go_on() -> None:
    issuer = Issuer()
    used = await asyncio.gather(
        *(issuer.lease.use(accepting("value-2"), is_curable=always) for _ in range(30))
    )
    assert used == ["value-2"] * 30
    assert issuer.fetches == 2
    assert issuer.renewals == [Renewed("edge", "token", "rejected")]


async def test_a_renewed_value_that_is_rejected_is_an_auth_error_and_no_loop() -> None:
    """Fault K2: a renewed credential is rejected. dlcore ends with an authentication error and does
    not loop.
    """
    issuer = Issuer()
    results = await asyncio.gather(
        *(issuer.lease.use(accepting(), is_curable=always) for _ in range(30)),
        return_exceptions=True,
    )
    assert all(isinstance(result, AuthError) for result in results)
    assert issuer.fetches == 2
    with pytest.raises(AuthError, match="renewing it did not help"):
        await issuer.lease.use(accepting(), is_curable=always)
    assert issuer.fetches == 2  # not even asked again


async def test_a_lasting_rejection_may_be_cured_later() -> None:
    issuer = Issuer()
    with pytest.raises(AuthError):
        await issuer.lease.use(accepting(), is_curable=always)
    issuer.now_s += POLICY.distrust_s
    assert await issuer.lease.use(accepting("value-3"), is_curable=always) == "value-3"


async def test_a_value_that_was_accepted_may_be_renewed_on_rejection_at_once() -> None:
    issuer = Issuer()
    for wanted in ("value-2", "value-3", "value-4"):
        assert await issuer.lease.use(accepting(wanted), is_curable=always) == wanted


LOST = ConfigError("endpoint edge: the credential helper pass failed", remedy="See what it says.")


async def test_a_helper_that_fails_later_costs_its_endpoint_only() -> None:
    """Fault P7: a credential helper fails in the middle of a download. dlcore drops its endpoint,
    and others serve.
    """
    issuer = Issuer()
    await issuer.lease.get()
    issuer.fails, issuer.error = True, LOST
    with pytest.raises(AuthError) as caught:
        await issuer.lease.use(accepting(), is_curable=always)
    assert caught.value.message == "edge: the credential helper pass failed"
    assert caught.value.remedy == "See what it says."


async def test_a_helper_that_fails_at_first_is_named_as_a_wrong_setting() -> None:
    issuer = Issuer()
    issuer.fails, issuer.error = True, LOST
    with pytest.raises(ConfigError):
        await issuer.lease.get()


async def test_a_renewal_that_brings_the_same_value_is_not_tried() -> None:
    """Fault K2: a renewal brings the same credential. dlcore does not try it again."""
    issuer = Issuer()
    issuer.same = True
    attempts: list[str] = []

    async def attempt(value: str) -> None:
        attempts.append(value)
        raise rejection()

    with pytest.raises(AuthError, match="renewing it did not help"):
        await issuer.lease.use(attempt, is_curable=always)
    assert attempts == ["value-1"]


async def test_a_rejection_that_renewing_cannot_cure_is_raised_as_it_is() -> None:
    issuer = Issuer()
    with pytest.raises(RejectedError) as caught:
        await issuer.lease.use(accepting(), is_curable=lambda _: False)
    assert caught.value.status == 401
    assert issuer.fetches == 1


async def test_a_value_without_end_is_never_renewed_by_time() -> None:
    issuer = Issuer(life_s=NEVER_S)
    await issuer.lease.get()
    issuer.now_s += 1e12
    assert (await issuer.lease.get()).value == "value-1"
    await run_pending()
    assert issuer.fetches == 1


async def test_a_cancelled_waiter_does_not_cancel_the_renewal_of_the_others() -> None:
    issuer = Issuer()
    issuer.open.clear()
    first, second = (asyncio.ensure_future(issuer.lease.get()) for _ in range(2))
    await run_pending()
    first.cancel()
    await run_pending()
    issuer.open.set()
    assert (await second).value == "value-1"
    assert first.cancelled()
    assert issuer.fetches == 1


async def test_closing_ends_a_renewal_running_and_may_be_repeated() -> None:
    issuer = Issuer()
    issuer.open.clear()
    getting = asyncio.ensure_future(issuer.lease.get())
    await run_pending()
    await issuer.lease.aclose()
    await issuer.lease.aclose()
    with contextlib.suppress(asyncio.CancelledError):
        await getting
    assert issuer.running == 0


async def test_closing_waits_until_the_renewal_has_closed_its_connection() -> None:
    """Fault: a command ends while a token is renewed. dlcore waits for the request's own end."""
    is_closed = False
    is_begun = asyncio.Event()

    async def fetch() -> tuple[str, float]:
        nonlocal is_closed
        is_begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(5):  # a connection takes some turns of the loop to close
                await asyncio.sleep(0)
            is_closed = True
        raise AssertionError

    lease = Lease("edge", "token", fetch, observer=lambda _: None, policy=POLICY)
    getting = asyncio.ensure_future(lease.get())
    await is_begun.wait()
    await lease.aclose()
    assert is_closed
    with contextlib.suppress(asyncio.CancelledError):
        await getting


def test_the_repr_of_what_is_held_does_not_show_it() -> None:
    assert "canary" not in repr(Leased("canary", 1, "rejected", 0.0, 1.0))


class AnyOrder(RuleBasedStateMachine):
    """Waiters come, go and are cancelled while time passes and renewals end in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.waiters: list[asyncio.Task[Leased[str]]] = []
        self.versions: list[int] = []

        async def start() -> Issuer:
            return Issuer(life_s=100)

        self.issuer = self.runner.run(start())
        self.issuer.open.clear()

    def step(self) -> None:
        self.runner.run(run_pending())
        for waiter in [waiter for waiter in self.waiters if waiter.done()]:
            self.waiters.remove(waiter)
            if not waiter.cancelled() and not waiter.exception():
                self.versions.append(waiter.result().version)

    def add(self, waiting: Callable[[], Awaitable[Leased[str]]]) -> None:
        async def begin() -> asyncio.Task[Leased[str]]:
            return asyncio.ensure_future(waiting())

        self.waiters.append(self.runner.run(begin()))
        self.step()

    @rule()
    def get(self) -> None:
        self.add(self.issuer.lease.get)

    @precondition(lambda self: self.versions)
    @rule(data=st.data())
    def reject(self, data: st.DataObject) -> None:
        version = data.draw(st.sampled_from(sorted(set(self.versions))))
        self.add(lambda: self.issuer.lease.renew(version, "rejected"))

    @precondition(lambda self: self.waiters)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        before = self.issuer.running
        data.draw(st.sampled_from(self.waiters)).cancel()
        self.step()
        assert self.issuer.running == before

    @rule(fails=st.booleans())
    def end_a_renewal(self, *, fails: bool) -> None:
        self.issuer.fails = fails
        self.issuer.open.set()
        self.step()
        self.issuer.open.clear()
        assert self.issuer.running == 0
        assert not self.waiters

    @rule(seconds=st.floats(0, 120))
    def time_passes(self, seconds: float) -> None:
        self.issuer.now_s += seconds

    @invariant()
    def one_renewal_at_a_time(self) -> None:
        assert self.issuer.max_running <= 1

    @invariant()
    def waiting_means_renewing(self) -> None:
        assert not self.waiters or self.issuer.running == 1

    def teardown(self) -> None:
        self.issuer.open.set()
        self.step()
        self.runner.run(self.issuer.lease.aclose())
        self.runner.close()


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=40)
