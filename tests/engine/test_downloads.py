"""Downloads over endpoints that fail in every way, in virtual time."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import re
from pathlib import Path

import pytest

from dlcore.engine.download.downloads import SYNC_EVERY_S
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
    ExhaustedError,
    Fault,
    IntegrityError,
    ManifestError,
    NotFoundError,
)
from dlcore.store import Partial
from tests.engine.fakes import (
    GOOD,
    Asked,
    FakeEndpoint,
    Recorder,
    Reply,
    entry_of,
    fetch,
    opened,
    package,
)
from tests.engine.virtual_time import virtually
from tests.store.helpers import BLOCK_BYTES, read_back

ONE = package("ABC00001")
TWO = package("ABC00002", {"x": 9 * BLOCK_BYTES, "y": 5})
BOTH = {"ABC00001": ONE, "ABC00002": TWO}
LARGE = {"ABC00003": package("ABC00003", {"x": 200 * BLOCK_BYTES})}
AT_ONCE = Retry(count=0)


def failing(fault: Fault) -> Reply:
    return Reply(fault)


def lies_about(*blocks: int) -> Reply:
    return Reply(flips=frozenset(block * BLOCK_BYTES for block in blocks))


def test_everything_arrives_once_from_all_endpoints(tmp_path: Path) -> None:
    endpoints = [FakeEndpoint(name, BOTH) for name in ("a", "b")]
    virtually(fetch(tmp_path, BOTH, endpoints))
    content_bytes = sum(item.manifest.content_bytes for item in BOTH.values())
    assert sum(endpoint.delivered_bytes for endpoint in endpoints) == content_bytes
    assert all(endpoint.asked for endpoint in endpoints)


def test_a_second_run_fetches_nothing(tmp_path: Path) -> None:
    virtually(fetch(tmp_path, BOTH, [FakeEndpoint("a", BOTH)]))
    silent = FakeEndpoint("a", {})
    virtually(fetch(tmp_path, BOTH, [silent]))
    assert not silent.asked


def test_a_long_download_is_synced_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: the power fails in a long download. dlcore has synced all but the last seconds."""
    missing: list[int] = []
    sync = Partial.sync

    def noting(partial: Partial) -> None:
        missing.append(partial.missing())
        sync(partial)

    monkeypatch.setattr(Partial, "sync", noting)
    rate_bytes_per_s = 200 * BLOCK_BYTES / (10 * SYNC_EVERY_S)
    slow = FakeEndpoint("slow", LARGE, rate_bytes_per_s=rate_bytes_per_s)
    virtually(fetch(tmp_path, LARGE, [slow], connections=1))
    assert len(missing) >= 10
    assert missing == sorted(set(missing), reverse=True)
    assert missing[-1] == 0


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
        dead = FakeEndpoint("dead", BOTH, lambda asked: failing(Fault.AUTH))
        with pytest.raises(ExhaustedError):
            await fetch(tmp_path, BOTH, [dead], retry=Retry(3, 100.0), bus=bus)
        return asyncio.get_running_loop().time() - started_s

    bus = Recorder()
    assert 300.0 <= virtually(timed()) < 310.0
    retried = [e for e in bus.of(DownloadRetried) if isinstance(e, DownloadRetried)]
    assert [e.attempt for e in retried if e.package == "ABC00001"] == [1, 2, 3]
    assert PackageFailed in {type(event) for event in bus.events}


def test_asking_goes_on_for_as_long_as_asked_for(tmp_path: Path) -> None:
    """Fault N10: no endpoint can be reached. dlcore asks again for the time asked for, and ends."""

    async def timed() -> float:
        started_s = asyncio.get_running_loop().time()
        dead = FakeEndpoint("dead", BOTH, lambda asked: failing(Fault.AUTH))
        with pytest.raises(ExhaustedError):
            await fetch(tmp_path, BOTH, [dead], retry=Retry(UNLIMITED, total_s=600.0), bus=bus)
        return asyncio.get_running_loop().time() - started_s

    bus = Recorder()
    assert 600.0 <= virtually(timed()) < 601.0
    told = [e for e in bus.events if isinstance(e, DownloadRetried) and e.package == "ABC00001"]
    assert [e.attempt for e in told] == [*range(1, len(told) + 1)]
    left_s = [e.left_s for e in told if e.left_s is not None]
    assert left_s == sorted(left_s, reverse=True)
    assert all(e.delay_s <= 120.0 for e in told)
    assert len({e.delay_s for e in told}) == len(told)  # no two waits alike
    assert "asking again in" in describe(told[0])


def test_what_arrives_gives_new_time(tmp_path: Path) -> None:
    """The time for retries is counted since anything of the package arrived."""
    turns = itertools.cycle((Reply(), failing(Fault.AUTH)))

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


