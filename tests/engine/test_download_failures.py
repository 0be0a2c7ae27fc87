"""Downloads over endpoints that lie, fail and come back, in virtual time."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from dlcore.engine.download.retry import UNLIMITED, Retry
from dlcore.engine.events import (
    BlockRejected,
    DownloadRetried,
    EndpointDropped,
    PackageFailed,
    RangeFailed,
)
from dlcore.engine.listeners.words import describe
from dlcore.errors import (
    AuthError,
    ContentBehindProxyError,
    ContentRefusedError,
    ContentUnprovenServerError,
    ExhaustedError,
    Fault,
    IntegrityError,
    TlsError,
)
from dlcore.schedule import Policy
from tests.engine.fakes import (
    GOOD,
    Asked,
    FakeEndpoint,
    Recorder,
    Reply,
    fetch,
    opened,
    package,
)
from tests.engine.virtual_time import virtually
from tests.store.helpers import BLOCK_BYTES

ONE = package("ABC00001")
TWO = package("ABC00002", {"x": 9 * BLOCK_BYTES, "y": 5})
BOTH = {"ABC00001": ONE, "ABC00002": TWO}
LARGE = {"ABC00003": package("ABC00003", {"x": 200 * BLOCK_BYTES})}
AT_ONCE = Retry(count=0)
ASKED_S = 10.0  # how long an endpoint that cannot be reached is asked, at most
LASTING = sorted(fault for fault in Fault if not fault.may_pass)


def failing(fault: Fault) -> Reply:
    return Reply(fault)


def away() -> FakeEndpoint:
    """An endpoint that cannot be reached."""
    endpoint = FakeEndpoint("away", BOTH)
    endpoint.locate_fault = Fault.CONNECT
    return endpoint


def lies_about(*blocks: int) -> Reply:
    return Reply(flips=frozenset(block * BLOCK_BYTES for block in blocks))


def test_a_bad_block_is_fetched_elsewhere_and_its_endpoint_blamed(tmp_path: Path) -> None:
    """Fault X1: an endpoint serves a block with a wrong byte. dlcore fetches the block elsewhere
    and blames the endpoint.
    """
    liar = FakeEndpoint("liar", LARGE, lambda asked: lies_about(0))
    honest = FakeEndpoint("honest", LARGE, rate_bytes_per_s=1e5)
    bus = Recorder()
    virtually(fetch(tmp_path, LARGE, [liar, honest], bus=bus))
    rejected = bus.of(BlockRejected)
    assert [(e.block, e.endpoint) for e in rejected if isinstance(e, BlockRejected)] == [
        (0, "liar")
    ]
    again = (0, BLOCK_BYTES)
    assert again in [(asked.start, asked.end) for asked in honest.asked]


def test_an_endpoint_that_keeps_lying_is_quarantined_and_told_once(tmp_path: Path) -> None:
    """Fault X1: an endpoint serves wrong blocks again and again. dlcore quarantines it."""
    liar = FakeEndpoint("liar", LARGE, lambda asked: lies_about(*range(200)))
    bus = Recorder()
    virtually(
        fetch(tmp_path, LARGE, [liar, FakeEndpoint("honest", LARGE, rate_bytes_per_s=1e5)], bus=bus)
    )
    assert bus.of(EndpointDropped) == [EndpointDropped("liar", "corrupt")]


def test_when_everybody_lies_it_is_an_integrity_error(tmp_path: Path) -> None:
    """Fault X2: all endpoints serve a block wrong. dlcore ends with an integrity error and keeps
    the other blocks.
    """
    liars = [FakeEndpoint(name, BOTH, lambda asked: lies_about(0)) for name in ("a", "b")]
    with pytest.raises(IntegrityError, match=r"a: block 0.*b: block 0|b: block 0.*a: block 0"):
        virtually(fetch(tmp_path, BOTH, liars))


@pytest.mark.parametrize("fault", [Fault.AUTH, Fault.TLS, Fault.REFUSED, Fault.RANGE])
def test_a_hopeless_endpoint_is_dropped_and_the_rest_carry_on(tmp_path: Path, fault: Fault) -> None:
    """Fault G8, N1: an endpoint fails for good. dlcore drops it and the rest carry on."""
    hopeless = FakeEndpoint("hopeless", BOTH, lambda asked: failing(fault))
    bus = Recorder()
    virtually(fetch(tmp_path, BOTH, [hopeless, FakeEndpoint("good", BOTH)], bus=bus))
    assert bus.of(EndpointDropped) == [EndpointDropped("hopeless", fault.value)]
    failed = [event for event in bus.of(RangeFailed) if isinstance(event, RangeFailed)]
    assert {(event.endpoint, event.fault) for event in failed} == {("hopeless", fault.value)}
    assert 1 <= len(failed) == len(hopeless.asked) <= 3


@pytest.mark.parametrize(
    "fault", [Fault.CONNECT, Fault.TRUNCATED, Fault.STALL, Fault.BUSY, Fault.SERVER]
)
def test_weather_passes(tmp_path: Path, fault: Fault) -> None:
    def script(asked: Asked) -> Reply:
        return GOOD if asked.number % 3 else Reply(fault, after_bytes=BLOCK_BYTES + 5)

    virtually(fetch(tmp_path, BOTH, [FakeEndpoint("a", BOTH, script)], connections=3))


def test_what_arrived_before_a_range_broke_off_is_kept(tmp_path: Path) -> None:
    """Fault N3: the connection breaks in the middle of a range. dlcore keeps what is verified and
    asks for the rest.
    """

    def script(asked: Asked) -> Reply:
        return GOOD if asked.number else Reply(Fault.TRUNCATED, after_bytes=10 * BLOCK_BYTES + 99)

    endpoint = FakeEndpoint("a", LARGE, script)
    virtually(fetch(tmp_path, LARGE, [endpoint], connections=1))
    assert endpoint.delivered_bytes == 200 * BLOCK_BYTES


def test_retry_after_is_waited_for_and_then_work_goes_on(tmp_path: Path) -> None:
    """Fault H12: an endpoint is busy and names a time. dlcore waits for it and goes on."""

    def script(asked: Asked) -> Reply:
        return Reply(Fault.BUSY, retry_after_s=120.0) if asked.number == 0 else GOOD

    async def timed() -> float:
        started_s = asyncio.get_running_loop().time()
        await fetch(tmp_path, BOTH, [FakeEndpoint("a", BOTH, script)], connections=1)
        return asyncio.get_running_loop().time() - started_s

    assert 120.0 <= virtually(timed()) < 125.0


def test_retries_are_as_many_and_as_late_as_asked_for(tmp_path: Path) -> None:
    """Fault G8: no endpoint is left. dlcore retries as often as asked for, and then ends."""

    async def timed() -> float:
        started_s = asyncio.get_running_loop().time()
        with pytest.raises(ExhaustedError):
            await fetch(tmp_path, BOTH, [away()], retry=Retry(3, 100.0), bus=bus)
        return asyncio.get_running_loop().time() - started_s

    bus = Recorder()
    assert 300.0 <= virtually(timed()) < 300.0 + 4 * ASKED_S
    retried = [e for e in bus.of(DownloadRetried) if isinstance(e, DownloadRetried)]
    assert [e.attempt for e in retried if e.package == "ABC00001"] == [1, 2, 3]
    assert PackageFailed in {type(event) for event in bus.events}


@pytest.mark.parametrize("is_located", [True, False])
@pytest.mark.parametrize("fault", LASTING)
def test_what_does_not_pass_is_not_waited_for(
    tmp_path: Path, fault: Fault, is_located: bool
) -> None:
    """Fault: a login is refused, a certificate is not trusted, or a URL is wrong. dlcore ends at
    once, however patient it may be.
    """

    async def timed() -> float:
        started_s = asyncio.get_running_loop().time()
        endpoint = FakeEndpoint("a", BOTH, lambda asked: failing(fault))
        endpoint.locate_fault = None if is_located else fault
        with pytest.raises((ExhaustedError, IntegrityError)):
            await fetch(tmp_path, BOTH, [endpoint], retry=Retry(UNLIMITED, total_s=600.0), bus=bus)
        return asyncio.get_running_loop().time() - started_s

    bus = Recorder()
    assert virtually(timed()) < 5.0
    assert not bus.of(DownloadRetried)


@pytest.mark.parametrize("fault", [Fault.AUTH, Fault.TLS, Fault.NOT_FOUND])
def test_one_endpoint_that_may_come_back_is_waited_for(tmp_path: Path, fault: Fault) -> None:
    """Fault: one endpoint refuses the login, and the other is away for a while. dlcore waits."""
    refusing, other = FakeEndpoint("refusing", BOTH, lambda asked: failing(fault)), away()

    async def come_back() -> None:
        await asyncio.sleep(20)
        other.locate_fault = None

    async def main() -> None:
        task = asyncio.create_task(come_back())
        await fetch(tmp_path, BOTH, [refusing, other], retry=Retry(UNLIMITED, total_s=600.0))
        await task

    virtually(main())


def test_asking_goes_on_for_as_long_as_asked_for(tmp_path: Path) -> None:
    """Fault N10: no endpoint can be reached. dlcore asks again for the time asked for, and ends."""

    async def timed() -> float:
        started_s = asyncio.get_running_loop().time()
        with pytest.raises(ExhaustedError):
            await fetch(tmp_path, BOTH, [away()], retry=Retry(UNLIMITED, total_s=600.0), bus=bus)
        return asyncio.get_running_loop().time() - started_s

    bus = Recorder()
    assert 600.0 <= virtually(timed()) < 600.0 + ASKED_S
    told = [e for e in bus.events if isinstance(e, DownloadRetried) and e.package == "ABC00001"]
    assert [e.attempt for e in told] == [*range(1, len(told) + 1)]
    left_s = [e.left_s for e in told if e.left_s is not None]
    assert left_s == sorted(left_s, reverse=True)
    assert all(e.delay_s <= 120.0 for e in told)
    assert len({e.delay_s for e in told}) == len(told)  # no two waits alike
    assert "asking again in" in describe(told[0])


def test_what_arrives_gives_new_time(tmp_path: Path) -> None:
    """The time for retries is counted since anything of the package arrived."""
    turns = itertools.cycle((Reply(), *[failing(Fault.STALL)] * Policy().max_stalls))

    def script(asked: Asked) -> Reply:
        return next(turns)

    bus = Recorder()
    one = {"ABC00001": BOTH["ABC00001"]}
    endpoint = FakeEndpoint("a", one, script)
    retry = Retry(UNLIMITED, delay_s=60.0, total_s=90.0)
    virtually(fetch(tmp_path, one, [endpoint], retry=retry, bus=bus, connections=1))
    told = [e for e in bus.events if isinstance(e, DownloadRetried)]
    assert len(told) > 2  # more than there is time for without anything that arrives


def test_a_retry_finds_an_endpoint_that_came_back(tmp_path: Path) -> None:
    """Fault N10: no endpoint can be reached for a while. dlcore waits and asks again."""
    endpoint = FakeEndpoint("a", BOTH)
    endpoint.locate_fault = Fault.CONNECT

    async def come_back() -> None:
        await asyncio.sleep(20)
        endpoint.locate_fault = None

    async def main() -> None:
        task = asyncio.create_task(come_back())
        await fetch(tmp_path, BOTH, [endpoint])
        await task

    virtually(main())


def test_the_error_names_the_cause_of_every_endpoint(tmp_path: Path) -> None:
    endpoints = [
        FakeEndpoint("expired", BOTH, lambda asked: failing(Fault.AUTH)),
        FakeEndpoint("down", BOTH, lambda asked: failing(Fault.CONNECT)),
        FakeEndpoint("empty", {}),
    ]
    with pytest.raises(ExhaustedError) as caught:
        virtually(fetch(tmp_path, BOTH, endpoints, retry=AT_ONCE))
    assert {cause.endpoint for cause in caught.value.causes} == {"expired", "down", "empty"}
    assert all(name in caught.value.message for name in ("expired", "down", "empty"))


def test_a_proxy_that_refuses_is_told_with_its_own_status(tmp_path: Path) -> None:
    """Fault: the proxy before every endpoint asks for a login (407). dlcore says so, by status."""
    broken = FakeEndpoint("broken", BOTH, lambda asked: failing(Fault.CONNECT))
    behind = FakeEndpoint("behind", BOTH, lambda asked: failing(Fault.PROXY))
    with pytest.raises(ContentBehindProxyError) as caught:
        virtually(fetch(tmp_path, BOTH, [broken, behind], retry=AT_ONCE))
    assert (caught.value.code, caught.value.exit_status) == ("proxy-auth", 19)
    assert {cause.endpoint for cause in caught.value.causes} == {"broken", "behind"}


@pytest.mark.parametrize("other", [Fault.CONNECT, Fault.NOT_FOUND, Fault.CORRUPT])
def test_content_that_is_refused_ends_as_authentication(tmp_path: Path, other: Fault) -> None:
    """Fault H14: an endpoint answers 403 while content is read. dlcore exits as for a bad token."""
    endpoints = [
        FakeEndpoint("expired", BOTH, lambda asked: failing(Fault.AUTH)),
        FakeEndpoint("other", BOTH, lambda asked: failing(other)),
    ]
    with pytest.raises(ContentRefusedError) as caught:
        virtually(fetch(tmp_path, BOTH, endpoints, retry=AT_ONCE))
    assert (caught.value.code, caught.value.exit_status) == ("auth", AuthError.exit_status)


def test_a_server_that_is_not_trusted_is_told_with_its_own_status(tmp_path: Path) -> None:
    """Fault: the certificate of every endpoint is not trusted. dlcore says so, by status."""
    unknown = FakeEndpoint("unknown", BOTH, lambda asked: failing(Fault.TLS))
    with pytest.raises(ContentUnprovenServerError) as caught:
        virtually(fetch(tmp_path, BOTH, [unknown], retry=AT_ONCE))
    assert (caught.value.code, caught.value.exit_status) == ("tls", TlsError.exit_status)


def test_without_a_refusal_it_is_not_authentication(tmp_path: Path) -> None:
    down = FakeEndpoint("down", BOTH, lambda asked: failing(Fault.CONNECT))
    with pytest.raises(ExhaustedError) as caught:
        virtually(fetch(tmp_path, BOTH, [down], retry=AT_ONCE))
    assert caught.value.exit_status == 6


def test_an_endpoint_dropped_over_another_package_is_named_too(tmp_path: Path) -> None:
    async def main() -> ExhaustedError:
        async with opened(tmp_path, BOTH, [expired], retry=AT_ONCE) as content:
            with pytest.raises(ExhaustedError):
                await content.path("ABC00001")
            with pytest.raises(ExhaustedError) as caught:
                await content.path("ABC00002")
            return caught.value

    expired = FakeEndpoint("expired", BOTH, lambda asked: failing(Fault.AUTH))
    assert [cause.endpoint for cause in virtually(main()).causes] == ["expired"]
