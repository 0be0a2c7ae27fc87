"""Downloads: in which order, once, and in whatever form content is described; in virtual time."""

from __future__ import annotations

import asyncio
import hashlib
import re
from pathlib import Path

import pytest

from dlcore.engine.download.downloads import SYNC_EVERY_S
from dlcore.engine.download.retry import Retry
from dlcore.engine.events import DownloadRetried
from dlcore.errors import (
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


def test_a_package_given_up_leaves_the_others_alone(tmp_path: Path) -> None:
    """The second package's retry revives the endpoint that the first was given up for."""
    revived, bus = False, Recorder()

    def is_silent(asked: Asked) -> Reply:
        return GOOD if revived else failing(Fault.STALL)

    def is_silent_at_first(asked: Asked) -> Reply:
        told = [each for each in bus.events if isinstance(each, DownloadRetried)]
        is_retried = "ABC00002" in {each.package for each in told}
        return GOOD if is_retried else failing(Fault.STALL)

    async def main() -> None:
        nonlocal revived
        async with opened(tmp_path, BOTH, [early, late], retry=Retry(1, 5.0), bus=bus) as content:
            content.order(list(BOTH))
            with pytest.raises(ExhaustedError):
                await content.path("ABC00001")
            revived = True
            assert read_back(await content.path("ABC00002")) == TWO.contents
            assert read_back(await content.path("ABC00001")) == ONE.contents

    early = FakeEndpoint("early", {"ABC00001": ONE}, is_silent)
    late = FakeEndpoint("late", {"ABC00002": TWO}, is_silent_at_first, latency_s=3)
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
            content.package_index.catalog.packages["ABC00001"] = entry_of(TWO)
            with pytest.raises(ManifestError, match="ABC00002"):
                await content.path("ABC00001")

    virtually(main())