def test_a_package_given_up_leaves_the_others_alone(tmp_path: Path) -> None:
    """The second package's retry revives the endpoint that the first was given up for."""
    revived = False

    def refuse(asked: Asked) -> Reply:
        return GOOD if revived else failing(Fault.AUTH)

    async def main() -> None:
        nonlocal revived
        async with opened(tmp_path, BOTH, [early, late], retry=Retry(1, 5.0)) as content:
            content.order(list(BOTH))
            with pytest.raises(ExhaustedError):
                await content.path("ABC00001")
            revived = True
            assert read_back(await content.path("ABC00002")) == TWO.contents
            assert read_back(await content.path("ABC00001")) == ONE.contents

    early = FakeEndpoint("early", {"ABC00001": ONE}, refuse)
    late = FakeEndpoint(
        "late",
        {"ABC00002": TWO},
        lambda asked: GOOD if asked.number else failing(Fault.AUTH),
        latency_s=3,
    )
    virtually(main())


def test_a_dead_endpoint_holds_up_no_other(tmp_path: Path) -> None:
    async def timed() -> float:
        started_s = asyncio.get_running_loop().time()
        await fetch(tmp_path, BOTH, [dead, FakeEndpoint("good", BOTH)])
        return asyncio.get_running_loop().time() - started_s

    dead = FakeEndpoint("dead", {}, latency_s=30.0)
    assert virtually(timed()) < 35.0, "only the first manifest is waited for"


def test_two_waits_for_one_package_are_one_download(tmp_path: Path) -> None:
    """Fault G2: two tasks want the same package. dlcore downloads it once."""

    async def main() -> None:
        async with opened(tmp_path, BOTH, [endpoint]) as content:
            first, second = await asyncio.gather(content.path("ABC00001"), content.path("ABC00001"))
            assert first == second

    endpoint = FakeEndpoint("a", BOTH)
    virtually(main())
    assert endpoint.delivered_bytes == ONE.manifest.content_bytes


def test_what_nobody_ordered_arrives_if_somebody_waits_for_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path, BOTH, [FakeEndpoint("a", BOTH)]) as content:
            content.order(["ABC00001"])
            paths = await asyncio.gather(content.path("ABC00002"), content.path("ABC00001"))
            assert [read_back(path) for path in paths] == [TWO.contents, ONE.contents]

    virtually(main())


def test_the_earliest_needed_package_is_complete_first(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path, everything, [endpoint], connections=1) as content:
            content.order(["ABC00003", "ABC00001"], ["ABC00002"])
            await content.path("ABC00003")
            await content.path("ABC00001")
            await content.path("ABC00002")

    everything = BOTH | LARGE
    endpoint = FakeEndpoint("a", everything)
    virtually(main())
    order = [asked.package for asked in endpoint.asked]
    assert order == sorted(order, key=["ABC00003", "ABC00001", "ABC00002"].index)


def test_an_object_with_one_digest_is_fetched_again_elsewhere(tmp_path: Path) -> None:
    whole = {"ABC00004": package("ABC00004", {"x": 40 * BLOCK_BYTES + 7}, whole=True)}
    liar = FakeEndpoint("liar", whole, lambda asked: lies_about(5))
    honest = FakeEndpoint("honest", whole, rate_bytes_per_s=1e5)
    virtually(fetch(tmp_path, whole, [liar, honest], retry=AT_ONCE))
    assert honest.asked


def test_an_object_with_one_digest_that_all_serve_wrong_is_an_integrity_error(
    tmp_path: Path,
) -> None:
    whole = {"ABC00004": package("ABC00004", {"x": 40 * BLOCK_BYTES + 7}, whole=True)}
    liar = FakeEndpoint("liar", whole, lambda asked: lies_about(5))
    with pytest.raises(IntegrityError, match=r"liar: x does not match") as caught:
        virtually(fetch(tmp_path, whole, [liar], retry=AT_ONCE))
    assert liar.delivered_bytes == len(whole["ABC00004"].objects[0]), "one look is enough"
    right = hashlib.sha256(whole["ABC00004"].objects[0]).hexdigest()
    assert re.search(f"its SHA-256 is [0-9a-f]{{64}}, not {right[:16]}…", caught.value.message)


def test_an_object_that_is_replaced_while_it_is_fetched_is_fetched_again(tmp_path: Path) -> None:
    """Fault: an object is replaced while it is fetched. dlcore fetches the new one from its
    beginning.
    """

    def replaced(asked: Asked) -> Reply:
        if asked.number < 2:
            return lies_about(5)
        return failing(Fault.CHANGED) if asked.number == 2 else GOOD

    whole = {"ABC00004": package("ABC00004", {"x": 900 * BLOCK_BYTES + 7}, whole=True)}
    endpoint = FakeEndpoint("only", whole, replaced)
    virtually(fetch(tmp_path, whole, [endpoint], retry=AT_ONCE))


def without_ranges(asked: Asked) -> Reply:
    return GOOD if asked.from_beginning else failing(Fault.NO_RANGES)


@pytest.mark.parametrize("whole", [False, True])
def test_an_endpoint_without_ranges_is_read_in_one_stream(tmp_path: Path, whole: bool) -> None:
    """Fault H1: a server ignores ranges. dlcore reads each object in one stream."""
    packages = {"ABC00004": package("ABC00004", {"x": 300 * BLOCK_BYTES + 7}, whole=whole)}
    plain = FakeEndpoint("plain", packages, without_ranges)
    virtually(fetch(tmp_path, packages, [plain], retry=AT_ONCE))
    streams = [asked for asked in plain.asked if asked.from_beginning]
    length = len(packages["ABC00004"].objects[0])
    assert plain.delivered_bytes == length
    assert streams[-1].end == length
    assert len(streams) <= 2, "one, and one for a block that was split before that was known"


def test_to_find_out_that_a_server_lacks_ranges_is_no_failure_of_it(tmp_path: Path) -> None:
    """Fault: a server without ranges is blamed for dlcore's own probing. It has no failure."""

    async def failures() -> dict[str, int]:
        async with opened(tmp_path, packages, [plain], retry=AT_ONCE) as content:
            content.order(list(packages))
            await content.path("ABC00004")
            figures, progress = content.downloads.figures(), content.downloads.progress()
            return {**figures["plain"].faults, "told": progress.endpoints["plain"].failures}

    packages = {"ABC00004": package("ABC00004", {"x": 300 * BLOCK_BYTES + 7})}
    plain = FakeEndpoint("plain", packages, without_ranges)
    assert virtually(failures()) == {"told": 0}
    assert not all(asked.from_beginning for asked in plain.asked), "it was tried"


def test_an_endpoint_that_is_known_to_lack_ranges_is_asked_once(tmp_path: Path) -> None:
    packages = {"ABC00004": package("ABC00004", {"x": 300 * BLOCK_BYTES + 7})}
    plain = FakeEndpoint("plain", packages, without_ranges)
    plain.sends_ranges = False
    virtually(fetch(tmp_path, packages, [plain], retry=AT_ONCE))
    assert [asked.from_beginning for asked in plain.asked] == [True]


def test_a_stream_that_breaks_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    def breaks_once(asked: Asked) -> Reply:
        is_first = asked.from_beginning and not any(a.from_beginning for a in plain.asked[:-1])
        if is_first:
            return Reply(Fault.TRUNCATED, after_bytes=100 * BLOCK_BYTES)
        return without_ranges(asked)

    packages = {"ABC00004": package("ABC00004", {"x": 300 * BLOCK_BYTES + 7})}
    plain = FakeEndpoint("plain", packages, breaks_once)
    virtually(fetch(tmp_path, packages, [plain], retry=AT_ONCE))
    assert plain.asked[-1].start >= 100 * BLOCK_BYTES


def test_a_mirror_with_ranges_takes_over_the_end_of_the_stream(tmp_path: Path) -> None:
    packages = {"ABC00004": package("ABC00004", {"x": 300 * BLOCK_BYTES + 7})}
    plain = FakeEndpoint("plain", packages, without_ranges, rate_bytes_per_s=1e4)
    mirror = FakeEndpoint("mirror", packages, latency_s=1.0, rate_bytes_per_s=1e6)
    virtually(fetch(tmp_path, packages, [plain, mirror], retry=AT_ONCE))
    assert mirror.delivered_bytes > plain.delivered_bytes
    assert len([asked for asked in plain.asked if asked.from_beginning]) == 1


def test_an_unknown_package_is_named(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path, BOTH, [FakeEndpoint("a", BOTH)]) as content:
            with pytest.raises(NotFoundError, match="ABC0000F is not in the catalog") as refused:
                await content.path("ABC0000F")
            assert "(did you mean ABC0000" in refused.value.message

    virtually(main())


def test_a_catalog_that_swaps_manifests_is_refused(tmp_path: Path) -> None:
    """Fault M7: a catalog names the manifest of another package. dlcore refuses it."""

    async def main() -> None:
        async with opened(tmp_path, BOTH, [FakeEndpoint("a", BOTH)]) as content:
            content.library.catalog.packages["ABC00001"] = entry_of(TWO)
            with pytest.raises(ManifestError, match="ABC00002"):
                await content.path("ABC00001")

    virtually(main())
